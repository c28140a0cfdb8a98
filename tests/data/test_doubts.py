"""When 255 in masks may be a class, it is asked about."""

import numpy as np
import pytest

from segcert.data.doubts import check_ignored, counted_from_one, tally
from segcert.errors import InputError

NAMES = ("a", "b", "c", "d")


def counts(**pixels: int) -> np.ndarray:
    """So many pixels of each class: ``c0=1, c255=2``."""
    found = np.zeros(256, np.int64)
    for name, number in pixels.items():
        found[int(name[1:])] = number
    return found


@pytest.mark.parametrize(
    ("found", "expected", "whole"),
    [
        (counts(c0=999, c255=1), 2, True), (counts(c0=999, c255=1), 2, False),
        (counts(c1=5, c255=5), 2, True), (counts(c255=5), 2, True), (counts(c255=5), 4, False),
        (counts(c0=999, c255=1), 4, False), (counts(c0=5, c1=1, c2=1, c255=3), 4, True),
        (counts(c255=5), 1, True),
    ],
)  # fmt: skip
def test_much_255_beside_an_absent_class_is_asked_about(
    found: np.ndarray, expected: int, whole: bool
) -> None:
    with pytest.raises(InputError, match=r"^here: no pixel has .* --mask-values 0,.*255.*-ignore"):
        check_ignored(found, range(expected), NAMES, where="here", whole=whole)


@pytest.mark.parametrize(
    ("found", "expected", "whole"),
    [
        (counts(c0=5, c1=1, c255=900), 2, True), (counts(c0=5), 2, True),
        (counts(c0=5, c1=1, c2=1, c255=2), 4, True), (counts(c0=5, c1=1, c255=90), 4, False),
        (counts(c3=5, c255=90), 4, False), (counts(c0=5, c255=90), 0, True),
    ],
)  # fmt: skip
def test_other_masks_are_taken_as_they_are(found: np.ndarray, expected: int, whole: bool) -> None:
    check_ignored(found, range(expected), NAMES, where="here", whole=whole)


def test_masks_that_may_count_from_one_are_noted() -> None:
    (note,) = counted_from_one(counts(c1=1, c2=1), range(3), NAMES)
    assert "no mask has class 0 (a)" in note
    assert "--mask-values 1..3" in note
    for found, expected in ((counts(c0=1, c1=1), 3), (counts(c255=3), 3), (counts(c1=1), 0)):
        assert counted_from_one(found, range(expected), NAMES) == ()


def test_classes_are_counted() -> None:
    found = tally(np.array([[0, 255, 3], [3, 3, 0]], np.uint8))
    assert (found == counts(c0=2, c3=3, c255=1)).all()
