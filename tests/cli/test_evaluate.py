"""``segcert evaluate``: table, caption, resume, refusals."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from labelled_photographs import two_photographs

from segcert.runs.evaluate import load_results

Command = Callable[..., Any]


@pytest.fixture
def run(
    command: Command, weights: Path, tmp_path: Path, draw_pixels: Callable[..., np.ndarray]
) -> Command:
    """Evaluate the tiny network on two tiny photographs."""
    chosen = two_photographs(tmp_path, draw_pixels) | {
        "--model": weights, "--alpha": 0.1, "--n0": 4, "--out": tmp_path / "run",
    }  # fmt: skip

    def call(*arguments: object, without: tuple[str, ...] = (), **changed: object) -> Any:
        options = chosen | {f"--{key}": value for key, value in changed.items()}
        flat = [x for key, value in options.items() if key not in without for x in (key, value)]
        return command("evaluate", *flat, *arguments)

    return call


SEVERAL = ("--tau", 0.6, "--tau", 0.75, "--n", 40, "--n", 24, "--correction", "bonferroni",
           "--correction", "holm")  # fmt: skip


def test_the_table_is_printed_and_the_run_goes_on(run: Command, tmp_path: Path) -> None:
    done = run(*SEVERAL)
    assert done.status == 0
    assert done.err == (
        "note: 2 of 8 settings are left out: so few draws cannot certify anything at such a tau\n"
    )
    header, *lines = done.out.splitlines()
    assert header.split()[:7] == [
        "model", "scale", "tau", "n", "correction", "sigma", "radius",
    ]  # fmt: skip
    assert [line.split()[4] for line in lines[:6]] == ["bonferroni", "holm"] * 3
    assert "at most alpha = 0.1, by itself: not all of them together" in " ".join(done.out.split())
    results = load_results(tmp_path / "run")
    assert [(s.tau, s.n, s.correction) for s in results.config.settings] == [
        (0.6, 40, "bonferroni"), (0.6, 40, "holm"), (0.6, 24, "bonferroni"), (0.6, 24, "holm"),
        (0.75, 40, "bonferroni"), (0.75, 40, "holm"),
    ]  # fmt: skip
    before = (tmp_path / "run" / "summary.json").read_bytes()
    again = run(*SEVERAL)
    assert again.out == done.out  # the seed of the folder, and nothing drawn anew
    assert (tmp_path / "run" / "summary.json").read_bytes() == before
    assert len(json.loads(before)["results"]) == 6
    run(*SEVERAL, alpha=0.05).refuses("another configuration (alpha 0.1 -> 0.05)")
    run(*SEVERAL, seed=1).refuses("another configuration (seed ", "-> 1)")


@pytest.mark.slow
def test_a_subset_of_scenes(command: Command, tmp_path: Path) -> None:
    done = command(
        "evaluate", "--data", "synthetic", "--scenes", 2, "--subset", 1, "--model", "synthetic",
        "--n", 45, "--n0", 1, "--tau", 0.6, "--scale", 0.25, "--seed", 3, "--out", tmp_path,
    )  # fmt: skip
    assert (done.status, done.err) == (0, "")
    assert "1 images evenly spaced out of 2: 0" in " ".join(done.out.split())
    (row,) = load_results(tmp_path).rows
    assert row.components == 480 * 360


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"tau": 1}, ["tau must be in [1/2, 1)"]),
        ({"n": 3}, ["no setting can certify anything", "use n >= "]),
        ({"correction": "sidak"}, ["is refused"]),
        ({"scale": 0}, ["scale must be in"]),
        ({"subset": 3}, ["a subset must have 1..2 images"]),
        ({"scenes": 3}, ["--scenes is not of --data folder, which takes only --images"]),
        ({"seed": -1}, ["seed must be an integer"]),
        ({"device": "tpu"}, ["device must be"]),
        ({"model": "camvid"}, ["model camvid has classes", "must be the same"]),
        ({"data": "nothing"}, ["nothing"]),
        ({"n": 1.5}, ["1.5"]),
        ({"workers": 2}, ["--workers needs --engine processes or ray, got local"]),
        ({"address": "h:1"}, ["--address needs --engine ray, got local"]),
        ({"engine": "processes", "workers": 0}, ["workers must be at least 1, got 0"]),
    ],
)
def test_refusals(run: Command, tmp_path: Path, changed: dict[str, Any], words: list[str]) -> None:
    run(**changed).refuses(*words)
    assert not (tmp_path / "run").exists()
