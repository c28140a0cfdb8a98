"""``segcert certify`` with every noise, correction, family, tree and rule to stop."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from segcert.certificates.radius_map import radius_map
from segcert.certificates.result import load_certificate
from segcert.cli.progress import DrawProgress

Command = Callable[..., Any]

GROUPS = """
classes = ["road", "car", "sky"]
[groups]
"ground" = ["road", "car"]
"anything" = ["ground", "sky"]
"""
KINDS: dict[str, dict[str, object]] = {
    "uniform": {"noise": "uniform"},
    "laplace": {"noise": "laplace", "sigma": 0.1},
    "brightness": {"noise": "brightness"},
    "contrast": {"noise": "contrast"},
    "bonferroni": {"correction": "bonferroni"},
    "ordered": {"correction": "ordered"},
    "ordered-by": {"correction": "ordered:budget=200,by=agreement"},
    "capped": {"correction": "capped:cap=1000"},
    "k-fwer": {"correction": "k-fwer:k=10"},
    "blocks": {"blocks": 4},
    "drop": {"drop_below": 0.02},
    "ignore": {"ignore": "mask.png"},
    "family": {"blocks": 4, "drop_below": 0.02, "ignore": "mask.png", "correction": "ordered"},
    "no-pilot": {"n0": 0, "blocks": 4, "ignore": "mask.png"},
    "tree": {"tree": "groups.toml"},
    "tree-looks": {"tree": "groups.toml", "ignore": "mask.png", "stop_when": "target=0.1"},
    "looks": {"stop_when": "certified-share-stalls", "looks": 6, "n": 90},
    "anytime": {"stop_when": "target=0.1", "looks": 0},
    "time": {"stop_when": "time=1h", "looks": 2, "correction": "ordered"},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a mask and a class tree."""
    mask = np.zeros((32, 48), np.uint8)
    mask[24:] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    (tmp_path / "groups.toml").write_text(GROUPS)
    return tmp_path


@pytest.fixture
def attempt(command: Command, folder: Path, photo: Path, weights: Path) -> Command:
    """Certify quickly, with some options changed."""

    def call(*flags: object, **changed: object) -> Any:
        options = {
            "model": weights, "tau": 0.6, "alpha": 0.1, "n": 60, "out": folder / "out", "seed": 3,
        } | changed  # fmt: skip
        if "tree" not in options:
            options = {"n0": 4} | options
        files = {k: folder / str(v) for k, v in options.items() if k in ("ignore", "tree")}
        named = [
            part
            for k, v in (options | files).items()
            for part in (f"--{k.replace('_', '-')}", v)
        ]  # fmt: skip
        return command("certify", photo, *named, *flags)

    return call


@pytest.fixture
def refused(attempt: Command, folder: Path) -> Iterator[Command]:
    """Certify, and find at the end that nothing was written."""
    yield attempt
    assert not (folder / "out").exists()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.sampled
def test_every_kind_is_written_verified_replayed_and_reused(
    attempt: Command, command: Command, folder: Path, photo: Path, weights: Path, kind: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    done = attempt(**KINDS[kind])
    assert done.status == 0, done.err
    made = folder / "out" / "photo"
    found = load_certificate(made)
    assert found.certified.any()
    tested = found.family.tested(found.counts)
    assert tested.all() == (not {"drop_below", "ignore"} & {*KINDS[kind]})
    with Image.open(made / "labels.png") as picture:
        assert (np.array(picture) == np.where(found.certified, found.labels, 255)).all()
    replay = ("--replay", "--image", photo, "--model", weights)
    checked = command("verify", made, *replay)
    assert (checked.status, checked.err) == (0, "")
    assert "every count matches" in checked.out
    before = (made / "certificate.json").read_bytes()

    def never(*_: object) -> None:
        raise AssertionError("drawn again")

    monkeypatch.setattr(DrawProgress, "__call__", never)
    again = attempt(**KINDS[kind])
    assert (again.status, "was there" in again.out) == (0, True)
    assert (made / "certificate.json").read_bytes() == before


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ({}, {"noise": "laplace"}, ["noise gaussian -> laplace"]),
        ({"noise": "laplace"}, {}, ["noise laplace -> gaussian"]),
        ({}, {"correction": "ordered"}, ["correction holm -> ordered"]),
        ({"correction": "k-fwer:k=2"}, {"correction": "k-fwer:k=3"}, ["k-fwer:k=2 -> k-fwer:k=3"]),
        ({}, {"blocks": 4}, ["blocks None -> 4"]),
        ({"blocks": 4}, {"blocks": 5}, ["blocks 4 -> 5"]),
        ({"drop_below": 0.02}, {"drop_below": 1}, ["drop_below 0.02 -> 1.0"]),
        ({"ignore": "mask.png"}, {}, ["ignore_sha256", "-> None"]),
        ({}, {"ignore": "mask.png"}, ["ignore_sha256 None ->"]),
        ({}, {"tree": "groups.toml"}, ["tree None ->", "n0 4 -> 0", "holm -> bonferroni"]),
        ({"tree": "groups.toml"}, {"tree": "other.toml"}, ["tree another one ->"]),
        ({}, {"stop_when": "target=0.1"}, ["stop_when None -> target=0.1"]),
        ({"stop_when": "target=0.1"}, {"stop_when": "target=0.2"}, ["target=0.1 -> target=0.2"]),
        ({"stop_when": "target=0.1"}, {"stop_when": "target=0.1", "looks": 0}, ["looks 4 -> 0"]),
        ({"stop_when": "target=0.1"}, {"stop_when": "target=0.1", "looks": 5}, ["looks 4 -> 5"]),
        ({"stop_when": "target=0.1"}, {"stop_when": "target=0.1", "n": 61}, ["n 60 -> 61"]),
    ],
)
@pytest.mark.sampled
def test_other_settings_are_refused_with_what_differs(
    attempt: Command, folder: Path, first: dict[str, object], second: dict[str, object],
    words: list[str],
) -> None:  # fmt: skip
    (folder / "other.toml").write_text(GROUPS.replace("ground", "below"))
    assert attempt(**first).status == 0
    attempt(**second).refuses("certificate of other settings", *words, "--overwrite")


