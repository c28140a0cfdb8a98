"""The numbers of ShapeNet-Part: 16 categories, and 50 parts numbered through all of them."""

import numpy as np
from jaxtyping import Integer

from segcert.errors import InputError
from segcert.inputs.labels import IGNORE, distinct_colours, ranges

CATEGORIES = (
    "airplane", "bag", "cap", "car", "chair", "earphone", "guitar", "knife", "lamp", "laptop",
    "motorbike", "mug", "pistol", "rocket", "skateboard", "table",
)  # fmt: skip
COUNTS = (4, 2, 2, 4, 4, 3, 3, 2, 4, 2, 6, 2, 3, 3, 3, 3)  # parts of each category
FIRST = tuple(sum(COUNTS[:place]) for place in range(len(COUNTS)))
PARTS = tuple(
    tuple(range(first, first + count)) for first, count in zip(FIRST, COUNTS, strict=True)
)
NAMES = tuple(
    f"{name} {part}" for name, parts in zip(CATEGORIES, PARTS, strict=True) for part in parts
)  # the data set publishes numbers, no names
PALETTE = distinct_colours(len(NAMES))


def category_number(name: str) -> int:
    """Return the number of a category, 0..15.

    Raises:
        InputError: If there is no such category.
    """
    if name not in CATEGORIES:
        raise InputError(f"category must be one of {', '.join(CATEGORIES)}, got {name!r}")
    return CATEGORIES.index(name)


def check_category(category: int) -> None:
    """Refuse the number of a category outside 0..15.

    Raises:
        InputError: With the number.
    """
    if isinstance(category, bool) or not 0 <= category < len(CATEGORIES):
        raise InputError(f"category must be in 0..{len(CATEGORIES) - 1}, got {category}")


def check_parts(where: str, labels: Integer[np.ndarray, " n"], category: int) -> None:
    """Refuse labels that are not parts of a category; 255 is unlabelled.

    Args:
        where: The file, for errors.
        labels: Part numbers.
        category: Number of the category.

    Raises:
        InputError: With the first such label and how many points have it.
    """
    check_category(category)
    wrong = labels[~np.isin(labels, [*PARTS[category], IGNORE])]
    if wrong.size:
        raise InputError(
            f"{where} has part {wrong[0]} in {(wrong == wrong[0]).sum()} points, but a "
            f"{CATEGORIES[category]} has the parts {ranges(PARTS[category])}"
        )
