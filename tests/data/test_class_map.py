"""Data sets and networks of other classes: 19 on 20."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segcert.data.class_map import mapped, parse_map, with_class_map
from segcert.data.labelled import AbstractLabelled, LabelledImage
from segcert.data.sets import LabelledSet
from segcert.errors import InputError
from segcert.inputs.labels import IGNORE

OURS, THEIRS = ("road", "car", "sky"), ("none", "Road", "car", "traffic_light")
LABELS = np.array([[0, 1, 2, IGNORE]], np.uint8)


class One(AbstractLabelled):
    """A data set of one image."""

    def __len__(self) -> int:
        """One."""
        return 1

    def item(self, index: int) -> LabelledImage:
        """The image."""
        return LabelledImage(f"{index}", np.zeros((1, 4, 3), np.uint8), LABELS)


FOUND = LabelledSet("data", One(), OURS, ((1, 2, 3),) * 3, "none", "note", doubts=(0, 1, 2))


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("0=1,1=2,2=3", (1, 2, 3)), ("0..2=1..3", (1, 2, 3)), (" road = 1 , 1..2 = ignore", None),
        ("sky=Traffic Light,road=road,car=car", (1, 2, 3)), ("0..2=0", (0, 0, 0)),
    ],
)  # fmt: skip
def test_maps_by_number_span_and_name(told: str, expected: tuple[int, ...] | None) -> None:
    assert parse_map(told, OURS, THEIRS) == (expected or (1, IGNORE, IGNORE))


def test_a_map_may_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "map.txt").write_text("# the network has a background\nroad=1\ncar=2\n\nsky=0\n")
    assert parse_map(str(tmp_path / "map.txt"), OURS, THEIRS) == (1, 2, 0)


@pytest.mark.parametrize(
    ("told", "rule"),
    [
        ("0=1", r"says nothing of class 1 \(car\), the first of 2: give it a class"),
        ("0..2=1..2", "has 3 classes and 2"), ("0=1,0=2", r"has class 0 \(road\) twice"),
        ("0..2=4", r"'4' is no class of the model, which has 0\.\.3"),
        ("tree=1", "'tree' is no class of the data set"), ("0=", "must be FROM=TO"),
        ("nowhere.txt", "--class-map nowhere.txt does not exist"), ("2..0=1", "is no class"),
    ],
)  # fmt: skip
def test_what_is_no_map_is_refused(told: str, rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        parse_map(told, OURS, THEIRS)


def test_a_data_set_is_compared_in_the_classes_of_the_network() -> None:
    found = with_class_map(FOUND, "0..2=1..3", names=THEIRS, classes=4)
    assert found.classes == THEIRS
    assert len(found.palette) == 4
    assert found.items[0].labels.tolist() == [[1, 2, 3, IGNORE]]
    assert (len(found.items), found.doubts) == (1, (1, 2, 3))
    assert found.note == "note; true classes as those of the model: road=1, car=2, sky=3"
    part = with_class_map(FOUND, "0..1=0,2=ignore", names=(), classes=2)
    assert (part.classes, part.doubts) == (("class 0", "class 1"), ())
    assert part.items[0].labels.tolist() == [[0, 0, IGNORE, IGNORE]]
    assert replace(part, items=FOUND.items).note.endswith("road=0, car=0, sky=ignore")
    with pytest.raises(InputError, match="a model that says how many classes it has"):
        with_class_map(FOUND, "0=0", names=(), classes=None)


def test_255_stays() -> None:
    assert mapped(LABELS, (2, 1, 0)).tolist() == [[2, 1, 0, IGNORE]]
