"""``--statement count`` on the command line: what is written, printed, verified and refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import segcert as sc

Command = Callable[..., Any]


@pytest.fixture
def photo(tmp_path: Path, draw_pixels: Callable[..., np.ndarray]) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(draw_pixels(seed=0)).save(path)
    return path


def certify(command: Command, photo: Path, weights: Path, *more: object) -> Any:
    return command(
        "certify", photo, "--model", weights, "--n0", 4, "--n", 30, "--tau", 0.6, "--alpha", 0.1,
        "--seed", 1, "--out", photo.parent / "out", *more,
    )  # fmt: skip


def test_a_count_is_written_verified_and_replayed(
    command: Command, photo: Path, weights: Path
) -> None:
    done = certify(command, photo, weights, "--statement", "count")
    assert done.status == 0, done.err
    folder = photo.parent / "out" / "photo"
    assert sorted(path.name for path in folder.iterdir()) == [
        "certificate.json", "counts.npz", "statement.txt",
    ]  # fmt: skip
    found = sc.load_count(folder)
    assert (folder / "statement.txt").read_text() == found.statement + "\n"
    assert found.statement in " ".join(done.out.split())
    assert str(found.at_least()) in done.out
    again = certify(command, photo, weights, "--statement", "count")
    assert again.status == 0
    other = certify(command, photo, weights, "--statement", "count:parts=classes")
    assert other.status == 2
    assert "statement count -> count:parts=classes" in other.err
    replayed = command("verify", folder, "--replay", "--image", photo, "--model", weights)
    assert replayed.status == 0, replayed.err
    assert "components with enough hits, of those counted, are" in " ".join(replayed.out.split())


@pytest.mark.parametrize(
    "words",
    [
        ("--radius-map",), ("--correction", "bonferroni"), ("--drop-below", 2), ("--blocks", 4),
        ("--stop-when", "target=0.8"),
    ],
)  # fmt: skip
def test_what_names_components_is_refused(
    command: Command, photo: Path, weights: Path, words: tuple[object, ...]
) -> None:
    done = certify(command, photo, weights, "--statement", "count", *words)
    assert done.status == 2
    assert f"{words[0]} needs --statement labels, got count: leave out {words[0]}" in done.err


def test_an_unknown_statement_is_refused(command: Command, photo: Path, weights: Path) -> None:
    done = certify(command, photo, weights, "--statement", "number")
    assert done.status == 2
    assert "statement must be labels, count or count:parts=classes" in done.err
