"""Radius maps: for each component the largest radius that is proved, all of them jointly."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int16

from segcert.certificates.segcertify import certify
from segcert.certificates.variation import check_variation_of
from segcert.certificates.words import beginning, conditions, named
from segcert.errors import InputError
from segcert.sampling.counts import Counts
from segcert.stats.clopper_pearson import lower_bounds
from segcert.stats.correction import AbstractCorrection
from segcert.stats.correction_names import as_correction, claim_in_words
from segcert.stats.holm import holm
from segcert.stats.levels import check_tau_alpha
from segcert.stats.looks import Looks
from segcert.stats.sequential import Anytime


@dataclass(frozen=True, eq=False)
class RadiusMap:
    """One certified radius per component.

    Args:
        counts: The counts that it follows from.
        alpha: Allowed probability that any of the radii is wrong.
        radius: Of each component, in the unit of the noise; 0 where nothing is certified.
        method: How it was found.
        statement: The guarantee in words.
    """

    counts: Counts
    alpha: float
    radius: Float64[np.ndarray, " *components"]
    method: str
    statement: str

    @property
    def labels(self) -> Int16[np.ndarray, " *components"]:
        """Class of each component; it is guaranteed only within its radius."""
        return self.counts.labels

    @property
    def certified(self) -> Bool[np.ndarray, " *components"]:
        """Which components have a radius above 0."""
        return self.radius > 0


def radius_map(
    counts: Counts,
    *,
    alpha: float = 1e-3,
    taus: tuple[float, ...] = (),
    correction: AbstractCorrection | str = holm,
) -> RadiusMap:
    """Certify a radius of its own for each component.

    Without ``taus``: the one-sided Clopper-Pearson bound p of each component at alpha / N (half of
    that without pilot) gives radius(p), simultaneously for all components and all radii. With
    ``taus``: `certify` at each of J thresholds with alpha / J, and the largest radius that holds.
    Either must be chosen, like its arguments, before the counts are seen. A certificate of the
    same counts spends an alpha of its own: read together, the two errors add up.

    Without pilot, proof: at a component, let a = alpha / (2N) and h(p) = P(Bin(n, p) >= k) for
    the smallest k whose bound exceeds 1/2, so that h(1/2) <= a and k > n/2. A class of
    probability p_c > 1/2 (there is at most one) gets a bound above p_c with probability <= a. The
    others have at most 1/2 each, and their error {count >= k} sums up to at most 2 h(1/2) if no
    class has more than 1/2 (decision 4, claim 1), else to at most h(1/2) (claim 2): 2a in all.

    Args:
        counts: What `sample` returned.
        alpha: Allowed probability that any of the radii is wrong, in (0, 1).
        taus: Thresholds of a grid, each in (1/2, 1); none for Clopper-Pearson bounds.
        correction: For the grid only; as for `certify`.

    Raises:
        InputError: If an argument is out of range, or bounds are asked of an e-process.

    Source:
        Clopper & Pearson (1934); docs/guarantees.md, section 6; docs/decisions/0004.
    """
    correction = as_correction(correction)
    check_tau_alpha(tau=0.5, alpha=alpha)
    check_variation_of(counts, alpha=alpha)
    if taus:
        radius, method = grid(counts, alpha, taus, correction), f"grid of tau {taus}, {correction}"
    else:
        radius, method = bounds(counts, alpha), "Clopper-Pearson bounds, bonferroni"
    errors = correction.errors_allowed * len(taus)  # of each threshold
    said = claim_in_words(correction) if taus else ""
    statement = in_words(counts, radius, alpha, errors, said)
    return RadiusMap(counts, alpha, radius, method, statement)


def bounds(counts: Counts, alpha: float) -> Float64[np.ndarray, " *components"]:
    """Radii of the Clopper-Pearson bounds, by a table of n + 1 entries."""
    if isinstance(counts.sequential, Anytime):
        raise InputError(
            "bounds hold at planned numbers of draws: sample a fixed n or use looks, or take a "
            "grid of taus"
        )
    level = counts.sequential.level(alpha=alpha) if isinstance(counts.sequential, Looks) else alpha
    sides = 1 if counts.n0 else 2
    at_least = lower_bounds(counts.n, level=math.nextafter(level / (sides * counts.components), 0))
    table = [counts.noise.radius(p) if 0.5 < p < 1 else 0.0 for p in at_least.tolist()]
    radius: np.ndarray = np.array(table)[counts.hits]
    return radius


def grid(
    counts: Counts, alpha: float, taus: tuple[float, ...], correction: AbstractCorrection
) -> Float64[np.ndarray, " *components"]:
    """Largest radius of the certificates at each threshold."""
    if any(not 0.5 < tau < 1 for tau in taus) or len(set(taus)) < len(taus):
        raise InputError(f"taus must be different numbers in (1/2, 1), got {taus}")
    radius = np.zeros(counts.labels.shape)
    share = math.nextafter(alpha / len(taus), 0)
    for tau in taus:
        found = certify(counts, tau=tau, alpha=share, correction=correction)
        np.maximum(radius, np.where(found.certified, found.radius, 0), out=radius)
    return radius


def in_words(
    counts: Counts,
    radius: Float64[np.ndarray, " *components"],
    alpha: float,
    errors: int,
    said: str,
) -> str:
    """Say what is certified, no more."""
    noise = counts.noise
    which = f"at all but at most {errors} of" if errors else "at each of"
    parts = (
        f"{beginning(counts, alpha=alpha)} {which} the "
        f"{int((radius > 0).sum())} components of {counts.components} that have a radius, the "
        f"class printed is the class of the smoothed model for every "
        f"{noise.ball('the radius printed there')}. The smoothed model gives the most probable "
        f"class of {named(counts.provenance)} under {noise.description}.",
        *conditions(counts), *filter(None, [said]), "Nothing is said about the other components.",
    )  # fmt: skip
    return " ".join(parts)
