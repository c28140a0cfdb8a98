"""Cityscapes: the official layout, the 19 training numbers, what is ignored."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segcert.certificates.hierarchies import hierarchies, open_hierarchy
from segcert.data.cityscapes import CLASSES, OF_IDS, PALETTE, Cityscapes
from segcert.errors import InputError
from segcert.inputs.labels import IGNORE

HEIGHT, WIDTH = 6, 7
NAMES = {  # of the official table of labels: number, name; the others are ignored
    7: "road", 8: "sidewalk", 11: "building", 12: "wall", 13: "fence", 17: "pole",
    19: "traffic light", 20: "traffic sign", 21: "vegetation", 22: "terrain", 23: "sky",
    24: "person", 25: "rider", 26: "car", 27: "truck", 28: "bus", 31: "train", 32: "motorcycle",
    33: "bicycle",
}  # fmt: skip


def write(root: Path, city: str, name: str, *, suffix: str = ".png") -> tuple[Path, Path]:
    """Write a photograph and its labels, every official number 0..33 and 255."""
    photograph = root / "leftImg8bit" / "val" / city / f"{name}_leftImg8bit{suffix}"
    labels = root / "gtFine" / "val" / city / f"{name}_gtFine_labelIds.png"
    for path in (photograph, labels):
        path.parent.mkdir(parents=True, exist_ok=True)
    numbers = np.resize([*range(34), 255], HEIGHT * WIDTH).astype(np.uint8)
    Image.new("RGB", (WIDTH, HEIGHT), (10, 20, 30)).save(photograph)
    Image.fromarray(numbers.reshape(HEIGHT, WIDTH)).save(labels)
    return photograph, labels


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three photographs in two cities, written out of order."""
    write(tmp_path, "munster", "munster_000000_000019")
    write(tmp_path, "bonn", "bonn_000001_000019", suffix=".jpg")
    write(tmp_path, "bonn", "bonn_000000_000019")
    return tmp_path


def test_photographs_are_sorted_by_city_and_name(root: Path) -> None:
    data = Cityscapes(root, "val")
    assert len(data) == 3
    assert [item.name for item in data] == [
        "bonn_000000_000019", "bonn_000001_000019", "munster_000000_000019",
    ]  # fmt: skip
    assert (data[0].image == (10, 20, 30)).all()
    assert data[-1].name == "munster_000000_000019"


def test_numbers_become_the_classes_of_the_official_table(root: Path) -> None:
    labels = Cityscapes(root, "val")[0].labels.ravel()
    for position, number in enumerate([*range(34), 255]):
        name = NAMES.get(number)
        assert labels[position] == (CLASSES.index(name) if name else IGNORE), number
    assert len(OF_IDS) == 35


def test_training_numbers_are_read_where_the_official_ones_are_missing(root: Path) -> None:
    folder = root / "gtFine" / "val" / "bonn"
    numbers = np.resize([*range(19), 255], HEIGHT * WIDTH).astype(np.uint8).reshape(HEIGHT, WIDTH)
    Image.fromarray(numbers).save(folder / "bonn_000000_000019_gtFine_labelTrainIds.png")
    both = Cityscapes(root, "val")
    assert both.annotations[0].name.endswith("_labelIds.png")
    before = both[0].labels
    (folder / "bonn_000000_000019_gtFine_labelIds.png").unlink()
    alone = Cityscapes(root, "val")[0].labels
    assert (alone == numbers).all()
    assert (alone != before).any()


def test_the_test_split_has_no_labels(root: Path) -> None:
    with pytest.raises(InputError, match=r"'train' or 'val', got 'test': the labels .* not public"):
        Cityscapes(root, "test")
    with pytest.raises(InputError, match="got 'train_extra'"):
        Cityscapes(root, "train_extra")


def test_an_empty_or_missing_split_says_where_to_get_it(root: Path) -> None:
    with pytest.raises(InputError, match=r"leftImg8bit/train/CITY.* none: get .*cityscapes-data"):
        Cityscapes(root, "train")
    shutil.rmtree(root / "gtFine")
    with pytest.raises(InputError, match=r"bonn_000000.*no labels \(the first of 3.*of 3\).*get "):
        Cityscapes(root, "val")


