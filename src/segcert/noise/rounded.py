"""Gaussian noise on real numbers, rounded to a declared grid, exactly.

Let ``f`` be the base model on numbers of the grid ``step * integers``. The model
``g(y) = f(round(y))`` is an ordinary function of real numbers, so Cohen's theorem holds for ``g``
under exact Gaussian noise, wherever the input ``x`` lies. To sample ``g`` one needs
``round(x + sigma z)`` with its exact law. With ``x = step * (whole + part)`` it is
``step * (whole + K)``, and

    K = round(part + (sigma / step) z),   z = Phi^-1 of one uniform 64-bit word.

``K`` is a monotone function of the word, so each ``P(K <= k)`` is off by at most 2^-64. Arithmetic
in float64 finds it but for sums within 2^-30 of a tie, which are computed again with 50 digits:
no rounding of the computer enters (docs/decisions/0013).
"""

import math

import mpmath
import torch
from jaxtyping import Float32, Float64, Int64
from torch import Tensor

from segcert.errors import InputError

STEPS_PER_SIGMA = 512  # to 1024: the grid is far finer than the noise
LARGEST = 2**23  # steps from the origin; with the noise, integers below 2^24 are exact in float32
MARGIN = 2.0**-30  # of a tie; the error of float64 is below 2^-38 (size 9.2, 1024 steps, 1e-14)
DIGITS = 50


def grid_step(sigma: float) -> float:
    """Step of the grid: the power of two in (sigma / 1024, sigma / 512]."""
    _, exponent = math.frexp(sigma)
    return 2.0 ** (exponent - 1) / STEPS_PER_SIGMA


def check_near_origin(values: Float64[Tensor, " *shape"], sigma: float) -> None:
    """Refuse values so far from the origin that float32 cannot hold the grid there.

    Raises:
        InputError: If one is more than 2^23 steps away.
    """
    largest, allowed = float(values.abs().max()), LARGEST * grid_step(sigma)
    if not largest <= allowed:
        raise InputError(
            f"coordinates must lie within {allowed:g} of the origin at sigma {sigma:g}, got "
            f"{largest:g}: shift the cloud to the origin, or take larger noise"
        )


def rounded_gaussian(
    centre: Float64[Tensor, " *shape"], sigma: float, words: Int64[Tensor, " *shape"]
) -> Float32[Tensor, " *shape"]:
    """Draw ``round(centre + sigma z)`` on the grid of ``sigma``, one word for each value.

    Args:
        centre: Any real numbers within the range of `check_near_origin`.
        sigma: Standard deviation of the noise, in the unit of ``centre``.
        words: Uniform 64-bit words, as signed integers.

    Returns:
        Multiples of ``grid_step(sigma)``, exact in float32.
    """
    step = grid_step(sigma)
    scaled = centre / step  # exact, as are the next two: the step is a power of two
    whole = scaled.round()
    part = scaled - whole
    shifted = part + (sigma / step) * standard_normals(words)
    noise = shifted.round()
    unsure = (shifted - noise).abs() > 0.5 - MARGIN
    for index in unsure.nonzero().tolist():
        at = tuple(index)
        noise[at] = exact_noise(float(part[at]), sigma / step, int(words[at]))
    return ((whole + noise) * step).to(torch.float32)


def standard_normals(words: Int64[Tensor, " *shape"]) -> Float64[Tensor, " *shape"]:
    """Turn words into normal numbers in float64, on symmetric halves: tails down to 2^-65."""
    tails = torch.where(words >= 0, words, ~words).double().add_(0.5).mul_(2.0**-64)
    sizes = torch.special.ndtri(tails).neg_()
    return torch.where(words >= 0, sizes, -sizes)


def exact_noise(part: float, ratio: float, word: int) -> int:
    """The noise of one value, in steps, with 50 digits.

    Args:
        part: What the centre has beyond a point of the grid, in steps.
        ratio: Standard deviation in steps.
        word: As a signed integer.
    """
    with mpmath.workdps(DIGITS):
        tail = (mpmath.mpf(word if word >= 0 else ~word) + 0.5) / 2**64
        size = mpmath.sqrt(2) * mpmath.erfinv(1 - 2 * tail)
        return int(mpmath.nint(mpmath.mpf(part) + ratio * (size if word >= 0 else -size)))
