"""ShapeNet-Part on the command line: train on it, evaluate on it, and what is refused."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from cloud_files import SYNSETS, shapenet_part

from segcert.data.cloud_sets import unit_sphere
from segcert.data.drawn_shapes import as_cloud
from segcert.data.part_numbers import PARTS
from segcert.data.sets import Arguments, open_evaluation_set
from segcert.data.shapenet_part import ShapeNetPart
from segcert.inputs.cloud_files import write_cloud
from segcert.inputs.kind import CLOUD
from segcert.models.files.checkpoints import read_point_description
from segcert.models.reference import ModelReference
from segcert.runs.evaluate import load_results
from segcert_scenes.shapes import shape

Command = Callable[..., Any]
FEW = ("--n", 40, "--n0", 3, "--alpha", 0.3, "--tau", 0.6, "--sigma", 0.02, "--seed", 0)


def without_notes(err: str) -> str:
    """What is said beside notes of clouds of few points, which these are."""
    return re.sub(r"note: \S+: all \d+ points of the file, fewer than 2048\n", "", err)


@pytest.fixture
def command(command: Command) -> Command:
    """Run a command; what it says without these notes."""

    def call(*arguments: object) -> Any:
        done = command(*arguments)
        return replace(done, err=without_notes(done.err))

    return call


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small data set in the public layout."""
    return shapenet_part(tmp_path_factory.mktemp("data") / "shapenet")


@pytest.fixture
def trained(command: Command, root: Path, tmp_path: Path) -> Path:
    """A small network after one epoch on it."""
    out = tmp_path / "net.safetensors"
    done = command(
        "train", "--data", "shapenet_part", "--root", root, "--architecture", "pointnet",
        "--epochs", 1, "--points", 32, "--batch-size", 2, "--sigma", 0.02, "--out", out,
    )  # fmt: skip
    assert (done.status, done.err) == (0, "")
    return out


def test_train_and_evaluate(command: Command, root: Path, trained: Path, tmp_path: Path) -> None:
    about = read_point_description(trained)
    assert about.data == "ShapeNet-Part train"
    assert "non-commercial" in about.licence
    told = ("evaluate", "--data", "shapenet_part", "--root", root, "--model", trained)
    done = command(*told, *FEW, "--out", tmp_path / "run")
    assert (done.status, done.err) == (0, "")
    results = load_results(tmp_path / "run")
    assert results.complete
    assert results.config.data == "ShapeNet-Part test"
    assert "unit sphere" in results.config.note
    assert [row.name for row in results.rows] == ["cap-test0", "mug-test1", "cap-test2"]
    for row in results.rows:
        answered = np.flatnonzero(row.confusion.sum(0))
        assert set(answered.tolist()) <= set(PARTS[row.category])
    (figures,) = json.loads((tmp_path / "run" / "summary.json").read_text())["results"]
    assert set(figures["category_iou"]) == {"cap", "mug"}
    assert figures["components"] == 64 + 64 + 80


def test_one_category_and_a_yaw_about_the_axis_that_points_up(
    command: Command, root: Path, trained: Path, tmp_path: Path
) -> None:
    told = ("evaluate", "--data", "shapenet_part", "--root", root, "--model", trained)
    few = (*FEW, "--split", "val", "--category", "cap", "--noise", "yaw")
    assert command(*told, *few, "--out", tmp_path / "run").status == 0
    config = load_results(tmp_path / "run").config
    assert config.data == "ShapeNet-Part val (cap)"
    assert config.images == 2
    assert config.settings[0].drawn_noise.direction == (0.0, 1.0, 0.0)
    assert config.settings[0].noise_text == "yaw 0.02 about y"
    other = command(*told, *few, "--axis", "x", "--out", tmp_path / "run")
    other.refuses("another configuration", "about y", "about x")
    again = command(*told, *few, "--out", tmp_path / "run")
    assert again.status == 0
    refused = command(*told, *FEW, "--axis", "x", "--out", tmp_path / "other")
    refused.refuses("--axis needs --noise yaw or pose", "leave out --axis")


