"""Noise rounded to the 1/255 grid of uint8 images, exactly.

Let ``f`` be the base model on images of the grid. The model ``g(y) = f(round(y))`` is an
ordinary function of real images, so a theorem on noise ``Z`` holds for ``g`` under exact
``Z``. At an image ``x`` of the grid ``round(x + Z) = x + round(Z)``: to sample ``g`` there, it
is enough to draw the integers ``K = round(255 Z)`` with their exact law

    P(K > k) = P(255 Z > k + 1/2)

(ties of the rounding have probability zero under a density). ``K`` is found by comparing one
uniform 64-bit word with integer thresholds, ``2^64 P(K <= k)`` rounded to the nearest integer.
Each probability is then off by at most 2^-64, tails included (docs/decisions/0002 and 0007). Of
most words the leading 16 bits decide, so that the others need not be drawn (docs/decisions/0025).
The law must be symmetric about 0 and must fit 16 bits; each noise bounds its scale for that.
"""

import math
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import ClassVar

import mpmath
import numpy as np
import torch
from jaxtyping import Float, Int16, Int64, Shaped, UInt8
from torch import Tensor

from segcert.errors import InputError
from segcert.noise.base import (
    LEADING_BITS,
    AbstractNoise,
    PartWords,
    RandomSource,
    check_dtype,
    parts_of,
)

LEVELS = 255  # steps of the grid in one input unit
ON_GRID = ", then rounding to multiples of 1/255"  # of descriptions
# on a CPU (little memory, few calls: threads wait for each other at each) and elsewhere (part of
# the bits)
VALUES_AT_ONCE = (2**17, 2**18)
PRECISION = 160  # bits of the tails before they are rounded to 64

UpperTail = Callable[[mpmath.mpf], mpmath.mpf]  # z >= 0 in steps of the grid -> P(255 Z > z)


@dataclass(frozen=True, eq=False)
class InverseTable:
    """How to invert the distribution of the integer noise.

    Args:
        thresholds: Sorted; a word has as many of them at or below it as its step is above lowest.
        lowest: Smallest possible step.
        step: Step of each bucket of leading bits, ``unsure`` where a threshold lies inside.
        unsure: The mark of such buckets.
    """

    thresholds: Int64[Tensor, " steps"]
    lowest: int
    step: Int16[Tensor, " buckets"]
    unsure: int

    def to(self, device: torch.device) -> "InverseTable":
        """Move to a device; a second call finds what the first one copied."""
        return moved(self, device)


@lru_cache(maxsize=32)
def moved(table: InverseTable, device: torch.device) -> InverseTable:
    """Copy a table to a device."""
    return replace(table, thresholds=table.thresholds.to(device), step=table.step.to(device))


@lru_cache(maxsize=32)
def unsigned_buckets(table: InverseTable) -> Int16[np.ndarray, " buckets"]:
    """Order the buckets by leading bits that are read as an unsigned number."""
    return np.roll(table.step.numpy(), 2 ** (LEADING_BITS - 1))


def sample_on_grid(
    x: UInt8[Tensor, " *shape"],
    n: int,
    *,
    rng: RandomSource,
    table: InverseTable,
) -> Float[Tensor, " n *shape"]:
    """Draw ``n`` noisy copies of a uint8 image, in [0, 1] units, on the 1/255 grid.

    Args:
        x: The image.
        n: Number of copies.
        rng: Where the words come from.
        table: Turns words into the integer noise.
    """
    noisy = torch.empty((n, *x.shape), dtype=torch.float32, device=x.device)
    values, at_once = x.reshape(-1), VALUES_AT_ONCE[x.device.type != "cpu"]
    # by a tensor, because CUDA would multiply by the reciprocal of a number
    levels = torch.full((), LEVELS, dtype=torch.float32, device=x.device)
    for copy in noisy.view(n, -1):
        for start in range(0, len(values), at_once):
            part = slice(start, start + at_once)
            integers = draw_steps(len(values[part]), rng, table).to(x.device).add_(values[part])
            copy[part].copy_(integers).div_(levels)
    return noisy


def draw_steps(count: int, rng: RandomSource, table: InverseTable) -> Int16[Tensor, " count"]:
    """Draw integer noise."""
    words = rng.part_words(count)
    if words is None:
        return to_steps(rng.words((count,)), table)
    return torch.from_numpy(steps_of_parts(words, table))


def to_steps(words: Int64[Tensor, " *shape"], table: InverseTable) -> Int16[Tensor, " *shape"]:
    """Turn uniform 64-bit words into integer noise."""
    if words.device.type == "cpu":
        return steps_by_buckets(words, table)
    return steps_by_search(words, table.to(words.device))


