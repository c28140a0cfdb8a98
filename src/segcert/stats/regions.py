"""Regions: components that are certified together or not at all, as one test."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, Integer, UInt16

from segcert.errors import InputError
from segcert.stats.promise import promise_of_ratio

GRADES = tuple(promise_of_ratio(ratio) for ratio in (0, 1, 2, 3, 4, 6))  # of the pilot's promise
LARGEST_SIDE = 2**31 - 1  # no input is longer


@dataclass(frozen=True)
class Blocks:
    """Square blocks, cut further by the pilot's class and by how much the pilot promises.

    A region is an intersection-union test: its null hypothesis is that *some* component in it has
    a probability of at most tau, its p-value is the largest one of its components, and it is
    certified as a whole. The family are the regions, fewer than the components. A wrongly
    certified region holds a true null whose p-value is at most the level that was used, so
    corrections hold as for components, if the partition depends on the input and the pilot alone.

    Args:
        side: Side of a block, in components, at least 1.

    Raises:
        InputError: If ``side`` is not a positive integer, or beyond any input.

    Source:
        Berger (1982), Technometrics 24:295-300 (intersection-union tests); docs/guarantees.md.
    """

    side: int

    def __post_init__(self) -> None:
        """Check the side."""
        if not isinstance(self.side, int) or not 1 <= self.side <= LARGEST_SIDE:
            raise InputError(
                f"side of blocks must be an integer in 1..{LARGEST_SIDE}, got {self.side!r}"
            )

    def fewest(self, shape: tuple[int, ...]) -> int:
        """Number of whole blocks, which no partition undercuts."""
        return int(np.prod([-(-length // self.side) for length in shape]))

    def partition(
        self,
        shape: tuple[int, ...],
        *,
        labels: Integer[np.ndarray, " *components"] | None = None,
        promise: UInt16[np.ndarray, " *components"] | None = None,
    ) -> Int64[np.ndarray, " *components"]:
        """Number the regions.

        Args:
            shape: Of the components.
            labels: Classes that the pilot chose, or None.
            promise: What the pilot promises, or None.

        Returns:
            Number of the region of each component; numbers may be left out.
        """
        region = np.zeros(shape, dtype=np.int64)
        for axis, length in enumerate(shape):
            block = np.arange(length) // self.side
            region *= block[-1] + 1
            region += block.reshape([-1 if i == axis else 1 for i in range(len(shape))])
        if labels is not None:
            region = region * (int(labels.max()) + 1) + labels
        if promise is not None:
            region = region * (len(GRADES) + 1) + grades(promise)
        return region


def grades(promise: UInt16[np.ndarray, " *components"]) -> Int64[np.ndarray, " *components"]:
    """Grade promises, so that doubtful components get regions of their own kind."""
    table = np.searchsorted(np.array(GRADES), np.arange(2**16), side="right")
    graded: np.ndarray = table[promise]
    return graded


def worst(
    values: Integer[np.ndarray, " m"], region: Integer[np.ndarray, " m"], regions: int
) -> Integer[np.ndarray, " r"]:
    """Smallest value in each region; that of regions without component is the largest possible."""
    smallest = np.full(regions, np.iinfo(values.dtype).max, dtype=values.dtype)
    np.minimum.at(smallest, region, values)
    return smallest


def renumbered(region: Integer[np.ndarray, " m"]) -> tuple[Int64[np.ndarray, " m"], int]:
    """Number regions without gaps, in the old order; also how many there are."""
    if not region.size:
        return region.astype(np.int64), 0
    first, last = int(region.min()), int(region.max())
    if last - first > 64 * region.size + 2**20:  # a table of all numbers would be large
        numbers, new = np.unique(region, return_inverse=True)
        return new.reshape(region.shape).astype(np.int64), len(numbers)
    offset = (region - np.array(first, dtype=wide(region))).astype(np.int64)
    present = np.bincount(offset) > 0
    return (np.cumsum(present) - 1)[offset], int(present.sum())


def wide(values: Integer[np.ndarray, " m"]) -> type[np.int64] | type[np.uint64]:
    """A type in which the difference of two values of small distance does not overflow."""
    return np.uint64 if values.dtype.kind == "u" else np.int64
