"""ShapeNet-Part: the layout, the lists, the choice of points."""

import json
from pathlib import Path

import numpy as np
import pytest
from cloud_files import bits

from segcert.data.part_numbers import CATEGORIES
from segcert.data.shapenet_part import ShapeNetPart, choice
from segcert.errors import InputError
from segcert.inputs.cloud_files import read_cloud
from segcert_scenes.shapes import shape

SYNSETS = {"Cap": "02954340", "Mug": "03797390"}
SIZES = {"a": 100, "b": 70, "c": 40}


def write_text(path: Path, rows: np.ndarray) -> None:
    path.parent.mkdir(exist_ok=True)
    np.savetxt(path, rows, fmt="%.6f")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A ShapeNet-Part of three shapes: train has a cap and a mug, val a mug, test nothing."""
    table = "".join(f"{name}\t{synset}\n" for name, synset in SYNSETS.items())
    (tmp_path / "synsetoffset2category.txt").write_text(table)
    (tmp_path / "train_test_split").mkdir()
    for category, names, part in (
        ("Cap", "a", "train"),
        ("Mug", "b", "train"),
        ("Mug", "c", "val"),
    ):
        cloud = shape(0, category=category.lower(), points=SIZES[names])
        rows = np.column_stack([cloud.points, cloud.normals, cloud.labels])
        write_text(tmp_path / SYNSETS[category] / f"{names}.txt", rows)
        path = tmp_path / "train_test_split" / f"shuffled_{part}_file_list.json"
        listed = json.loads(path.read_text()) if path.is_file() else []
        path.write_text(json.dumps([*listed, f"shape_data/{SYNSETS[category]}/{names}"]))
    (tmp_path / "train_test_split" / "shuffled_test_file_list.json").write_text("[]")
    return tmp_path


def test_shapes_come_in_the_order_of_the_list(root: Path) -> None:
    train = ShapeNetPart(root, "train")
    assert [cloud.name for cloud in train] == ["cap-a", "mug-b"]
    assert [CATEGORIES[cloud.category] for cloud in train] == ["cap", "mug"]
    assert [cloud.name for cloud in ShapeNetPart(root, "trainval", ("mug",))] == ["mug-b", "mug-c"]
    assert len(ShapeNetPart(root, "val")) == 1
    train.check_every_item()


def test_points_are_chosen_by_the_name_alone(root: Path) -> None:
    whole, some = (
        ShapeNetPart(root, "train", points=0)[0],
        ShapeNetPart(root, "train", points=60)[0],
    )
    assert (len(whole.points), len(some.points)) == (100, 60)
    kept = choice(100, 60, "a")
    assert (whole.points[kept] == some.points).all()
    assert (whole.labels[kept] == some.labels).all()
    assert (whole.normals[kept] == some.normals).all()
    assert some.notes == ("60 of 100 points, chosen at random by the name a",)
    again = ShapeNetPart(root, "trainval", ("cap",), points=60)[0]
    assert bits(again) == bits(some)
    few = ShapeNetPart(root, "train")[0]
    assert len(few.points) == 100
    assert few.notes == ("all 100 points of the file, fewer than 2048",)


def test_the_choice_is_fixed_and_fair() -> None:
    """Written down, so that another version of numpy cannot change it unseen."""
    assert choice(10, 4, "a").tolist() == [0, 1, 2, 7]
    counts = np.zeros(20)
    for key in range(2000):
        kept = choice(20, 5, str(key))
        assert len(set(kept.tolist())) == 5
        counts[kept] += 1
    statistic = ((counts - 500) ** 2 / 500).sum()
    assert statistic < 70  # chi-square of 19 degrees (here smaller): 1e-7


def test_points_stay_in_the_units_of_the_file(root: Path) -> None:
    path = root / SYNSETS["Cap"] / "a.txt"
    rows = np.loadtxt(path) * [100, 100, 100, 1, 1, 1, 1]
    write_text(path, rows)
    cloud = ShapeNetPart(root, "train")[0]
    assert np.allclose(cloud.points, rows[:, :3])
    assert np.abs(cloud.points).max() > 10


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("synsetoffset2category.txt", r"needs .*synsetoffset2category.txt.*missing: get"),
        ("train_test_split/shuffled_train_file_list.json", "split 'train' needs .*missing: get"),
    ],
)
def test_missing_lists_are_named(root: Path, missing: str, message: str) -> None:
    (root / missing).unlink()
    with pytest.raises(InputError, match=message):
        ShapeNetPart(root, "trainval")


def test_missing_and_bad_shapes_are_named(root: Path) -> None:
    path = root / SYNSETS["Cap"] / "a.txt"
    rows = np.loadtxt(path)
    write_text(path, rows + np.array([0, 0, 0, 0, 0, 0, 30]))
    with pytest.raises(InputError, match=r"a\.txt has part 3[67] in .* but a cap has the parts 6"):
        ShapeNetPart(root, "train")[0]
    write_text(path, rows[:, :6])
    with pytest.raises(InputError, match="must have the columns x y z nx ny nz label"):
        ShapeNetPart(root, "train")[0]
    path.unlink()
    with pytest.raises(InputError, match=r"lacks .*a\.txt: get .*first of 1 bad items of 2"):
        ShapeNetPart(root, "train").check_every_item()


def test_bad_arguments_and_lists(root: Path) -> None:
    for arguments, message in (
        ({"split": "all"}, "split must be one of train, val, test, trainval, got 'all'"),
        ({"split": "test"}, "split 'test' of .* is empty"),
        ({"split": "train", "categories": ("boat",)}, "category must be one of"),
        ({"split": "train", "points": -1}, "points must be at least 0"),
    ):
        with pytest.raises(InputError, match=message):
            ShapeNetPart(root, **arguments)
    listing = root / "train_test_split" / "shuffled_train_file_list.json"
    for content in ('["a"]', "[1]", "{", '["shape_data/../a"]', '["shape_data/x/"]', "3"):
        listing.write_text(content)
        with pytest.raises(InputError, match=r"must list|outside its folder"):
            ShapeNetPart(root, "train")
    listing.write_text('["shape_data/123/a"]')
    with pytest.raises(InputError, match="lists folder 123, which"):
        ShapeNetPart(root, "train")
    (root / "synsetoffset2category.txt").write_text("Boat 123\n")
    with pytest.raises(
        InputError, match="a line must be a category and its folder, got 'Boat 123'"
    ):
        ShapeNetPart(root, "train")


def test_the_hdf5_layout_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ply_data_train0.h5").write_bytes(b"")
    with pytest.raises(InputError, match="as HDF5, without normals, which is not read: get"):
        ShapeNetPart(tmp_path, "train")


@pytest.mark.data
def test_the_real_lists_and_caps(data_dir: Path, tmp_path: Path) -> None:
    """Counts of the data's own PROVENANCE.md; the caps as text files of the first listed names."""
    source = data_dir / "shapenet_part_cap"
    (tmp_path / "train_test_split").symlink_to(source / "train_test_split")
    lists = {
        part: json.loads(
            (tmp_path / "train_test_split" / f"shuffled_{part}_file_list.json").read_text()
        )
        for part in ("train", "val", "test")
    }
    assert {part: len(names) for part, names in lists.items()} == {
        "train": 12_137, "val": 1_870, "test": 2_874,
    }  # fmt: skip
    synsets = sorted({name.split("/")[1] for names in lists.values() for name in names})
    assert len(synsets) == 16
    others = [name for name in CATEGORIES if name != "cap"]
    rest = [synset for synset in synsets if synset != SYNSETS["Cap"]]
    named = {SYNSETS["Cap"]: "cap"} | dict(zip(rest, others, strict=True))
    table = "".join(f"{name} {synset}\n" for synset, name in named.items())
    (tmp_path / "synsetoffset2category.txt").write_text(table)
    for part, count in (("test", 11), ("val", 5)):
        data = ShapeNetPart(tmp_path, part, ("cap",))
        assert len(data) == count
        for number, (path, _) in enumerate(data.files):
            cap = read_cloud(source / f"{part}_{number:02}.npz")
            write_text(path, np.column_stack([cap.points, cap.normals, cap.labels]))
        data.check_every_item()
        assert {len(cap.points) for cap in data} == {2048}
