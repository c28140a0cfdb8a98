"""A count: at least so many components are robust, in the whole and in any region asked for."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64

from segcert.certificates.chosen import Chosen
from segcert.certificates.claim import Claim
from segcert.certificates.count_chosen import CountChosen
from segcert.certificates.count_part import CountPart
from segcert.certificates.count_words import count_in_words
from segcert.certificates.family import Family
from segcert.certificates.variation import check_variation_of
from segcert.errors import InputError
from segcert.sampling.counts import Counts
from segcert.stats.correction import share_of
from segcert.stats.count import count_levels, fewest_draws_to_count, planned_count
from segcert.stats.holm import holm
from segcert.stats.levels import check_tau_alpha

COUNT_FORMAT = 4  # version of the files that are written


@dataclass(frozen=True, eq=False, kw_only=True)
class CountClaim(Claim):
    """A claim that counts; its ``certified`` are those that passed, and are not certified each.

    It is what files are made of; users hold a `segcert.certificates.counted.CountCertificate`,
    which has no such mask.

    Args:
        count: What was chosen besides the threshold and alpha.
        of_parts: What is counted, part by part.
    """

    count: CountChosen
    of_parts: tuple[CountPart, ...]

    @property
    def chosen(self) -> Chosen:
        """What was chosen before the counts were seen."""
        return Chosen(self.tau, self.alpha, family=self.family, count=self.count)

    @property
    def method(self) -> str:
        """Name of the procedure."""
        return f"count of {self.count.parts}, {'pilot' if self.counts.n0 else 'no pilot'}"

    @property
    def number(self) -> int:
        """So many components are robust in all."""
        return sum(part.at_least for part in self.of_parts)

    @property
    def tested(self) -> int:
        """How many components were tested."""
        return sum(part.tested for part in self.of_parts)


def claim_count(counts: Counts, chosen: Chosen, count: CountChosen) -> CountClaim:
    """Claim that at least so many components are robust.

    The guarantee is that of `segcert.certificates.counted.certify_count`.

    Args:
        counts: What was drawn, a number of draws that was fixed.
        chosen: Its threshold, alpha and mask are asked for.
        count: What else was chosen.

    Raises:
        InputError: If what was chosen is out of range or does not fit the counts, or nothing can
            follow from so few draws.

    Source:
        docs/guarantees.md, section 11; docs/decisions/0028.
    """
    tau, alpha, family = chosen.tau, chosen.alpha, Family(chosen.family.ignore)
    check_tau_alpha(tau=tau, alpha=alpha)
    check_variation_of(counts, alpha=alpha)
    family.check(counts)
    check_fixed(counts, count)
    tested = family.tested(counts)
    check_draws_to_count(int(tested.sum()), counts.n, tau=tau, alpha=alpha, pilot=counts.n0 > 0)
    masks = parts_of(counts, tested, count)
    level = share_of(alpha, len(masks))
    parts = tuple(
        counted(counts, label, mask, tau=tau, alpha=level, k=count.k) for label, mask in masks
    )
    passed = np.zeros(tested.shape, dtype=bool)
    for (_, mask), part in zip(masks, parts, strict=True):
        passed |= mask & (counts.hits >= part.bound.k)
    radius = counts.noise.radius(tau)
    return CountClaim(
        counts=counts, labels=counts.labels, certified=passed, tau=tau, alpha=alpha,
        correction=holm, family=family, tree=None,
        threshold=min(part.bound.k for part in parts), radius=radius,
        statement=count_in_words(counts, parts, radius=radius, alpha=alpha, family=family),
        version=COUNT_FORMAT, count=count, of_parts=parts,
    )  # fmt: skip


def check_fixed(counts: Counts, count: CountChosen) -> None:
    """Refuse draws that might have stopped early, and classes that the tested draws chose.

    Raises:
        InputError: With the way out.
    """
    if counts.sequential is not None:
        raise InputError("a count needs a number of draws that is fixed: leave out stop_when")
    if count.parts == "classes" and not counts.n0:
        raise InputError(
            "parts = 'classes' takes the classes from a pilot, as the tested draws must not "
            "choose what is counted: use n0 >= 1, or parts = 'whole'"
        )


def check_draws_to_count(components: int, n: int, *, tau: float, alpha: float, pilot: bool) -> None:
    """Refuse a number of draws from which no count follows.

    Raises:
        InputError: With the smallest number that works.
    """
    least = fewest_draws_to_count(components, tau=tau, alpha=alpha, pilot=pilot)
    if n < least:
        raise InputError(
            f"n = {n} draws can count nothing at tau = {tau}, alpha = {alpha}: use n >= {least}, "
            "or a smaller tau"
        )


def parts_of(
    counts: Counts, tested: Bool[np.ndarray, " *components"], count: CountChosen
) -> list[tuple[int | None, Bool[np.ndarray, " *components"]]]:
    """The families that are counted, each with the class that the pilot gave it."""
    if count.parts == "whole":
        return [(None, tested)]
    return [(int(label), tested & (counts.labels == label)) for label in
            np.unique(counts.labels[tested])]  # fmt: skip


def counted(
    counts: Counts,
    label: int | None,
    mask: Bool[np.ndarray, " *components"],
    *,
    tau: float,
    alpha: float,
    k: int | None,
) -> CountPart:
    """Count one family.

    Args:
        counts: What was drawn.
        label: The class of all of it, if there is one.
        mask: What belongs to it.
        tau: Probability threshold.
        alpha: Its share of what may be wrong.
        k: As of `CountChosen`.
    """
    hits = counts.hits[mask]
    given = count_levels(len(hits), counts.n, tau=tau, alpha=alpha, pilot=counts.n0 > 0)
    chosen = planned_count(given, pilot_histogram(counts, mask)) if k is None else k
    bound = given.bound(chosen)
    return CountPart(label, len(hits), int((hits >= bound.k).sum()), bound)


def pilot_histogram(
    counts: Counts, mask: Bool[np.ndarray, " *components"]
) -> Int64[np.ndarray, " counts"] | None:
    """How many of some components have 0, ..., n0 pilot hits; None without pilot."""
    if counts.pilot_hits is None:
        return None
    return np.bincount(counts.pilot_hits[mask], minlength=counts.n0 + 1).astype(np.int64)
