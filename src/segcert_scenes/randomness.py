"""Reproducible randomness: scalar draws, and tileable noise textures.

Only raw words of Philox, integer arithmetic and exactly rounded float operations are used, so that
the bytes of a scene depend neither on the machine nor on the version of numpy.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
F32 = NDArray[np.floating[Any]]

TILE = 512  # side of a noise texture; a power of two, so that coordinates wrap with a mask
_WORD = 1 << 64


class Dice:
    """A stream of random choices, given by a tuple of non-negative integers."""

    def __init__(self, *key: int) -> None:
        self._bits = np.random.Philox(np.random.SeedSequence(key))
        self._words: list[int] = []

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """Draw a number between ``low`` and ``high``."""
        if not self._words:
            self._words = self._bits.random_raw(256).tolist()
        return low + (high - low) * (self._words.pop() / _WORD)

    def integer(self, low: int, high: int) -> int:
        """Draw one of ``low, ..., high``, both ends included."""
        return min(high, low + int(self.uniform() * (high - low + 1)))

    def chance(self, probability: float) -> bool:
        """Say yes with the given probability."""
        return self.uniform() < probability

    def pick(self, options: Sequence[T]) -> T:
        """Draw one of the options, all equally likely."""
        return options[self.integer(0, len(options) - 1)]

    def table(self, rows: int, columns: int) -> F32:
        """Draw a ``(rows, columns)`` table of numbers in [0, 1)."""
        words = self._bits.random_raw(rows * columns) >> np.uint64(40)
        return (words.astype(np.float32) / np.float32(1 << 24)).reshape(rows, columns)

    def grain(self, count: int) -> F32:
        """Draw ``count`` almost normal numbers of mean 0 and deviation 1 (sums of four bytes)."""
        octets = self._bits.random_raw((count + 1) // 2).view(np.uint8)[: 4 * count]
        total = octets[:count].astype(np.int16)
        for part in range(1, 4):
            total += octets[part * count : (part + 1) * count]
        return (total.astype(np.float32) - np.float32(510)) / np.float32(147.8)


def _octave(dice: Dice, cells: int) -> F32:
    """Return smooth tileable noise with ``cells`` cells a side, shape ``(TILE, TILE)``."""
    knots = dice.table(cells, cells)
    at = np.arange(TILE, dtype=np.float32) * np.float32(cells / TILE)
    low = at.astype(np.int64)
    part = at - low
    part = part * part * (3 - 2 * part)
    high = (low + 1) % cells
    rows = knots[low] * (1 - part)[:, None] + knots[high] * part[:, None]
    smooth: F32 = rows[:, low] * (1 - part) + rows[:, high] * part
    return smooth


@cache
def fractal(seed: int, coarse: int, octaves: int, gain: float = 0.55) -> F32:
    """Return a tileable fractal texture, shape ``(TILE, TILE)``, with values spread over [0, 1].

    Args:
        seed: Which texture.
        coarse: Cells a side of the coarsest octave; each further octave has twice as many.
        octaves: How many octaves.
        gain: Amplitude of an octave relative to the coarser one.
    """
    dice = Dice(7, seed)
    texture = np.zeros((TILE, TILE), np.float32)
    for octave in range(octaves):
        texture += _octave(dice, min(TILE, coarse << octave)) * np.float32(gain**octave)
    low, high = float(texture.min()), float(texture.max())
    texture = (texture - low) * (1 / (high - low))
    texture.setflags(write=False)
    return texture


def lookup(texture: F32, x: F32, y: F32, scale: float) -> F32:
    """Read a texture at ``scale`` texels per unit of ``x`` and ``y``, wrapping around."""
    column = (x * scale).astype(np.int32) & (TILE - 1)
    row = (y * scale).astype(np.int32) & (TILE - 1)
    return np.take(texture.ravel(), row * TILE + column)
