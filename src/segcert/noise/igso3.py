"""The angle of Brownian motion on the rotations, IGSO(3): its law, in float64 and exactly."""

import math
from functools import lru_cache

import mpmath
import numpy as np
from jaxtyping import Float64, Int64

from segcert.noise.laws import DIGITS
from segcert.noise.parameter import WideNumber

EXPONENT = 56.0  # terms below exp(-56) = 2^-80 are left out
EXACT_EXPONENT = 110.0  # the same for 80 digits: below 2^-158, far less than one word of 128 bits
HALVINGS = 56  # of [0, pi]: to one unit in the last place of pi / 4
CDF_ERROR = 1.1e-13  # of the distribution function in float64
THIN = 1e-3  # where the density is smaller, that error is a larger one of the angle
ROUNDING = 2.0**-50  # of an angle
CONVERGED = mpmath.mpf(10) ** -60


@lru_cache(maxsize=8)
def coefficients(sigma: float) -> Float64[np.ndarray, " terms"]:
    """Weights ``(2 l + 1) exp(-l (l + 1) sigma^2 / 2)`` of the series, l = 0, 1, ..."""
    last = math.ceil(math.sqrt(2 * EXPONENT) / sigma) + 1
    order = np.arange(last + 1, dtype=np.float64)
    weights: np.ndarray = (2 * order + 1) * np.exp(-order * (order + 1) * sigma**2 / 2)
    return weights


@lru_cache(maxsize=8)
def harmonics(
    sigma: float,
) -> tuple[Int64[np.ndarray, " terms"], Float64[np.ndarray, " terms"]]:
    """Orders l = 1, 2, ... and differences of the weights, which the distribution is made of."""
    return np.arange(1, len(coefficients(sigma))), np.diff(coefficients(sigma))


def angle_cdf(angle: Float64[np.ndarray, " m"], sigma: float) -> Float64[np.ndarray, " m"]:
    """Distribution function of the rotation angle, for angles in [0, pi].

    The integral of the density ``(1 - cos w) / pi sum_l (2 l + 1) e^{-l (l + 1) sigma^2 / 2}
    sin((l + 1/2) w) / sin(w / 2)``, term by term: ``2 sin(w / 2) sin((l + 1/2) w)`` is
    ``cos(l w) - cos((l + 1) w)``. Absolute error below 1e-13.

    Source:
        Nikolayev & Savyolova (1997), "Normal distribution on the rotation group SO(3)".
    """
    order, differences = harmonics(sigma)
    waves = np.sin(angle[:, None] * order) / order
    total: np.ndarray = (angle + waves @ differences) / math.pi
    return total


def angles(shares: Float64[np.ndarray, " m"], sigma: float) -> Float64[np.ndarray, " m"]:
    """Rotation angles at given shares of their distribution, by bisection; radians."""
    low, high = np.zeros_like(shares), np.full_like(shares, math.pi)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        below = angle_cdf(middle, sigma) < shares
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    found: np.ndarray = (low + high) / 2
    return found


def angle_of(number: WideNumber, sigma: float) -> tuple[float, float]:
    """Rotation angle of a random number, and a bound on its error, radians.

    The error of the distribution function, over its slope, is that of the angle; where the slope
    is small the angle is computed with 80 digits.
    """
    share = number.tail if number.word < 0 else 1 - number.tail
    angle = float(angles(np.array([share]), sigma)[0])
    order, differences = harmonics(sigma)
    slope = float(1 + np.cos(angle * order) @ differences) / math.pi
    if slope < THIN:
        return float(exact_angle(number, sigma, angle)), ROUNDING
    return angle, 2 * CDF_ERROR / slope + ROUNDING


def exact_angle(number: WideNumber, sigma: float, near: float) -> mpmath.mpf:
    """Rotation angle of a random number with 60 digits, by Newton steps within a bracket.

    Args:
        number: Its share of the law.
        sigma: Standard deviation per axis, radians.
        near: Where to begin.
    """
    with mpmath.workdps(DIGITS):
        share = number.exact_tail if number.word < 0 else 1 - number.exact_tail
        low, high, angle = mpmath.mpf(0), mpmath.pi, mpmath.mpf(near)
        while True:
            below, slope = exact_cdf(angle, sigma)
            low, high = (angle, high) if below < share else (low, angle)
            following = angle - (below - share) / slope if slope > 0 else low
            if not low < following < high:
                following = (low + high) / 2
            if abs(following - angle) < CONVERGED:
                return following
            angle = following


def exact_cdf(angle: mpmath.mpf, sigma: float) -> tuple[mpmath.mpf, mpmath.mpf]:
    """Distribution function and density of the angle, with the digits that mpmath works with."""
    last = math.ceil(math.sqrt(2 * EXACT_EXPONENT) / sigma) + 1
    total, slope, before = angle, mpmath.mpf(1), mpmath.mpf(1)
    variance, wave = mpmath.mpf(sigma) ** 2, mpmath.expj(angle)
    power = mpmath.mpc(1)
    for order in range(1, last + 1):
        weight = (2 * order + 1) * mpmath.exp(-order * (order + 1) * variance / 2)
        power *= wave
        total += (weight - before) * power.imag / order
        slope += (weight - before) * power.real
        before = weight
    return total / mpmath.pi, slope / mpmath.pi
