"""Count certificates as users call them: how many components are robust, never which."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Shaped

from segcert.certificates.chosen import Chosen
from segcert.certificates.claim import Claim
from segcert.certificates.claim_files import read_claim, save_claim
from segcert.certificates.count import CountClaim, claim_count
from segcert.certificates.count_chosen import CountChosen, Parts
from segcert.certificates.count_part import CountPart
from segcert.certificates.family import Family
from segcert.errors import InputError
from segcert.sampling.counts import Counts, Provenance
from segcert.text import percent_text


@dataclass(frozen=True, eq=False, repr=False)
class CountCertificate:
    """At least so many components of one input are robust, and in any region asked for.

    With confidence ``1 - alpha`` (one probability for all that is said, in all regions at once,
    also in those that are asked for afterwards), so many components keep their class as that of
    the smoothed model for every perturbation of norm at most ``radius``. Which ones is not said,
    so there is no mask and no picture: ``statement`` says it all.

    Args:
        claim: What it is made of.

    Source:
        docs/guarantees.md, section 11; docs/decisions/0028.
    """

    claim: CountClaim

    @classmethod
    def of(cls, claim: Claim) -> "CountCertificate":
        """Make one of a claim.

        Raises:
            InputError: If the claim names components.
        """
        if not isinstance(claim, CountClaim):
            raise InputError("this certificate names components: use load_certificate")
        return cls(claim)

    @property
    def counts(self) -> Counts:
        """The counts that it follows from."""
        return self.claim.counts

    @property
    def tau(self) -> float:
        """Probability threshold."""
        return self.claim.tau

    @property
    def alpha(self) -> float:
        """Allowed probability that anything of it is wrong."""
        return self.claim.alpha

    @property
    def radius(self) -> float:
        """Of the certified ball, in the unit of the noise; never rounded up."""
        return self.claim.radius

    @property
    def statement(self) -> str:
        """The guarantee in words."""
        return self.claim.statement

    @property
    def provenance(self) -> Provenance:
        """Where the counts come from."""
        return self.claim.provenance

    @property
    def family(self) -> Family:
        """What was tested."""
        return self.claim.family

    @property
    def parts(self) -> tuple[CountPart, ...]:
        """What is counted by itself: all that is tested, or each class."""
        return self.claim.of_parts

    @property
    def share(self) -> float:
        """Smallest share of the components that are robust; those that are not tested are not."""
        return self.at_least() / self.counts.components

    def at_least(self, mask: Shaped[np.ndarray, " *components"] | None = None) -> int:
        """How many components of a region are robust, at least.

        Args:
            mask: The region, chosen whenever and by whatever; None is the whole input.

        Raises:
            InputError: If it is no mask of the components.
        """
        if mask is None:
            return self.claim.number
        labels = self.counts.labels
        if mask.shape != labels.shape or mask.dtype != np.bool_:
            raise InputError(
                f"mask must be booleans of shape {labels.shape}, got {mask.dtype} of shape "
                f"{mask.shape}"
            )
        passed = self.claim.certified & mask
        found = 0
        for part in self.parts:
            here = passed if part.label is None else passed & (labels == part.label)
            found += max(0, int(here.sum()) - part.wrong)
        return found

    def save(self, folder: str | Path) -> None:
        """Write ``certificate.json`` and ``counts.npz`` into a folder, each atomically."""
        save_claim(self.claim, Path(folder))

    def __repr__(self) -> str:
        """Say in one line how many are robust."""
        number, components = self.at_least(), self.counts.components
        return (
            f"<CountCertificate: at least {percent_text(number, components)} of {components} "
            f"robust, alpha = {self.alpha:g}>"
        )


def certify_count(
    counts: Counts,
    *,
    tau: float,
    alpha: float = 1e-3,
    k: int | None = None,
    parts: Parts = "whole",
    ignore: Bool[np.ndarray, " *components"] | None = None,
) -> CountCertificate:
    """Certify how many components have a class whose probability is above ``tau``.

    All that is said is wrong with a probability of at most ``alpha`` in all, over the draws,
    whatever the dependence between the components. Every argument must be chosen before the counts
    are seen. It starts at 25 draws with tau = 0.75 and alpha = 0.001, however many components there
    are.

    Args:
        counts: What `sample` returned, a number of draws that was fixed.
        tau: Probability threshold, in [1/2, 1); the radius grows with it.
        alpha: Allowed probability that anything that is said is wrong, in (0, 1).
        k: Fewest hits of a component that passes; None lets the pilot choose.
        parts: "whole" for one count, "classes" for one of each class that the pilot chose, with an
            equal share of alpha each.
        ignore: Components that are not tested; may depend on the input and the pilot draws.

    Returns:
        The certificate.

    Raises:
        InputError: If an argument is out of range, or nothing can follow from so few draws.

    Source:
        docs/guarantees.md, section 11; docs/decisions/0028.
    """
    chosen = Chosen(tau, alpha, family=Family(ignore))
    return CountCertificate(claim_count(counts, chosen, CountChosen(k, parts)))


def load_count(path: str | Path) -> CountCertificate:
    """Read a count certificate and compute again that it follows from its counts.

    Args:
        path: The folder with ``certificate.json`` and ``counts.npz``, or the former.

    Raises:
        InputError: If a file is missing or cannot be read, or names components.
        VerificationError: If anything in it does not follow from the counts, or cannot be.
    """
    return CountCertificate.of(read_claim(Path(path)))
