"""Masks of data sets whose classes are known by name are read as these are stored."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segcert.data import camvid, cityscapes, pascal_context
from segcert.data.known_masks import known, rule_for
from segcert.errors import InputError
from segcert.inputs.labels import IGNORE
from segcert.inputs.mask_options import MaskOptions

PLAIN = Path("a.png")


def test_void_of_camvid_is_ignored_and_so_is_255() -> None:
    rule = known(PLAIN, camvid.CLASSES)
    assert rule is not None
    assert rule.numbers == {**{k: k for k in range(11)}, 11: IGNORE, 255: IGNORE}


def test_the_own_annotation_of_camvid_is_read_by_colour(tmp_path: Path) -> None:
    """A published colour of each class, and void."""
    shown = {
        (128, 128, 128): "sky", (128, 0, 0): "building", (192, 192, 128): "pole",
        (128, 64, 128): "road", (128, 0, 192): "road", (0, 0, 192): "pavement",
        (128, 128, 0): "tree", (192, 128, 128): "sign", (64, 64, 128): "fence",
        (64, 0, 128): "car", (64, 64, 0): "pedestrian", (0, 128, 192): "bicyclist",
        (0, 0, 0): None,
    }  # fmt: skip
    Image.fromarray(np.array([list(shown)], np.uint8)).save(tmp_path / "a_L.png")
    rule = rule_for(tmp_path / "a_L.png", MaskOptions(), classes=11, names=camvid.CLASSES)
    expected = [IGNORE if name is None else camvid.CLASSES.index(name) for name in shown.values()]
    assert rule.read(tmp_path / "a_L.png", (1, 13))[0].tolist() == expected
    assert len(camvid.COLOURS) == 34  # 32 of its own, 2 of SegNet


def test_cityscapes_tells_its_numbers_by_the_name_of_the_file() -> None:
    for name, meaning in cityscapes.ENDINGS.items():
        rule = known(Path(f"a{name}.png"), cityscapes.CLASSES)
        assert rule is not None
        assert rule.numbers == meaning
    spelled = [name.replace(" ", "_").title() for name in cityscapes.CLASSES]
    other = known(PLAIN, spelled)
    assert other is not None
    assert other.numbers == cityscapes.OF_TRAIN_IDS
    assert other.colours[0x804080] == 0
    assert other.colours[0x000000] == IGNORE


def test_copies_of_pascal_context_are_asked_about() -> None:
    with pytest.raises(InputError, match=r"number their classes differently.*--mask-values"):
        known(PLAIN, pascal_context.CLASSES)
    told = MaskOptions("1..59", "0")
    rule = rule_for(PLAIN, told, classes=59, names=pascal_context.CLASSES)
    assert (rule.numbers[0], rule.numbers[1], rule.numbers[59]) == (IGNORE, 0, 58)


def test_other_classes_are_numbered_as_they_are_listed() -> None:
    assert known(PLAIN, ("a", "b")) is None
    assert set(rule_for(PLAIN, MaskOptions(), classes=2, names=("a", "b")).numbers) == {0, 1, 255}


def test_colours_that_the_user_lists_come_before_those_that_are_known() -> None:
    red = [(255, 0, 0), *[None] * 10]
    rule = rule_for(PLAIN, MaskOptions(), classes=11, names=camvid.CLASSES, colours=red)
    assert rule.colours == {0xFF0000: 0}
    assert rule.numbers[11] == IGNORE
