"""One sound mug, spoiled in every way that a file can be: one clear line and exit status 2."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from cloud_files import mug

from segcert.models.nets.pointnet2 import PointNet2

Command = Callable[..., Any]
Arrays = dict[str, Any]
SOUND = mug(512)


def arrays() -> Arrays:
    """The sound mug as the arrays of a file, which may be changed."""
    assert SOUND.normals is not None
    assert SOUND.labels is not None
    return {
        "points": SOUND.points.copy(), "normals": SOUND.normals.copy(),
        "labels": SOUND.labels.copy(), "category": 11,
    }  # fmt: skip


def put(key: str, where: object, value: object) -> Callable[[Arrays], None]:
    """Change some values of an array."""

    def spoil(found: Arrays) -> None:
        found[key][where] = value

    return spoil


def make(key: str, value: Callable[[Any], Any]) -> Callable[[Arrays], None]:
    """Change a whole array."""

    def spoil(found: Arrays) -> None:
        found[key] = value(found[key])

    return spoil


def take_away(*keys: str) -> Callable[[Arrays], None]:
    """Leave arrays out."""

    def spoil(found: Arrays) -> None:
        for key in keys:
            del found[key]

    return spoil


def every(count: int) -> Callable[[Arrays], None]:
    """Keep the first points."""

    def spoil(found: Arrays) -> None:
        for key in ("points", "normals", "labels"):
            found[key] = found[key][:count]

    return spoil


SPOILED: dict[str, tuple[Callable[[Arrays], None], tuple[str, ...]]] = {
    "NaN coordinate": (put("points", (7, 1), np.nan), ("finite", "point 7", "remove")),
    "infinite coordinate": (put("points", (7, 1), np.inf), ("finite", "point 7", "remove")),
    "zero diameter": (put("points", slice(None), 0.5), ("diameter 0", "512 points")),
    "one point": (every(1), ("at least 2 points", "got 1")),
    "no point": (every(0), ("at least 2 points", "got 0")),
    "fewer points than the network needs": (every(511), ("at least 512 points", "got 511")),
    "two columns": (make("points", lambda x: x[:, :2]), ("(n, 3)", "(512, 2)")),
    "four columns": (make("points", lambda x: x[:, [0, 1, 2, 2]]), ("(n, 3)", "(512, 4)")),
    "flat array": (make("points", np.ravel), ("(n, 3)", "(1536,)")),
    "text": (make("points", lambda x: x.astype(str)), ("real numbers",)),
    "too few normals": (make("normals", lambda x: x[:9]), ("512 points but 9 normals",)),
    "no normals": (take_away("normals"), ("no normals", "--normals recomputed")),
    "too few labels": (make("labels", lambda x: x[:9]), ("512 points but 9 labels",)),
    "labels of the category before": (make("labels", lambda x: x - 2), ("part 3", "a mug has")),
    "labels that begin at 0": (make("labels", lambda x: x - 36), ("a mug has the parts 36",)),
    "label beyond all": (put("labels", 0, 300), ("whole numbers in 0..254", "300")),
    "half labels": (make("labels", lambda x: x + 0.5), ("whole numbers in 0..254",)),
    "unknown category": (make("category", lambda _: 16), ("category", "0..15", "16")),
    "negative category": (make("category", lambda _: -1), ("category", "-1")),
    "no category": (take_away("category"), ("--category", "mug")),
    "no points": (take_away("points"), ("array points",)),
    "far from the origin": (
        make("points", lambda x: x.astype(float) + 1e7), ("subtract a common offset",),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PointNet++ checkpoint with random weights, which takes normals and 512 points or more."""
    path = tmp_path_factory.mktemp("weights") / "net.pth"
    torch.manual_seed(0)
    torch.save(PointNet2(columns=6).state_dict(), path)
    return path


def certify(command: Command, folder: Path, network: Path, found: Arrays) -> Any:
    """Certify arrays as they are; few draws, which nothing of these comes to."""
    np.savez(folder / "cloud.npz", **found)
    return command(
        "certify", folder / "cloud.npz", "--model", network, "--sigma", 0.02, "--tau", 0.5,
        "--alpha", 0.5, "--n0", 1, "--n", 14, "--out", folder / "out",
    )  # fmt: skip


@pytest.mark.parametrize("case", SPOILED)
def test_each_is_one_clear_line(command: Command, tmp_path: Path, network: Path, case: str) -> None:
    spoil, words = SPOILED[case]
    found = arrays()
    spoil(found)
    certify(command, tmp_path, network, found).refuses(*words)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_sound_mug_and_points_on_each_other_are_certified(
    command: Command, tmp_path: Path, network: Path
) -> None:
    """Duplicates are no error: both points are certified, and a note counts them."""
    found = arrays()
    done = certify(command, tmp_path, network, found)
    assert (done.status, done.err) == (0, "")
    found["points"][:30] = found["points"][30:60]
    (tmp_path / "twice").mkdir()
    done = certify(command, tmp_path / "twice", network, found)
    assert done.status == 0
    assert "30 of 512 points lie exactly on another" in " ".join(done.err.split())
