"""Noise on real numbers, rounded to a declared grid, exactly.

Let ``f`` be the base model on numbers of the grid ``step * integers``. The model
``g(y) = f(round(y))`` is an ordinary function of real numbers, so a theorem on noise holds for
``g`` under exact noise, wherever the input ``x`` lies. To sample ``g`` one needs
``round(x + scale z)`` with its exact law. With ``x = step * (whole + part)`` it is
``step * (whole + K)``, and

    K = round(part + (scale / step) z),   z a number of the law from one uniform 64-bit word.

``K`` is a monotone function of the word, so each ``P(K <= k)`` is off by at most 2^-64. Arithmetic
in float64 finds it but for sums within 2^-30 of a tie, which are computed again with 80 digits:
no rounding of the computer enters. Most sums are told by the leading 16 bits of the word, so that
the others need not be drawn (docs/decisions/0025). What comes out is stored in float32, as part of
the base model (docs/decisions/0013 for clouds, 0015 for images).
"""

import math
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import ClassVar

import mpmath
import numpy as np
import torch
from jaxtyping import Float, Float32, Float64, Int64, Shaped
from torch import Tensor

from segcert.errors import InputError
from segcert.noise.base import (
    LEADING_BITS,
    REAL_NUMBERS,
    AbstractNoise,
    PartWords,
    RandomSource,
    check_dtype,
    scale_of,
)
from segcert.noise.laws import DIGITS, GAUSSIAN, WORD_BITS, Law

STEPS_PER_SIGMA = 512  # to 1024: the grid is far finer than the noise
LARGEST = 2**23  # steps from the origin; with the noise, integers below 2^24 are exact in float32
MARGIN = 2.0**-30  # of a tie; the error of float64 is below 2^-34 (size 45, 1024 steps, 1e-14)
RELATIVE_MARGIN = (
    2.0**-40
)  # of a tie, times the size of what was computed; its error is below 1e-13
VALUES_AT_ONCE = (2**17, 2**18)  # on a CPU, and elsewhere (part of the bits)


def grid_step(scale: float) -> float:
    """Step of the grid: the power of two in (scale / 1024, scale / 512]."""
    _, exponent = math.frexp(scale)
    return 2.0 ** (exponent - 1) / STEPS_PER_SIGMA


def check_step(step: float, allowed: float) -> None:
    """Refuse a grid that is not the one of this noise, nor none.

    Raises:
        InputError: If ``step`` is neither 0 nor ``allowed``.
    """
    if step not in (0, allowed):
        raise InputError(
            f"step must be {allowed!r}, the grid of this noise, or 0 (none), got {step}"
        )


def step_text(step: float) -> str:
    """A grid in words."""
    _, exponent = math.frexp(step)
    return f"multiples of 2^{exponent - 1}"


def step_clause(step: float) -> str:
    """What the words of a noise say about its grid; empty if there is none."""
    return f", then rounding to {step_text(step)}" if step else ""


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


def sample_rounded(
    x: Float[Tensor, " *shape"], n: int, *, rng: RandomSource, scale: float, law: Law
) -> Float32[Tensor, " n *shape"]:
    """Draw ``n`` copies of ``x`` with independent noise on each value, rounded to its grid.

    Args:
        x: Real numbers.
        n: Number of copies.
        rng: Where the words come from.
        scale: Of the noise, in the unit of ``x``.
        law: Of the noise.
    """
    noisy = torch.empty((n, *x.shape), dtype=torch.float32, device=x.device)
    values, at_once = x.reshape(-1), VALUES_AT_ONCE[x.device.type != "cpu"]
    for copy in noisy.view(n, -1):
        for start in range(0, len(values), at_once):
            part = values[start : start + at_once].double()
            words = rng.part_words(len(part))
            if words is None:
                copy[start : start + at_once] = rounded(part, scale, rng.words((len(part),)), law)
            else:
                found = rounded_of_parts(part.cpu(), scale, words, law)
                copy[start : start + at_once].copy_(found)
    return noisy