def test_a_folder_of_clouds_stays_in_the_units_of_its_files(
    command: Command, trained: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    stored = as_cloud(shape(3, category="mug", points=64))
    bare = replace(stored, points=10 * stored.points, category=None)
    for name in "ab":
        write_cloud(folder / f"{name}.npz", bare)
    told = ("evaluate", "--data", "cloud_folder", "--root", folder, "--model", trained)
    few = (*told, *FEW, "--out", tmp_path / "run")
    done = command(*few, "--category", "mug")
    assert (done.status, done.err) == (0, "")
    results = load_results(tmp_path / "run")
    assert results.config.data == "clouds mine"
    assert "units of the files" in results.config.note
    assert [(row.name, row.category) for row in results.rows] == [("a", 11), ("b", 11)]
    data = open_evaluation_set("cloud_folder", Arguments(root=folder, category=("mug",)))
    assert (data.items[0].points == bare.points).all()
    command(*few).refuses("no category")
    command(*few, "--category", "cap").refuses("a.npz has part 37", "a cap has")
    command(*few, "--category", "cap", "--category", "mug").refuses("takes one category")
    command(*few, "--split", "test").refuses("--split is not of --data cloud_folder")
    missing = ("evaluate", "--data", "cloud_folder", "--root", tmp_path / "none")
    command(*missing, *FEW, "--model", trained, "--out", tmp_path / "x").refuses("does not exist")


def test_votes_and_recomputed_normals_are_part_of_the_model(
    command: Command, root: Path, trained: Path, tmp_path: Path
) -> None:
    """They are in its name, so that a run does not go on with others."""
    told = ("evaluate", "--data", "shapenet_part", "--root", root, "--model", trained, *FEW)
    few = (*told, "--category", "mug", "--out", tmp_path / "run")
    assert command(*few, "--normals", "recomputed").status == 0
    assert load_results(tmp_path / "run").config.model == "net[normals=recomputed]"
    command(*few).refuses("another configuration", "net[normals=recomputed] -> net")
    other = command(*few, "--normals", "recomputed", "--votes", 3)
    other.refuses("net[normals=recomputed] -> net[normals=recomputed,votes=3]")
    plain = tmp_path / "plain.safetensors"
    trains = ("train", "--data", "shapes", "--scenes", 2, "--architecture", "pointnet")
    few = ("--epochs", 1, "--batch-size", 2, "--points", 32, "--no-normals", "--out", plain)
    assert command(*trains, *few).status == 0
    refused = command(
        "evaluate", "--data", "shapenet_part", "--root", root, "--model", plain, *FEW,
        "--normals", "recomputed", "--out", tmp_path / "other",
    )  # fmt: skip
    refused.refuses("plain takes no normals")


def test_shapes_are_on_the_unit_sphere_in_the_order_of_the_list(root: Path) -> None:
    data = open_evaluation_set("shapenet_part", Arguments(root=root, category=("cap",)))
    plain = ShapeNetPart(root, "test", ("cap",))
    for item, stored in zip(data.items, plain, strict=True):
        assert np.abs(stored.points.mean(0)).max() > 0.5  # the file is off centre
        assert (item.points == unit_sphere(stored.points)).all()
        assert (item.labels == stored.labels).all()


def test_public_checkpoints_are_evaluated(tmp_path: Path) -> None:
    """The network of a checkpoint takes any category, and answers its parts only."""
    from segcert.models.nets.pointnet2 import PointNet2
    from segcert.models.point_segmenter import of_category

    torch.manual_seed(0)
    torch.save(PointNet2(columns=6).state_dict(), tmp_path / "net.pth")
    found = ModelReference(str(tmp_path / "net.pth"), CLOUD, each_category=True).open()
    assert (found.columns, found.smallest_size, found.classes) == (6, 512, 50)
    told = of_category(found, "mug")
    labels = told.labels(torch.randn(1, 512, 6, generator=torch.Generator().manual_seed(0)))
    assert set(labels.unique().tolist()) <= {36, 37}


def lacking(root: Path, *gone: str) -> None:
    """Delete files of the layout."""
    for name in gone:
        (root / name).unlink()


LISTS = "train_test_split/shuffled_{}_file_list.json"
BAD: dict[str, tuple[Callable[[Path], None], tuple[object, ...], str]] = {
    "no table": (
        lambda root: lacking(root, "synsetoffset2category.txt"), (),
        r"synsetoffset2category\.txt, which is missing: get .* from shapenet\.org",
    ),
    "no list": (
        lambda root: lacking(root, LISTS.format("test")), (),
        r"split 'test' needs .*shuffled_test_file_list\.json, which is missing: get",
    ),
    "the other layout": (
        lambda root: [lacking(root, "synsetoffset2category.txt"), (root / "a.h5").touch()], (),
        "HDF5, without normals, which is not read: get",
    ),
    "no such split": (lambda _: None, ("--split", "dev"), "split must be one of train, val"),
    "no such category": (
        lambda _: None, ("--category", "boat"), "category must be one of airplane.*got 'boat'",
    ),
    "no shape of the category": (
        lambda _: None, ("--category", "lamp"), "split 'test' of .* is empty",
    ),
    "no such shape": (
        lambda root: lacking(root, f"{SYNSETS['mug']}/test1.txt"), (),
        r"lacks .*test1\.txt: get .*first of 1 bad items of 3",
    ),
    "part of another category": (
        lambda root: (root / SYNSETS["cap"] / "test0.txt").write_text("0 0 0 1 0 0 36\n" * 9
                                                                       + "1 0 0 1 0 0 6\n"), (),
        r"test0\.txt has part 36 in 9 points, but a cap has the parts 6",
    ),
    "truncated shape": (
        lambda root: (root / SYNSETS["cap"] / "test0.txt").write_text("0 0 0 1 0\n"), (),
        r"test0\.txt has 5 columns",
    ),
    "argument of another set": (lambda _: None, ("--scenes", 3), "--scenes is not of"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_data_are_one_clear_line(
    command: Command, tmp_path: Path, trained: Path, case: str
) -> None:
    spoil, told, line = BAD[case]
    root = shapenet_part(tmp_path / "mine")
    spoil(root)
    refused = command(
        "evaluate", "--data", "shapenet_part", "--root", root, "--model", trained, *told, *FEW,
        "--out", tmp_path / "run",
    )  # fmt: skip
    refused.refuses()
    assert re.search(line, refused.line)
    assert not (tmp_path / "run").exists()


def test_training_refuses_them_too(command: Command, tmp_path: Path) -> None:
    told = ("train", "--out", tmp_path / "net.safetensors", "--data")
    command(*told, "shapenet_part", "--root", tmp_path).refuses("synsetoffset2category.txt")
    command(*told, "shapes", "--category", "cap").refuses(
        "--category needs --data shapenet_part, got shapes"
    )
    root = shapenet_part(tmp_path / "mine")
    small = command(*told, "shapenet_part", "--root", root, "--batch-size", 2)
    small.refuses("64 points, fewer than the 1024 of a view", "--points")


@pytest.mark.slow
@pytest.mark.data
def test_the_real_caps_in_the_text_layout(
    command: Command, data_dir: Path, trained: Path, tmp_path: Path
) -> None:
    """Caps as text files at the first listed names: as good results as from their .npz files."""
    source = data_dir / "shapenet_part_cap"
    root = tmp_path / "text"
    (root / SYNSETS["cap"]).mkdir(parents=True)
    (root / "train_test_split").mkdir()
    (root / "synsetoffset2category.txt").write_text(f"Cap\t{SYNSETS['cap']}\n")
    listed = json.loads((source / LISTS.format("test")).read_text())
    names = [name for name in listed if f"/{SYNSETS['cap']}/" in name]
    (root / LISTS.format("test")).write_text(json.dumps(names))
    assert len(names) == 11
    for number, name in enumerate(names):
        with np.load(source / f"test_{number:02}.npz") as file:
            rows = np.column_stack([file["xyz"], file["normal"], file["label"]])
        np.savetxt(root / SYNSETS["cap"] / f"{name.split('/')[-1]}.txt", rows, fmt="%.9g")
    summaries = []
    for data, place in (("shapenet_part", root), ("shapenet_part_cap", source)):
        done = command(
            "evaluate", "--data", data, "--root", place, "--model", trained, "--subset", 2, *FEW,
            "--out", tmp_path / data,
        )  # fmt: skip
        assert (done.status, done.err) == (0, "")
        summaries.append(json.loads((tmp_path / data / "summary.json").read_text()))
    first, second = (summary["results"][0] for summary in summaries)
    assert first["components"] == 2 * 2048 < second["components"]  # the .npz keep all points
    assert first["accuracy"] == pytest.approx(second["accuracy"], abs=0.05)
