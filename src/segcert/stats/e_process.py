"""p-values that hold at any stopping time, for hits against the class a pilot has chosen.

A gambler starts with wealth 1 and bets against "the class has probability at most tau". One bet,
``u`` in [0, 1), multiplies the wealth by ``u`` at a miss and by ``(1 - u (1 - tau)) / tau`` at a
hit. That is the likelihood ratio of ``p1 = 1 - u (1 - tau)``, which lies in (tau, 1], to ``tau``.
If a draw hits with probability p, its mean factor

    p (1 - u (1 - tau)) / tau + (1 - p) u

is linear in p, rises (the factor of a hit is above 1, that of a miss below) and is 1 at p = tau.
So under every p <= tau the wealth is a non-negative supermartingale, and so is the mixture of all
bets by fixed weights. It stays one if the past of *all* components is known, because the next draw
is independent of it. At any time ``T`` at which the image stops, E W_T <= 1 (optional stopping)
and P(1 / W_T <= a) <= a (Markov): ``1 / W_T`` is a p-value.
"""

import numpy as np
from jaxtyping import Float64, Int64
from scipy.special import xlogy

from segcert.stats.binomial import FLOOR

# Fixed for all n, tau and levels. How they were found: docs/decisions/0009.
BETS = np.array([0, 0.03, 0.07, 0.12, 0.18, 0.25, 0.33, 0.42, 0.52, 0.64, 0.76, 0.88])
WEIGHTS = np.array([0.22, 0.15, 0.11, 0.15, 0.13, 0.10, 0.07, 0.035, 0.015, 0.01, 0.005, 0.005])


def e_process_p_values(n: int, *, tau: float) -> Float64[np.ndarray, " counts"]:
    """p-values of "the class chosen by the pilot has probability at most tau", at any n.

    At every stopping time of the image, also one that looks at the counts of all components, at
    certificates or at a clock, the probability that a p-value is at most ``a`` is at most ``a``
    under the hypothesis. The draws that chose the class must not be counted.

    Args:
        n: Draws that were counted when sampling stopped.
        tau: Probability threshold, in (0, 1).

    Returns:
        ``min(1, 1 / W)`` for k = 0, ..., n, never too small; it does not increase.

    Source:
        Robbins & Siegmund (1970), Ann. Math. Statist. 41:1410-1429 (mixtures of likelihood
        ratios); Ramdas et al. (2023), Statist. Sci. 38(4):576-601 (e-processes).
    """
    hits = np.arange(n + 1)
    p_values = at_most_one(log_wealth(hits, n - hits, tau=tau), n)
    return np.maximum.accumulate(p_values[::-1])[::-1]  # rounding may not break the order


def log_wealth(
    hits: Int64[np.ndarray, " counts"], misses: Int64[np.ndarray, " counts"], *, tau: float
) -> Float64[np.ndarray, " counts"]:
    """Logarithm of the wealth after so many hits and misses.

    Returns:
        ``log W`` to an absolute error of 1e-14 for each draw; not rounded outward.
    """
    total = np.full(len(hits), -np.inf)
    for u, weight in zip(BETS, WEIGHTS, strict=True):  # one by one: n may be ten million
        at_a_hit = np.log1p((1 - u) * (1 - tau) / tau)
        total = np.logaddexp(total, np.log(weight) + hits * at_a_hit + xlogy(misses, u))
    return total


def at_most_one(
    logarithms: Float64[np.ndarray, " counts"], n: int
) -> Float64[np.ndarray, " counts"]:
    """Turn logarithms of wealth after n draws into p-values, rounded up."""
    slack = 1e-13 * (n + 1000)  # far more than the error of the logarithm
    return np.minimum(np.exp(np.minimum(slack - logarithms, 0.0)) + FLOOR, 1.0)