def rounded_of_parts(
    centre: Float64[Tensor, " count"], scale: float, words: PartWords, law: Law
) -> Float32[Tensor, " count"]:
    """Draw what `rounded` does of whole words, which are asked for only where that is open.

    The numbers of all words that begin with some bits lie in an interval. Where all of it goes to
    one point of the grid, by the margin of `rounded`, the other bits do not matter. In NumPy, which
    leaves other threads alone.

    Args:
        centre: Real numbers, on the CPU.
        scale: Of the noise, in the unit of ``centre``.
        words: Uniform 64-bit words.
        law: Of the noise.

    Source:
        docs/decisions/0025.
    """
    step = grid_step(scale)
    middle, limit = leading_intervals(law, scale / step)
    scaled = centre.numpy() / step
    whole = np.rint(scaled)
    shifted = np.take(middle, words.leading, mode="wrap")
    shifted += np.subtract(scaled, whole, out=scaled)
    noise = np.rint(shifted)
    distance = np.abs(np.subtract(shifted, noise, out=shifted), out=shifted)
    unsure = np.flatnonzero(distance > np.take(limit, words.leading, mode="wrap"))
    noise += whole
    noise *= step
    noisy = torch.from_numpy(noise.astype(np.float32))
    chosen = torch.from_numpy(unsure)
    noisy[chosen] = rounded(centre[chosen], scale, torch.from_numpy(words.whole(unsure)), law)
    return noisy


@lru_cache(maxsize=8)
def leading_intervals(
    law: Law, ratio: float
) -> tuple[Float64[np.ndarray, " buckets"], Float32[np.ndarray, " buckets"]]:
    """Where the numbers of words lie that begin with some bits, by these as an unsigned number.

    Args:
        law: Of the numbers.
        ratio: Of their scale to the step of the grid.

    Returns:
        Middle of each interval, in steps; and how far from a point of the grid it may lie so that
        the whole interval goes to that point, rounded down; negative if none is near enough.
    """
    bits = 64 - LEADING_BITS
    first = torch.arange(2**LEADING_BITS).to(torch.int16).long() << bits
    low, high = (law.numbers(word).numpy() * ratio for word in (first, first + (2**bits - 1)))
    limit = 0.5 - MARGIN - np.abs(high - low) / 2
    return (low + high) / 2, np.nextafter(limit.astype(np.float32), np.float32(-np.inf))


def rounded_gaussian(
    centre: Float64[Tensor, " *shape"], sigma: float, words: Int64[Tensor, " *shape"]
) -> Float32[Tensor, " *shape"]:
    """Draw ``round(centre + sigma z)`` on the grid of ``sigma``; see `rounded`."""
    return rounded(centre, sigma, words, GAUSSIAN)


def rounded(
    centre: Float64[Tensor, " *shape"],
    scale: float,
    words: Int64[Tensor, " *shape"],
    law: Law,
    *,
    error: float = 0.0,
    exact_centre: Callable[[tuple[int, ...]], mpmath.mpf] | None = None,
) -> Float32[Tensor, " *shape"]:
    """Draw ``round(centre + scale z)`` on the grid of ``scale``, one word for each value.

    Args:
        centre: Real numbers.
        scale: Of the noise, in the unit of ``centre``.
        words: Uniform 64-bit words, as signed integers.
        law: Of ``z``.
        error: Bound on the error of ``centre``; 0 if it is what is meant.
        exact_centre: The centre at an index with the digits that mpmath works with; None if it is
            ``centre``.

    Returns:
        Multiples of ``grid_step(scale)``, stored in float32.
    """
    step = grid_step(scale)
    scaled = centre / step  # exact, as are the next two: the step is a power of two
    whole = scaled.round()
    part = scaled - whole
    shifted = part + (scale / step) * law.numbers(words)
    noise = shifted.round()
    unsure = (shifted - noise).abs() > 0.5 - MARGIN - error / step
    for index in unsure.nonzero().tolist():
        at = tuple(index)
        with mpmath.workdps(DIGITS):
            meant = mpmath.mpf(float(centre[at])) if exact_centre is None else exact_centre(at)
            beyond = meant / step - float(whole[at])
            noise[at] = exact_noise(beyond, scale / step, int(words[at]), law)
    return ((whole + noise) * step).to(torch.float32)


