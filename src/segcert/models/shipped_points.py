"""Networks of clouds that come with segcert; and how one of all parts is told a category."""

from dataclasses import replace
from pathlib import Path

from segcert.data.part_numbers import CATEGORIES, PARTS, category_number, check_category
from segcert.errors import InputError
from segcert.models.files.checkpoints import is_of_points, read_header
from segcert.models.identity.names import shipped_files
from segcert.models.point_segmenter import PointSegmenter

CLASSES = sum(map(len, PARTS))


def shipped_points() -> dict[str, Path]:
    """Names and files of the shipped networks of clouds."""
    known = shipped_files().items()
    return {name: path for name, path in known if is_of_points(read_header(path))}


def of_category(segmenter: PointSegmenter, category: str | int) -> PointSegmenter:
    """Tell a model the category: it answers the parts of this category only, in global numbers.

    Args:
        segmenter: A model of the 50 parts of the 16 categories.
        category: Name or number.

    Raises:
        InputError: If there is no such category, or the model has other classes than the parts.
    """
    number = category_number(category) if isinstance(category, str) else category
    check_category(number)
    if segmenter.classes not in (None, CLASSES):
        raise InputError(
            f"model {segmenter.name} has {segmenter.classes} classes, not the {CLASSES} parts of "
            f"the {len(CATEGORIES)} categories"
        )
    return replace(segmenter, category=number, parts=PARTS[number])
