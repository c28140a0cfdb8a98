"""IoU of the parts of shapes, as the field defines it: per shape, per category, over all shapes."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from segcert.data.part_numbers import CATEGORIES, PARTS
from segcert.errors import InputError


def shape_category(confusion: Int64[np.ndarray, " k k"]) -> int:
    """Read the category of a shape off its true parts: each part belongs to one category.

    Args:
        confusion: Labelled points of one shape by true (row) and predicted part (column).

    Raises:
        InputError: If no point is labelled, or the parts are of several categories.
    """
    true = set(np.flatnonzero(confusion.sum(1)).tolist())
    for category, parts in enumerate(PARTS):
        if true and true <= set(parts):
            return category
    raise InputError(f"the true parts {sorted(true)} are not those of one category")


def shape_iou(confusion: Int64[np.ndarray, " k k"]) -> float:
    """Mean IoU of one shape over all parts of its category.

    A part that the shape does not have and that no point gets counts 1.

    Args:
        confusion: Labelled points of one shape by true (row) and predicted part (column).

    Source:
        Qi et al. (2017), PointNet, CVPR, Section 5.1 (part segmentation, evaluation metric).
    """
    parts = list(PARTS[shape_category(confusion)])
    hits = np.diag(confusion)[parts]
    union = confusion.sum(1)[parts] + confusion.sum(0)[parts] - hits
    return float(np.mean(np.where(union == 0, 1.0, hits / np.maximum(union, 1))))


@dataclass(frozen=True)
class PartIou:
    """Means over shapes.

    Args:
        instance: Mean over all shapes.
        category: Mean over the shapes of each category that occurs, by its name.
    """

    instance: float
    category: dict[str, float]

    @property
    def category_mean(self) -> float:
        """Mean over the categories that occur."""
        return float(np.mean(list(self.category.values())))


def part_iou(confusions: Sequence[Int64[np.ndarray, " k k"]]) -> PartIou:
    """Average the IoU of shapes, of which there must be one at least."""
    found: dict[int, list[float]] = defaultdict(list)
    for confusion in confusions:
        found[shape_category(confusion)].append(shape_iou(confusion))
    return PartIou(
        instance=float(np.mean([value for values in found.values() for value in values])),
        category={CATEGORIES[k]: float(np.mean(found[k])) for k in sorted(found)},
    )