def steps_by_buckets(
    words: Int64[Tensor, " *shape"], table: InverseTable
) -> Int16[Tensor, " *shape"]:
    """Look the leading bits of whole words up; see `steps_of_parts`."""
    parts = parts_of(np.ascontiguousarray(words.numpy()).reshape(-1))
    return torch.from_numpy(steps_of_parts(parts, table)).reshape(words.shape)


def steps_of_parts(words: PartWords, table: InverseTable) -> Int16[np.ndarray, " count"]:
    """Look the leading bits up, and search for the few words that they do not decide.

    In NumPy, whose lookup takes 16-bit numbers as they are and leaves other threads alone.
    """
    steps = np.take(unsigned_buckets(table), words.leading, mode="wrap")
    unsure = np.flatnonzero(steps == table.unsure)
    found = np.searchsorted(table.thresholds.numpy(), words.whole(unsure), side="right")
    steps[unsure] = found + table.lowest
    return steps


def steps_by_search(
    words: Int64[Tensor, " *shape"], table: InverseTable
) -> Int16[Tensor, " *shape"]:
    """Search for every word: how many are undecided, a device would have to tell the host."""
    found = torch.searchsorted(table.thresholds, words, right=True)
    return found.add_(table.lowest).to(torch.int16)


def inverse_table(upper_tail: UpperTail) -> InverseTable:
    """Build the table of one law."""
    thresholds, lowest = integer_thresholds(upper_tail)
    bucket_width = 1 << (64 - LEADING_BITS)
    first = -(2**63) + bucket_width * np.arange(2**LEADING_BITS, dtype=np.int64)
    below_first = np.searchsorted(thresholds, first, side="right")
    below_last = np.searchsorted(thresholds, first + (bucket_width - 1), side="right")
    unsure = np.iinfo(np.int16).min
    step = np.where(below_first == below_last, below_first + lowest, unsure).astype(np.int16)
    return InverseTable(torch.from_numpy(thresholds), lowest, torch.from_numpy(step), unsure)


def integer_thresholds(upper_tail: UpperTail) -> tuple[Int64[np.ndarray, " steps"], int]:
    """Integer thresholds of the distribution of the noise, symmetric by construction.

    Args:
        upper_tail: Evaluated with 160 bits; it must not increase.

    Returns:
        ``T[i]``, such that a word below it has a step of at most ``lowest + i``, and ``lowest``.
        ``T[i] + 2^63`` is ``2^64 P(K <= lowest + i)`` rounded to the nearest integer.
    """
    tails: list[int] = []  # words with K > 0, K > 1, ...
    with mpmath.workprec(PRECISION):
        while words := int(mpmath.nint(2**64 * upper_tail(mpmath.mpf(len(tails) + 0.5)))):
            tails.append(words)
    rising = [words - 2**63 for words in reversed(tails)] + [2**63 - words for words in tails]
    return np.array(rising, dtype=np.int64), -len(tails)


def grid_variation(values: int, table: InverseTable) -> float:
    """Bound the total variation distance of one draw of `sample_on_grid` from its exact law.

    Each threshold is off by at most 2^-65, and so is either tail beyond them.
    """
    return values * (len(table.thresholds) + 2) * 2.0**-65


def check_fits_grid(name: str, value: float, largest: float, *, otherwise: str) -> None:
    """Refuse a scale whose integers might not fit 16 bits.

    Raises:
        InputError: If ``value`` is above ``largest``.
    """
    if value > largest:
        raise InputError(
            f"{name} must be at most {largest:g} for uint8 images, got {value}: it is in units of "
            f"[0, 1], so {value:g} grey levels of 255 are {value / LEVELS:.3g}; if it is meant as "
            f"it stands, convert the image to float and use {otherwise}"
        )


class AbstractGridNoise(AbstractNoise):
    """Noise on the 1/255 grid of uint8 images, of a law that is one table.

    Attributes:
        of_floats: Name of the same noise for images of floating-point numbers.
    """

    of_floats: ClassVar[str]
    unit: ClassVar[str] = "input units"

    @property
    @abstractmethod
    def table(self) -> InverseTable:
        """The law of the integers ``round(255 z)``."""

    def sample(
        self, x: Shaped[Tensor, " *shape"], n: int, *, rng: RandomSource
    ) -> Float[Tensor, " n *shape"]:
        """Draw ``n`` noisy copies of a uint8 image, in [0, 1] units, on the 1/255 grid.

        Raises:
            InputError: If ``x`` is not uint8.
        """
        check_dtype(self, x, floating=False, otherwise=self.of_floats)
        return sample_on_grid(x, n, rng=rng, table=self.table)

    def variation(self, shape: tuple[int, ...]) -> float:
        """Bound the total variation distance of one draw from the exact law."""
        return grid_variation(math.prod(shape), self.table)

    def steps(self, words: Int64[Tensor, " *shape"]) -> Int16[Tensor, " *shape"]:
        """Turn uniform 64-bit words into the integer noise."""
        return to_steps(words, self.table)