def test_other_names_of_the_same_settings_are_reused(attempt: Command, folder: Path) -> None:
    (folder / "same.toml").write_text(GROUPS)
    assert attempt(tree="groups.toml").status == 0
    assert "was there" in attempt(tree="same.toml", correction="Bonferroni", n0=0).out


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"noise": "salt"}, ["--noise", "salt"]),
        ({"noise": "uniform", "sigma": -1}, ["--sigma -1", "uniform", "positive number"]),
        ({"noise": "uniform", "sigma": 200}, ["--sigma 200", "at most 100"]),
        ({"noise": "laplace", "sigma": "nan"}, ["--sigma nan", "laplace"]),
        ({"noise": "laplace", "sigma": 3}, ["--sigma 3", "at most 2.5"]),
        ({"noise": "brightness", "sigma": 0}, ["--sigma 0", "brightness", "0.001"]),
        ({"noise": "contrast", "sigma": 5}, ["--sigma 5", "contrast", "2]"]),
        ({"correction": "sidak"}, ["sidak", "is refused", "independence", "use holm"]),
        ({"correction": "capped"}, ["capped", "parameter", "capped:cap=1000"]),
        ({"correction": "k-fwer:k=0"}, ["k of k-fwer", ">= 1", "got 0"]),
        ({"correction": "ordered:budget=0"}, ["budget", ">= 1"]),
        ({"correction": "ordered:by=colour"}, ["by", "colour"]),
        ({"correction": "ordered", "n0": 0}, ["takes its order from a pilot", "--n0 1"]),
        ({"correction": "holm:k=1"}, ["wrong or missing parameter"]),
        ({"blocks": 0}, ["blocks", "in 1..2147483647", "got 0"]),
        ({"blocks": 1.5}, ["--blocks", "1.5"]),
        ({"drop_below": 1, "n0": 0}, ["--drop-below", "--n0 1 or more"]),
        ({"drop_below": 99}, ["--drop-below must be in [-16,", "got 99.0"]),
        ({"drop_below": "nan"}, ["--drop-below must be in", "got nan"]),
        ({"ignore": "none.png"}, ["--ignore: image", "none.png does not exist"]),
        ({"ignore": "groups.toml"}, ["--ignore: image", "no image that can be read"]),
        ({"ignore": "small.png"}, ["mask of --ignore has 20x10 pixels", "an image has 48x32"]),
        ({"ignore": "full.png"}, ["mask of --ignore covers every pixel"]),
        ({"tree": "groups.toml", "n0": 5}, ["--tree", "use --n0 0", "got 5"]),
        ({"tree": "groups.toml", "correction": "holm"}, ["--correction bonferroni"]),
        ({"tree": "groups.toml", "blocks": 4}, ["without --blocks"]),
        ({"tree": "groups.toml", "drop_below": 1}, ["--drop-below", "pilot"]),
        ({"tree": "groups.toml", "n": 15}, ["n = 15 draws", "use n >= "]),
        ({"tree": "none.toml"}, ["none.toml does not exist"]),
        ({"tree": "mask.png"}, ["mask.png cannot be read as a hierarchy"]),
        ({"tree": "wrong.toml"}, ["'bus' in the hierarchy and 'car' in the model"]),
        ({"stop_when": "bored"}, ["unknown rule to stop", "'bored'", "target=0.9"]),
        ({"stop_when": "target=2"}, ["target must be a share in (0, 1]", "2.0"]),
        ({"stop_when": "time=-1"}, ["time must be a positive"]),
        ({"stop_when": "target=much"}, ["target needs a number"]),
        ({"looks": -1}, ["--looks needs --stop-when"]),
        ({"stop_when": "target=0.9", "looks": -1}, ["--looks must be 0", "got -1"]),
        ({"stop_when": "target=0.9", "looks": 10**15}, ["--looks must be at most --n 60"]),
        ({"stop_when": "target=0.9", "looks": 50}, ["50 looks do not fit", "larger --n"]),
        ({"stop_when": "target=0.9", "looks": 0, "n0": 0}, ["--looks 0", "needs a pilot"]),
        ({"stop_when": "target=0.9", "n": 15}, ["15"]),
    ],
)
def test_impossible_choices(
    refused: Command, folder: Path, changed: dict[str, object], words: list[str]
) -> None:
    Image.fromarray(np.zeros((10, 20), np.uint8)).save(folder / "small.png")
    Image.fromarray(np.full((32, 48), 9, np.uint8)).save(folder / "full.png")
    (folder / "wrong.toml").write_text(GROUPS.replace("car", "bus"))
    refused(**changed).refuses(*words)


