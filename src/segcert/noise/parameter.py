"""A few random numbers per draw: what brightness, contrast, rotations and poses share.

A family of transformations ``T_a`` of the input with ``T_a(T_b(x)) = T_(a+b)(x)`` and a scalar
``Z`` of law N(0, sigma^2): the class of ``x`` under ``T_Z`` is Gaussian smoothing of the
function ``b -> f(T_b(x))`` of one real variable, so Cohen's theorem in one dimension gives the
radius ``sigma Phi^-1(p)`` for ``b`` (docs/decisions/0007).
"""

import math
from dataclasses import dataclass
from functools import cached_property

import mpmath
import torch
from jaxtyping import Float32, Float64, Shaped
from scipy.special import ndtri
from torch import Tensor

from segcert.noise.base import RandomSource
from segcert.noise.laws import DIGITS, GAUSSIAN

LEVELS = 255  # grey levels in one input unit
DENSITY = 1 / math.sqrt(2 * math.pi)  # largest density of a standard normal number
RELATIVE = 2.0**-22  # twice the relative width of the set that rounds to one float32 number
IMAGE_STEP = 2.0**-22  # grid of images whose brightness or contrast was changed
WIDE_BITS = 128
LARGEST_NORMAL = 13.2  # that 128 bits give
ANGLE_ERROR = 2.0**-46  # more than that of a normal number in float64, relative
AS_THEY_ARE = (
    "The model is shown the changed values as they are, also outside [0, 1]: a camera, an editor "
    "or a file that clips or rounds them (to 8 bits, or to floating point) makes another image, "
    "which is covered only where nothing was clipped or rounded (as long as the changed image "
    "stays within [0, 1], nothing is clipped)."
)


@dataclass(frozen=True)
class WideNumber:
    """A uniform word of 128 bits, as a signed integer: one standard normal number, to any digits.

    So many bits because one number decides all values of a draw: the borders between draws that
    differ are as many as values times steps of the grid.
    """

    word: int

    @cached_property
    def tail(self) -> float:
        """The share of the law beyond it, on its side, in (0, 1/2]."""
        beyond: int = self.word if self.word >= 0 else ~self.word
        return (beyond + 0.5) / 2.0**WIDE_BITS

    @cached_property
    def normal(self) -> float:
        """The normal number, in float64."""
        size = -float(ndtri(self.tail))
        return size if self.word >= 0 else -size

    @cached_property
    def exact_tail(self) -> mpmath.mpf:
        """The tail with 80 digits."""
        with mpmath.workdps(DIGITS):
            return (mpmath.mpf(self.word if self.word >= 0 else ~self.word) + 0.5) / 2**WIDE_BITS

    @cached_property
    def exact_normal(self) -> mpmath.mpf:
        """The normal number with 80 digits."""
        with mpmath.workdps(DIGITS):
            return GAUSSIAN.exactly(self.word, WIDE_BITS)


def wide_numbers(n: int, rng: RandomSource) -> list[WideNumber]:
    """Draw numbers of 128 bits, two words each; on the CPU, so that no device differs."""
    return [WideNumber((high << 64) + (low % 2**64)) for high, low in rng.words((n, 2)).tolist()]


def standard_normal(word: int) -> float:
    """Turn a uniform 64-bit word, as a signed integer, into a standard normal number.

    ``Phi^-1`` of a tail of 64 bits, on symmetric halves: the complement of a word has the
    opposite number. Tails down to 2^-65 are resolved, sizes up to 9.2.
    """
    tail = ((word if word >= 0 else ~word) + 0.5) / 2**64  # in (0, 1/2]
    size = -float(ndtri(tail))
    return size if word >= 0 else -size


def normals(n: int, rng: RandomSource) -> list[float]:
    """Draw standard normal numbers, one word each; on the CPU, so that no device differs."""
    return [standard_normal(word) for word in rng.words((n,)).tolist()]


def one_each(numbers: list[float], x: Shaped[Tensor, " *shape"]) -> Float64[Tensor, " n ..."]:
    """One number per draw, on the device of ``x``, to be broadcast over its values."""
    column = torch.tensor(numbers, dtype=torch.float64, device=x.device)
    return column.reshape(-1, *(1 for _ in x.shape))


def unit_values(x: Shaped[Tensor, " *shape"]) -> Float32[Tensor, " *shape"]:
    """Values in [0, 1] units: a uint8 image divided by 255, floating-point input as it is."""
    if x.dtype != torch.uint8:
        return x.to(torch.float32)
    # by a tensor, because CUDA would multiply by the reciprocal of a number
    levels = torch.full((), LEVELS, dtype=torch.float32, device=x.device)
    return x.to(torch.float32).div_(levels)


def fine_values(x: Shaped[Tensor, " *shape"]) -> Float64[Tensor, " *shape"]:
    """Values in [0, 1] units in float64: a uint8 image divided by 255, or as they are."""
    values = x.double()
    return values / LEVELS if x.dtype == torch.uint8 else values


def exact_value(value: float, dtype: torch.dtype) -> mpmath.mpf:
    """One value in [0, 1] units with the digits that mpmath works with."""
    return mpmath.mpf(value) / LEVELS if dtype == torch.uint8 else mpmath.mpf(value)