def test_missing_partners_are_named_and_counted(root: Path) -> None:
    photograph, labels = write(root, "bonn", "bonn_000002_000019")
    labels.unlink()
    with pytest.raises(InputError, match=r"bonn_000002.*no labels \(the first of 1 .*, of 4\)"):
        Cityscapes(root, "val")
    photograph.unlink()
    photograph, labels = write(root, "bonn", "bonn_000003_000019")
    photograph.unlink()
    with pytest.raises(InputError, match=r"bonn_000003.*labelIds.*no image \(the first of 1 "):
        Cityscapes(root, "val")


def test_one_photograph_in_two_formats_is_refused(root: Path) -> None:
    write(root, "bonn", "bonn_000000_000019", suffix=".jpg")
    with pytest.raises(InputError, match=r"bonn_000000.* have one name"):
        Cityscapes(root, "val")


def test_hidden_files_of_other_systems_are_no_photographs(root: Path) -> None:
    folder = root / "leftImg8bit" / "val" / "bonn"
    (folder / "._bonn_000000_000019_leftImg8bit.png").write_bytes(b"junk")
    assert len(Cityscapes(root, "val")) == 3


@pytest.mark.parametrize(
    ("labels", "rule"),
    [
        (Image.new("L", (WIDTH, HEIGHT), 34), r"class 34 in 42 pixels, must be 0\.\.33 or 255"),
        (Image.new("L", (WIDTH, 5)), r"shape \(5, 7\), its image \(6, 7\)"),
        (Image.new("RGB", (WIDTH, HEIGHT)), "one class number per pixel .*got mode RGB"),
    ],
)
def test_labels_of_another_kind_are_refused(root: Path, labels: Image.Image, rule: str) -> None:
    _, path = write(root, "bonn", "bonn_000000_000019")
    labels.save(path)
    data = Cityscapes(root, "val")
    assert data[1].name == "bonn_000001_000019"
    with pytest.raises(InputError, match=f"bonn_000000.*{rule}"):
        data[0]
    with pytest.raises(InputError, match=f"{rule}.*the first of 1 bad items of 3"):
        data.check_every_item()


def test_training_numbers_beyond_18_are_refused(root: Path) -> None:
    _, path = write(root, "bonn", "bonn_000000_000019")
    other = path.with_name(path.name.replace("labelIds", "labelTrainIds"))
    Image.new("L", (WIDTH, HEIGHT), 19).save(other)
    path.unlink()
    with pytest.raises(InputError, match=r"class 19 in 42 pixels, must be 0\.\.18 or 255"):
        Cityscapes(root, "val")[0]


def test_classes_are_those_of_the_shipped_hierarchy() -> None:
    assert "cityscapes" in hierarchies()
    tree = open_hierarchy("cityscapes")
    assert tree.names[: tree.classes] == CLASSES
    assert len(set(CLASSES)) == len(set(PALETTE)) == len(PALETTE) == 19
    assert (255, 255, 255) not in PALETTE  # white is abstention


@pytest.mark.data
def test_the_real_photographs_and_both_kinds_of_labels(data_dir: Path, tmp_path: Path) -> None:
    """The samples hold both files; the one made by the official scripts tells what to expect."""
    root = data_dir / "cityscapes_samples"
    data = Cityscapes(root, "val")
    assert [item[:24] for item in (p.name for p in data.photographs)] == [
        "frankfurt_000000_000294_", "frankfurt_000000_000576_",
        "frankfurt_000000_001016_", "frankfurt_000000_001236_",
    ]  # fmt: skip
    item = data[3]
    assert item.image.shape == (1024, 2048, 3)
    derived = data.annotations[3].with_name(f"{item.name}_gtFine_labelTrainIds.png")
    assert (item.labels == np.asarray(Image.open(derived))).all()
    for path in data.annotations:
        link = tmp_path / path.relative_to(root)
        link.parent.mkdir(parents=True, exist_ok=True)
        other = path.name.replace("labelIds", "labelTrainIds")
        link.with_name(other).symlink_to(path.with_name(other))
    (tmp_path / "leftImg8bit").symlink_to(root / "leftImg8bit")
    assert (Cityscapes(tmp_path, "val")[0].labels == data[0].labels).all()


@pytest.mark.data
def test_roads_are_below_the_sky(data_dir: Path) -> None:
    labels = Cityscapes(data_dir / "cityscapes_samples", "val")[0].labels
    road, sky = (np.nonzero(labels == CLASSES.index(name))[0] for name in ("road", "sky"))
    assert road.min() > sky.mean()