def exact_noise(part: mpmath.mpf | float, ratio: float, word: int, law: Law = GAUSSIAN) -> int:
    """The noise of one value, in steps, with 80 digits.

    Args:
        part: What the centre has beyond a point of the grid, in steps.
        ratio: Scale of the noise in steps.
        word: As a signed integer.
        law: Of the noise.
    """
    with mpmath.workdps(DIGITS):
        return int(mpmath.nint(mpmath.mpf(part) + ratio * law.exactly(word)))


def variation(values: int, law: Law) -> float:
    """Bound the total variation distance of one draw of `sample_rounded` from its exact law."""
    return values * law.borders(2 * STEPS_PER_SIGMA) * 2.0**-WORD_BITS


def on_multiples(
    values: Float64[Tensor, " *shape"],
    step: float,
    sizes: Float64[Tensor, " *shape"] | float,
    exact: Callable[[tuple[int, ...]], mpmath.mpf],
) -> Float32[Tensor, " *shape"]:
    """Round computed numbers to a grid as the exact ones would be.

    Args:
        values: Numbers, each with an error of at most 2^-41 times its size.
        step: Of the grid, a power of two.
        sizes: Of the numbers that the values were computed from.
        exact: The number at an index with the digits that mpmath works with.
    """
    scaled = values / step
    whole = scaled.round()
    unsure = (scaled - whole).abs() > 0.5 - MARGIN - RELATIVE_MARGIN / step * sizes
    for index in unsure.nonzero().tolist():
        at = tuple(index)
        with mpmath.workdps(DIGITS):
            whole[at] = float(mpmath.nint(exact(at) / step))
    return (whole * step).to(torch.float32)


class AbstractRoundedNoise(AbstractNoise):
    """Independent noise on each floating-point number, rounded to a grid that its scale decides.

    Attributes:
        law: Of the noise over its scale, which is the first field.
        step: The grid; 0 for none, as in certificates of format version 2.
    """

    law: ClassVar[Law]
    unit: ClassVar[str] = "input units"
    step: float

    @property
    def assumption(self) -> str:
        """What is taken for granted: nothing, if there is a grid."""
        return "" if self.step else REAL_NUMBERS

    # the scale alone decides, not the input
    def with_grid(self, x: Shaped[Tensor, " *shape"]) -> "AbstractRoundedNoise":  # noqa: ARG002
        """The same noise with its grid."""
        return replace(self, step=grid_step(self._scale))  # type: ignore[type-var]  # a dataclass

    def variation(self, shape: tuple[int, ...]) -> float:
        """Bound the total variation distance of one draw from the exact law; see `rounded`."""
        return variation(math.prod(shape), self.law) if self.step else 0.0

    def sample(
        self, x: Float[Tensor, " *shape"], n: int, *, rng: RandomSource
    ) -> Float[Tensor, " n *shape"]:
        """Draw ``n`` noisy copies of ``x``, on the grid if there is one.

        Raises:
            InputError: If ``x`` holds integers.
        """
        assert self.lattice is not None
        check_dtype(self, x, floating=True, otherwise=self.lattice.__name__)
        if self.step:
            return sample_rounded(x, n, rng=rng, scale=self._scale, law=self.law)
        return self.sample_floats(x, n, rng=rng)

    @abstractmethod
    def sample_floats(
        self, x: Float[Tensor, " *shape"], n: int, *, rng: RandomSource
    ) -> Float[Tensor, " n *shape"]:
        """Draw ``n`` noisy copies of ``x`` without a grid, in float32."""

    @property
    def _scale(self) -> float:
        return scale_of(self.options(), "sigma")
