"""Class numbers of components: which is ignored, how sets of them are printed, their colours."""

from collections.abc import Iterable

import numpy as np

IGNORE = 255  # label of components that no metric and no loss counts


def ranges(numbers: Iterable[int]) -> str:
    """Print a set of integers: ``0..33 or 255``."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return " or ".join(f"{low}..{high}" if high > low else f"{low}" for low, high in parts)


def distinct_colours(count: int) -> tuple[tuple[int, int, int], ...]:
    """Make the colours 1, ..., count of the colour map of PASCAL VOC: no black, no white.

    Bits 0, 3, 6 of the number become bits 7, 6, 5 of red; bits 1, 4, 7 those of green; bits 2, 5
    those of blue.

    Args:
        count: How many, at most 255.

    Source:
        Everingham et al. (2010), IJCV 88(2):303-338, development kit.
    """
    number = np.arange(1, count + 1)[:, None]
    bits = [number >> (3 * k + np.arange(3)) & 1 for k in range(3)]
    colours = sum(bit << (7 - k) for k, bit in enumerate(bits))
    return tuple((int(r), int(g), int(b)) for r, g, b in np.asarray(colours))
