"""One class against the rest: where it surely is, where it surely is not, and neither."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Int32

from segcert.certificates.chosen import Chosen
from segcert.certificates.components import claim_components
from segcert.certificates.family import Family
from segcert.errors import InputError
from segcert.sampling.counts import Counts
from segcert.stats.holm import holm


@dataclass(frozen=True, eq=False)
class OneClass:
    """What is certain about one class within the radius.

    Whatever the attack, the components at which the class has a probability above one half are a
    set S with ``sure`` inside S inside ``possible``.

    Args:
        number: Of the class.
        name: Of the class.
        sure: Components at which it has a probability above one half under every attack.
        possible: Components at which it is not proved that the others have.
    """

    number: int
    name: str
    sure: Bool[np.ndarray, " *components"]
    possible: Bool[np.ndarray, " *components"]

    @property
    def area(self) -> tuple[int, int]:
        """Least and largest number of components of S."""
        return int(self.sure.sum()), int(self.possible.sum())


def one_class(
    counts: Counts, number: int, *, name: str, tau: float, alpha: float, ignore: np.ndarray | None
) -> OneClass:
    """Certify, at each component, that a class is there or that it is not.

    "The class" and "another class" are two classes, and the test without pilot covers both, with
    Holm's correction over the components.

    Args:
        counts: Of all classes, drawn without pilot.
        number: Of the class.
        name: Of the class.
        tau: Probability threshold, in [1/2, 1).
        alpha: Allowed probability that anything about this class is wrong.
        ignore: Components that are not tested: there the class is possible, and never sure.

    Raises:
        InputError: If there was a pilot, or ``n`` is too small to certify anything.

    Source:
        docs/guarantees.md, sections 2 and 12.
    """
    claim = claim_components(of_two(counts, number), Chosen(tau, alpha, holm, Family(ignore)))
    there = claim.labels == 1
    return OneClass(number, name, claim.certified & there, ~(claim.certified & ~there))


def of_two(counts: Counts, number: int) -> Counts:
    """Counts of a class (1) against all others together (0); lost labels count for neither.

    Raises:
        InputError: If there was a pilot.
    """
    if counts.class_counts is None:
        raise InputError("objects need the counts of all classes: sample with n0 = 0")
    here: Int32[np.ndarray, " *components"] = counts.class_counts[number]
    both = np.stack([counts.class_counts.sum(0, dtype=np.int32) - here, here])
    return replace(
        counts, labels=both.argmax(0).astype(np.int16), hits=both.max(0), class_counts=both,
        classes=2, class_names=(), palette=(),
    )  # fmt: skip