def test_radius_maps_that_cannot_be(refused: Command) -> None:
    refused("--radius-map", stop_when="target=0.1", looks=0).refuses("--radius-map", "--looks 4")
    refused("--radius-map", tree="groups.toml").refuses("--radius-map", "leave out --tree")


def test_a_radius_map_is_written_also_for_a_certificate_that_was_there(
    attempt: Command, folder: Path
) -> None:
    made = folder / "out" / "photo"
    assert attempt().status == 0
    before = {path.name for path in made.iterdir()}
    done = attempt("--radius-map")
    assert (done.status, "was there" in done.out) == (0, True)
    assert {path.name for path in made.iterdir()} - before == {
        "radius.npy", "radius.png", "radius.txt",
    }  # fmt: skip
    found = load_certificate(made)
    expected = radius_map(found.counts, alpha=0.1)
    assert np.array_equal(np.load(made / "radius.npy"), expected.radius)
    assert (made / "radius.txt").read_text().startswith(expected.statement)
    attempt("--radius-map", "--overwrite")
    assert np.array_equal(np.load(made / "radius.npy"), expected.radius)
    with Image.open(made / "radius.png") as picture:
        white = (np.array(picture) == 255).all(2)
    assert np.array_equal(white, expected.radius == 0)


def test_the_table_names_the_norm_and_the_draws(attempt: Command, folder: Path) -> None:
    done = attempt(noise="laplace", sigma=0.1, stop_when="target=0.01")
    assert "l1 radius" in done.out
    assert "Draws were stopped early: target=0.01" in done.out
    counts = load_certificate(folder / "out" / "photo").counts
    assert counts.n < 60
    assert f"{counts.n} of 60" in done.out
    assert "trained with Gaussian noise (sigma = 0.25), not with laplace noise" in done.err
    assert "sigma = 0.1" not in done.err


def test_a_run_that_stops_early_ends_its_progress(
    attempt: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int]] = []
    monkeypatch.setattr(
        DrawProgress, "__call__", lambda _, __, done, total: seen.append((done, total))
    )
    attempt(stop_when="target=0.01")
    assert seen[0][1] == 64
    assert seen[-1][0] == seen[-1][1] < 64


@pytest.mark.parametrize("kind", ["looks", "anytime", "tree-looks", "family"])
@pytest.mark.parametrize("at", [pytest.param(25, marks=pytest.mark.slow), 1000])
@pytest.mark.sampled
def test_ctrl_c_and_the_same_command_give_the_same_certificate(
    attempt: Command, folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str, at: int
) -> None:
    """Interrupted between two looks, and after the last one."""
    options = KINDS[kind] | {"batch_size": 1}
    attempt(**options, out=folder / "whole")

    def stop(_: DrawProgress, __: str, done: int, total: int) -> None:
        if done >= min(at, total):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(DrawProgress, "__call__", stop)
        done = attempt(**options)
    assert (done.status, "the same command goes on" in done.err) == (130, True)
    partial = folder / "out" / ".photo.partial.npz"
    with np.load(partial) as file:
        looks = len(json.loads(str(file["header"]))["history"])
    assert (looks > 0) == (kind != "family" and (at == 1000 or kind != "looks"))
    attempt(**options | {"stop_when": "time=9s", "looks": 2}).refuses("stop_when", "time=9.0s")
    assert attempt(**options).status == 0
    made, whole = (folder / name / "photo" for name in ("out", "whole"))
    assert (made / "certificate.json").read_bytes() == (whole / "certificate.json").read_bytes()


def test_unfinished_work_with_another_mask_is_refused(
    attempt: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(_: DrawProgress, __: str, done: int, ___: int) -> None:
        if done >= 40:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(DrawProgress, "__call__", stop)
        attempt(batch_size=1, ignore="mask.png")
    attempt().refuses("unfinished work of other settings", "ignore_sha256")
