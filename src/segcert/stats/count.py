"""Count certificates: how many tests are right to pass, without saying which.

Let a count ``k`` be fixed before the draws that are tested, ``g`` bound the probability that a
true null has k hits or more, and F tests fail. With a probability of at least ``1 - alpha``,
whatever the dependence, fewer than ``F g / (alpha - g)`` of the passes are wrong. Proof, and where
it is sharp: docs/decisions/0028.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from jaxtyping import Float64, Int64
from scipy.special import betainc

from segcert.errors import InputError
from segcert.stats.binomial import tails
from segcert.stats.levels import MOST_DRAWS, RESERVE, check_tau_alpha
from segcert.stats.p_values import no_pilot_p_values

CELLS, SMALLEST = 48, 1e-4  # of 1 - p, evenly spaced on a logarithmic scale
STEPS = 20  # of expectation and maximisation: few, as a pilot of few draws says little
LEAST = 1e-300  # chances below are of counts that were not seen
IDLE = 1e-9  # of alpha: counts that are rarer at tau gain nothing more


@dataclass(frozen=True)
class CountBound:
    """How many passes may be wrong.

    Args:
        k: Fewest hits of a pass.
        level: Bound of the probability that a true null passes, g.
        alpha: Allowed probability that more are wrong than `wrong` says; above ``level``.
    """

    k: int
    level: float
    alpha: float

    def wrong(self, *, passed: int, failed: int) -> int:
        """The largest number below ``F g / (alpha - g)``, exactly; no more than there are passes.

        Args:
            passed: Tests with k hits or more.
            failed: All others, F.
        """
        level, alpha = Fraction(self.level), Fraction(self.alpha)
        bound = failed * level / (alpha - level)
        whole = bound.numerator // bound.denominator
        below = whole - (bound == whole)
        return min(max(below, 0), passed)


@dataclass(frozen=True, eq=False)
class CountLevels:
    """What each count as ``k`` would cost.

    Args:
        levels: Bound of the probability that a true null has so many hits, or 1 if there is none.
        alphas: What is left of alpha.
    """

    levels: Float64[np.ndarray, " counts"]
    alphas: Float64[np.ndarray, " counts"]

    @property
    def possible(self) -> Int64[np.ndarray, " some"]:
        """The counts at which anything follows, but for those that are rarer than is of use."""
        able = np.flatnonzero(self.levels < self.alphas)
        of_use = able[self.levels[able] >= IDLE * self.alphas[able]]
        found: np.ndarray = of_use if len(of_use) else able[:1]
        return found

    def bound(self, k: int) -> CountBound:
        """The bound with one of them.

        Raises:
            InputError: If nothing follows from it.
        """
        if not 0 <= k < len(self.levels) or not self.levels[k] < self.alphas[k]:
            able = np.flatnonzero(self.levels < self.alphas)
            way_out = f"use k >= {able[0]}" if len(able) else "use more draws"
            raise InputError(
                f"k = {k} hits of {len(self.levels) - 1} are no rarer than alpha where the "
                f"probability is tau: {way_out}"
            )
        return CountBound(k, float(self.levels[k]), float(self.alphas[k]))


def count_levels(components: int, n: int, *, tau: float, alpha: float, pilot: bool) -> CountLevels:
    """Levels of all counts; they depend on nothing that was drawn.

    Without pilot the null is that no class has a probability above ``tau``, and a class of at most
    ``1 - tau`` may be the most frequent where another is above it: ``N P(Bin(n, 1 - tau) >= k)`` of
    alpha is set aside for that.

    Args:
        components: That are tested, N.
        n: Draws that are counted.
        tau: Probability threshold, in [1/2, 1).
        alpha: Allowed probability that the statement is wrong, in (0, 1).
        pilot: Whether other draws chose the classes.
    """
    if pilot:
        return CountLevels(tails(n, tau), np.full(n + 1, alpha))
    aside = components * tails(n, 1 - tau)
    left = np.where(aside <= alpha * RESERVE, np.nextafter(alpha - aside, 0), 0.0)
    return CountLevels(no_pilot_p_values(n, tau=tau), left)


def planned_count(given: CountLevels, pilot: Int64[np.ndarray, " counts"] | None = None) -> int:
    """Choose ``k`` so that the number is as large as the pilot lets expect.

    Nothing of the draws that are tested enters. What the pilot says of the components'
    probabilities is a law on cells of p that is fitted to how many had 0, ..., n0 pilot hits;
    without a pilot, or where k must not depend on it, 1 - p is as likely in one decade as in
    another.

    Args:
        given: Levels of the counts.
        pilot: How many tested components have 0, ..., n0 pilot hits.

    Raises:
        InputError: If so few draws can count nothing.
    """
    able, n = given.possible, len(given.levels) - 1
    if not len(able):
        raise InputError(f"n = {n} draws can count nothing at this tau and alpha: use more draws")
    p = 1 - np.geomspace(SMALLEST, 1, CELLS, endpoint=False)
    shares = np.full(CELLS, 1 / CELLS) if pilot is None else fitted(pilot, p)
    reached = np.array([float(shares @ betainc(max(k, 1), n - max(k, 1) + 1, p)) for k in able])
    levels, alphas = given.levels[able], given.alphas[able]
    expected = reached - np.minimum(reached, (1 - reached) * levels / (alphas - levels))
    return int(able[np.argmax(expected)])


def fitted(
    histogram: Int64[np.ndarray, " counts"], p: Float64[np.ndarray, " cells"]
) -> Float64[np.ndarray, " cells"]:
    """Fit a law on cells to binomial counts, by a few steps of expectation and maximisation."""
    n, shares = len(histogram) - 1, np.full(len(p), 1 / len(p))
    k = np.arange(n + 1)[:, None]
    chance = p**k * (1 - p) ** (n - k)  # but for factors that all cells share
    observed = histogram / max(int(histogram.sum()), 1)
    for _ in range(STEPS):
        shares = shares * ((observed / np.maximum(chance @ shares, LEAST)) @ chance)
        shares = shares / shares.sum()
    return shares


def fewest_draws_to_count(components: int, *, tau: float, alpha: float, pilot: bool = True) -> int:
    """Smallest number of draws from which a count follows, with a pilot whatever N is.

    Args:
        components: That are tested.
        tau: Probability threshold, in [1/2, 1).
        alpha: Allowed probability that the statement is wrong, in (0, 1).
        pilot: Whether other draws choose the classes.

    Raises:
        InputError: If ``tau`` or ``alpha`` is out of range, or n would exceed ten million.
    """
    check_tau_alpha(tau=tau, alpha=alpha)

    def enough(n: int) -> bool:
        found = count_levels(components, n, tau=tau, alpha=alpha, pilot=pilot)
        return bool((found.levels < found.alphas).any())

    high = 1
    while not enough(high):
        high *= 2
        if high > MOST_DRAWS:
            raise InputError(f"tau = {tau} would need more than {MOST_DRAWS} draws: lower tau")
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
