"""p-values of a count, one for each of the n + 1 possible counts."""

import numpy as np
from jaxtyping import Float64

from segcert.stats.binomial import tails


def pilot_p_values(n: int, *, tau: float) -> Float64[np.ndarray, " counts"]:
    """p-values of "the class chosen by the pilot has probability at most tau".

    Returns:
        ``P(Bin(n, tau) >= k)`` for k = 0, ..., n.

    Source:
        Fischer et al. (2021), Algorithm 2; one-sided binomial test.
    """
    return tails(n, tau)


def no_pilot_p_values(n: int, *, tau: float) -> Float64[np.ndarray, " counts"]:
    """p-values of "no class has a probability above tau", tested on the most frequent class.

    The probability that *some* class of probability at most tau is counted k times or more is
    at most the k-th value.

    Returns:
        ``P(Bin(n, tau) >= k) + P(Bin(n, 1 - tau) >= k)`` where k >= tau (n - 1) + 1 and k > n/2,
        else 1.

    Source:
        Proof in docs/decisions/0004: the events are disjoint for k > n/2, and a convex function
        that is 0 at 0 sums to most at the corner (tau, 1 - tau) of the simplex.
    """
    k = np.arange(n + 1)
    valid = (k >= tau * (n - 1) + 1) & (2 * k > n)
    both = tails(n, tau) + tails(n, 1 - tau)
    return np.where(valid, np.minimum(both, 1.0), 1.0)
