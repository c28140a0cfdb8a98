"""Windows on an image that was magnified: a network never sees more pixels than at scale 1."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Int64
from torch import Tensor

STEP = (2, 3)  # of a window's side, from one window to the next


@dataclass(frozen=True)
class Axis:
    """Windows along one axis of a resized image.

    Args:
        starts: First pixel of each window.
        length: Pixels of each window.
        whole: Pixels of the resized image.
    """

    starts: tuple[int, ...]
    length: int
    whole: int

    def covered(self, start: int, side: int) -> range:
        """Find the pixels of the input whose centres lie in a window.

        Args:
            start: First pixel of the window.
            side: Pixels of the input.
        """
        # the centre (2 i + 1) / (2 side) of pixel i, in integers: start <= whole * centre < stop
        first, last = (
            -((self.whole - 2 * side * edge) // (2 * self.whole))
            for edge in (start, start + self.length)
        )
        return range(max(first, 0), min(last, side))

    def times(self, side: int) -> Int64[Tensor, " side"]:
        """Count the windows that cover each pixel of the input; at least one does."""
        found = torch.zeros(side, dtype=torch.int64)
        for start in self.starts:
            pixels = self.covered(start, side)
            found[pixels.start : pixels.stop] += 1
        return found


def windows_of(whole: int, side: int) -> Axis:
    """Cover one axis of a resized image by windows of the input's side, if it is longer.

    Each window starts 2/3 of a side after the one before; the last ends where the image ends.

    Args:
        whole: Pixels of the resized image.
        side: Pixels of the input.

    Source:
        Wang et al. (2021), "Deep high-resolution representation learning", published test code:
        windows of the crop, a step of 2/3.
    """
    if whole <= side:
        return whole_axis(whole)
    step = max(1, side * STEP[0] // STEP[1])
    count = math.ceil((whole - side) / step) + 1
    return Axis(tuple(min(k * step, whole - side) for k in range(count)), side, whole)


def whole_axis(whole: int) -> Axis:
    """See the whole of an axis in one window."""
    return Axis((0,), whole, whole)
