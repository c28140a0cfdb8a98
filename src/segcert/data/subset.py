"""Some items of a data set, evenly spaced: the 100 of the paper's protocol."""

from dataclasses import dataclass
from typing import Any

from segcert.data.labelled import AbstractLabelled
from segcert.errors import InputError


@dataclass(frozen=True)
class Subset(AbstractLabelled):
    """Some items of a data set, read on demand.

    Args:
        whole: The data set.
        numbers: Which of its items, counted from 0.
    """

    whole: AbstractLabelled
    numbers: tuple[int, ...]

    def __len__(self) -> int:
        """Count the chosen items."""
        return len(self.numbers)

    def item(self, index: int) -> Any:
        """Read one item."""
        return self.whole.item(self.numbers[index])


def evenly_spaced(whole: AbstractLabelled, count: int) -> Subset:
    """Choose every m-th item, m = floor(size / count), from the first, ``count`` in all.

    This is the rule of the paper's published code: of the 500 of Cityscapes val, 100 are
    0, 5, ..., 495. Where ``count`` does not divide the size, the last images are never chosen: of
    the 5,105 of Pascal Context val, 100 are 0, 51, ..., 5049.

    Args:
        whole: The data set.
        count: How many, in 1, ..., size.

    Raises:
        InputError: If ``count`` is out of range.

    Source:
        Fischer, Baader, Vechev (2021), section 6.2; the rule is that of its published code.
    """
    if not 1 <= count <= len(whole):
        raise InputError(
            f"a subset must have 1..{len(whole)} images, the size of the data set, got {count}"
        )
    step = len(whole) // count
    numbers = tuple(range(0, step * count, step))
    return Subset(whole, numbers)
