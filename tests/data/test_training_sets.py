"""What ``segcert train --data`` can open."""

from pathlib import Path

import pytest

from segcert.data.drawn_scenes import FIRST_TEST_SCENE, Scenes
from segcert.data.sets import Arguments, open_training_set
from segcert.errors import InputError
from segcert_scenes.streets import street_scene


def test_scenes_are_a_sequence_of_labelled_images() -> None:
    scenes = Scenes(3, first=5, height=32, width=48)
    assert len(scenes) == 3
    assert [item.name for item in scenes] == ["scene5", "scene6", "scene7"]
    assert [item.name for item in scenes[1:]] == ["scene6", "scene7"]
    expected = street_scene(6, height=32, width=48)
    assert (scenes[1].image == expected.image).all()
    assert (scenes[1].labels == expected.labels).all()
    with pytest.raises(IndexError):
        scenes[3]


def test_the_scenes_of_the_demo_are_in_no_training_set(tmp_path: Path) -> None:
    largest = open_training_set(
        "synthetic", Arguments(root=tmp_path, scenes=FIRST_TEST_SCENE)
    ).items
    assert isinstance(largest, Scenes)
    assert largest.first + largest.size <= FIRST_TEST_SCENE


@pytest.mark.parametrize("scenes", [0, -1, FIRST_TEST_SCENE + 1])
def test_impossible_numbers_of_scenes_are_refused(tmp_path: Path, scenes: int) -> None:
    with pytest.raises(InputError, match=f"scenes must be in 1.*got {scenes}"):
        open_training_set("synthetic", Arguments(root=tmp_path, scenes=scenes))


def test_unknown_and_missing_data_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'camvid', .*'shapes' or 'shapenet_part', got 'kitti'"):
        open_training_set("kitti", Arguments(root=tmp_path, scenes=1))
    with pytest.raises(InputError, match=r"train\.txt"):
        open_training_set("camvid", Arguments(root=tmp_path, scenes=1))


def test_other_data_sets_are_opened_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="leftImg8bit/train"):
        open_training_set("cityscapes", Arguments(root=tmp_path))
    with pytest.raises(InputError, match="needs label_order, one of 'alphabetical'"):
        open_training_set("pascal_context", Arguments(root=tmp_path))
    with pytest.raises(InputError, match=r"needs .*SegmentationClassContext"):
        open_training_set("pascal_context", Arguments(root=tmp_path, label_order="voc first"))
    with pytest.raises(InputError, match="'synthetic' takes no label_order"):
        open_training_set("synthetic", Arguments(label_order="voc first"))


def test_every_class_has_a_colour_and_weights_a_licence(tmp_path: Path) -> None:
    data = open_training_set("synthetic", Arguments(root=tmp_path, scenes=1))
    assert len(data.classes) == len(data.palette) == 11
    assert data.licence == "Apache-2.0"


@pytest.mark.data
def test_weights_trained_on_camvid_carry_its_licence(data_dir: Path) -> None:
    data = open_training_set("camvid", Arguments(root=data_dir / "camvid", scenes=1))
    assert len(data.items) == 367
    assert data.licence == "CC BY-NC 4.0"
