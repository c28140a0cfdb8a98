"""Binomial tails, rounded outward."""

import numpy as np
from jaxtyping import Float64
from scipy.special import betainc

OUTWARD = 1 + 1e-10  # far more than the relative error of betainc; the tests measure it
FLOOR = 1e-200  # added: betainc loses digits from about 1e-270 on; no level is that small


def tails(n: int, p: float) -> Float64[np.ndarray, " counts"]:
    """Upper tails of the binomial distribution.

    Args:
        n: Number of trials, at least 1.
        p: Probability of success, in (0, 1).

    Returns:
        ``P(Bin(n, p) >= k)`` for k = 0, ..., n, never too small.

    Source:
        P(Bin(n, p) >= k) = I_p(k, n - k + 1), the regularised incomplete beta function
        (Abramowitz & Stegun 26.5.24).
    """
    k = np.arange(1, n + 1, dtype=np.float64)
    beta = betainc(k, n - k + 1, p)
    return np.concatenate([[1.0], np.minimum(beta * OUTWARD + FLOOR, 1.0)])
