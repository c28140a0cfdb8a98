"""What ``segcert evaluate --data`` can open, and what it says about it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segcert.data.drawn_scenes import FIRST_TEST_SCENE
from segcert.data.sets import RULES, Arguments, open_evaluation_set
from segcert.errors import InputError
from segcert.inputs.labels import IGNORE
from segcert_scenes.streets import street_scene

FILE = "at the resolution of the file"
WHOLE = ("road", "car")


@pytest.fixture
def given(tmp_path: Path) -> Arguments:
    """A folder of seven images and masks."""
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for number in range(7):
        Image.new("RGB", (6, 5), (number, 0, 0)).save(tmp_path / "images" / f"{number}.png")
        Image.new("L", (6, 5), number % 2).save(tmp_path / "masks" / f"{number}.png")
    (tmp_path / "names.txt").write_text("road\ncar #00008e\n")
    return Arguments(
        images=tmp_path / "images", masks=tmp_path / "masks", classes=tmp_path / "names.txt"
    )


def test_a_folder_of_ones_own(given: Arguments) -> None:
    data = open_evaluation_set("folder", given)
    assert data.name == "folder images"
    assert data.classes == WHOLE
    assert data.palette[1] == (0, 0, 142)
    assert [item.name for item in data.items] == [str(k) for k in range(7)]
    assert [int(item.labels[0, 0]) for item in data.items] == [0, 1] * 3 + [0]
    assert FILE in data.note
    assert data.licence == "unknown"


def test_a_subset_is_evenly_spaced_and_said(given: Arguments) -> None:
    data = open_evaluation_set("folder", given, subset=3)
    assert [item.name for item in data.items] == ["0", "2", "4"]
    assert FILE in data.note
    assert data.note.endswith("3 images evenly spaced out of 7: 0, 2, 4")
    assert open_evaluation_set("folder", given, subset=4).note.endswith("of 7: 0, 1, ..., 3")
    assert open_evaluation_set("folder", given, subset=1).note.endswith("out of 7: 0")
    assert open_evaluation_set("folder", given, subset=2).note.endswith("out of 7: 0, 3")
    with pytest.raises(InputError, match=r"1\.\.7 images.*got 8"):
        open_evaluation_set("folder", given, subset=8)


def test_scenes_are_in_no_training_set() -> None:
    data = open_evaluation_set("synthetic", Arguments(scenes=2))
    assert [item.name for item in data.items] == ["scene1000000", "scene1000001"]
    assert (data.items[0].image == street_scene(FIRST_TEST_SCENE).image).all()
    assert len(data.classes) == len(data.palette) == 11
    with pytest.raises(InputError, match="scenes must be at least 1, got 0"):
        open_evaluation_set("synthetic", Arguments(scenes=0))


@pytest.mark.parametrize(
    ("name", "given", "rule"),
    [
        ("kitti", Arguments(), r"'camvid', 'cityscapes', .*'cloud_folder', got 'kitti'"),
        ("camvid", Arguments(), "data 'camvid' needs root, the folder"),
        ("cityscapes", Arguments(split="val"), "data 'cityscapes' needs root"),
        ("synthetic", Arguments(), "data 'synthetic' needs scenes"),
        ("folder", Arguments(images=Path("a"), masks=Path("b")), "needs classes, a file with one"),
        ("camvid", Arguments(root=Path("a"), scenes=3), "'camvid' takes no scenes, only root"),
        ("synthetic", Arguments(root=Path("a"), scenes=3), "'synthetic' takes no root"),
        (
            "pascal_context",
            Arguments(root=Path("a"), resize="before noise"),
            "needs label_order, one of 'alphabetical', .*'voc first', '459'",
        ),
        (
            "pascal_context",
            Arguments(root=Path("a"), label_order="459"),
            "needs resize, one of 'before noise', 'inside the model'",
        ),
        ("camvid", Arguments(root=Path("nowhere")), r"needs nowhere/val\.txt.*get it from"),
        ("cityscapes", Arguments(root=Path("nowhere")), r"needs nowhere/leftImg8bit/val.*get "),
    ],
)
def test_what_is_missing_or_too_much_is_named(name: str, given: Arguments, rule: str) -> None:
    with pytest.raises(InputError, match=rule) as caught:
        open_evaluation_set(name, given)
    assert "\n" not in str(caught.value)


def test_an_empty_split_is_refused(tmp_path: Path) -> None:
    (tmp_path / "val.txt").write_text("\n")
    with pytest.raises(InputError, match="split 'val' is empty"):
        open_evaluation_set("camvid", Arguments(root=tmp_path))


def test_a_bad_item_is_met_when_it_is_read(given: Arguments) -> None:
    """Opening reads no pixels, not even through the checker of types in these tests."""
    assert given.masks
    for path in given.masks.iterdir():
        Image.new("L", (6, 5), 2).save(path)
    data = open_evaluation_set("folder", given, subset=3)
    with pytest.raises(InputError, match=r"class 2 .*the first of 3 bad items of 3"):
        data.items.check_every_item()


def test_every_set_has_a_rule() -> None:
    images = {"camvid", "cityscapes", "pascal_context", "folder", "synthetic"}
    assert set(RULES) == images | {
        "shapes", "shapenet_part", "shapenet_part_cap", "cloud_folder",
    }  # fmt: skip


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "folder", "more", "size", "classes"),
    [
        ("camvid", "camvid", {}, 101, 11),
        ("camvid", "camvid", {"split": "train"}, 367, 11),
        ("cityscapes", "cityscapes_samples", {}, 4, 19),
        (
            "pascal_context",
            "pascal_samples/context",
            {"split": "all", "label_order": "voc first", "resize": "before noise"},
            4,
            59,
        ),
    ],
)
def test_the_real_sets(
    data_dir: Path, name: str, folder: str, more: dict[str, str], size: int, classes: int
) -> None:
    data = open_evaluation_set(name, Arguments(root=data_dir / folder, **more))
    assert len(data.items) == size
    assert len(data.classes) == len(data.palette) == classes
    assert data.name.endswith(more.get("split", "val"))
    assert ("480x480 before the noise" in data.note) == (name == "pascal_context")
    item = data.items[-1]
    assert item.image.shape[:2] == item.labels.shape
    assert set(np.unique(item.labels).tolist()) <= {*range(classes), IGNORE}


@pytest.mark.data
def test_the_folder_of_real_slices(data_dir: Path, tmp_path: Path) -> None:
    """Electron microscopy, 512x512, two classes: a set that has no loader of its own."""
    root = data_dir / "isbi2012_em"
    (tmp_path / "names.txt").write_text("membrane #202020\ncell #e0c080\n")
    images, masks = (next(p for p in root.iterdir() if p.name.startswith(w)) for w in ("im", "la"))
    data = open_evaluation_set(
        "folder", Arguments(images=images, masks=masks, classes=tmp_path / "names.txt"), subset=3
    )
    assert [item.image.shape for item in data.items] == [(512, 512, 3)] * 3
    for item in data.items:
        assert set(np.unique(item.labels).tolist()) == {0, 1}
        dark, bright = (item.image[item.labels == k].mean() for k in (0, 1))
        assert dark < bright
