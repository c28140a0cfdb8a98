"""``segcert verify --replay``: other machines are no excuse, and it says what it proves."""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import segcert as sc
from segcert.cli.main import run

Command = Callable[..., Any]
PLAN = ("--tau", 0.6, "--alpha", 0.1, "--n0", 3, "--n", 60, "--seed", 4, "--batch-size", 4)


@pytest.fixture(scope="module")
def first(
    draw_pixels: Callable[..., np.ndarray],
    weights: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The folder of one certificate of the photograph, drawn with one thread; not to be changed."""
    folder = tmp_path_factory.mktemp("first")
    photo, out = folder / "photo.png", folder / "out"
    Image.fromarray(draw_pixels()).save(photo)
    options = ("--model", weights, "--out", out, *PLAN, "--correction", "ordered")
    with Threads(1):
        assert run(["certify", *map(str, (photo, *options))]) == 0
    return out / "photo"


@pytest.fixture
def made(first: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(first, tmp_path / "out" / "photo"))


@pytest.fixture
def replay(command: Command, photo: Path, weights: Path) -> Command:
    """Replay a certificate."""

    def call(folder: Path, *options: object) -> Any:
        return command("verify", folder, "--replay", "--image", photo, "--model", weights, *options)

    return call


class Threads:
    """So many threads of torch, for a while."""

    def __init__(self, number: int) -> None:
        self.number, self.before = number, torch.get_num_threads()

    def __enter__(self) -> None:
        """Set them."""
        torch.set_num_threads(self.number)

    def __exit__(self, *_: object) -> None:
        """Set them back."""
        torch.set_num_threads(self.before)


def forge(folder: Path, source: dict[str, Any] | None = None, **changed: Any) -> None:
    """Write a certificate of other counts, from elsewhere, as a forger would: all hashes fit."""
    old = sc.load_certificate(folder)
    provenance = dataclasses.replace(old.provenance, **(source or {}))
    counts = dataclasses.replace(old.counts, provenance=provenance, **changed)
    made = sc.certify(
        counts, tau=old.tau, alpha=old.alpha, correction=old.correction, ignore=old.family.ignore
    )
    shutil.rmtree(folder)
    made.save(folder)
    sc.load_certificate(folder)


def test_it_says_what_it_proves(made: Path, replay: Command) -> None:
    with Threads(1):
        done = replay(made)
    assert (done.status, done.err) == (0, "")
    lines = done.out.splitlines()
    assert "replay: the noise of every draw matches bit for bit" in lines
    assert "replay: every count matches" in lines
    certified = int(sc.load_certificate(made).certified.sum())
    assert f"replay: decided again, {certified} of {certified} certified components are" in lines
    assert "not that seed, tau, alpha and correction were chosen before" in lines[-1]
    assert "mask" not in lines[-1]


@pytest.mark.parametrize("number", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_another_number_of_threads_is_no_other_model(
    made: Path, replay: Command, number: int
) -> None:
    """Last bits differ; what hangs on them is explained, and the decision is the same."""
    with Threads(number):
        done = replay(made)
    assert (done.status, done.err) == (0, "")
    assert "decided again" in done.out


def wholesale(folder: Path) -> dict[str, Any]:
    """All hits, for one class everywhere."""
    counts = sc.load_certificate(folder).counts
    return {
        "labels": np.full_like(counts.labels, 2),
        "hits": np.full_like(counts.hits, counts.n),
        "pilot_hits": np.full_like(counts.pilot_hits, counts.n0),
    }


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({}, "do not explain"),
        ({"device_name": "another processor"}, "do not explain"),
        ({"backend": "compile"}, "do not explain"),
        (
            {"device": "cuda", "streams": "cuda", "stream_version": 1, "device_name": "a GPU"},
            "fresh draws contradict",
        ),
    ],
)
def test_made_up_counts_are_refused_wherever_they_claim_to_come_from(
    made: Path, replay: Command, command: Command, source: dict[str, Any], words: str
) -> None:
    forge(made, source, **wholesale(made))
    assert command("verify", made).status == 0
    options = ("--backend", "torch") if source.get("backend") else ()
    replay(made, "--device", "cpu", *options).refuses("replay:", words, status=1)


def test_a_device_with_streams_of_another_is_refused(made: Path, command: Command) -> None:
    old = sc.load_certificate(made)
    source = dataclasses.replace(old.provenance, device="cuda")
    dataclasses.replace(old, counts=dataclasses.replace(old.counts, provenance=source)).save(made)
    command("verify", made).refuses("must be that of streams cpu", status=1)


def test_what_comes_from_the_model_is_compared(made: Path, replay: Command) -> None:
    counts = sc.load_certificate(made).counts
    honest = {"class_names": counts.class_names, "palette": counts.palette, "invalid": 0}
    for change, words in (
        ({"class_names": counts.class_names[::-1]}, "its class names is"),
        ({"palette": counts.palette[::-1]}, "its palette is"),
        ({"invalid": 5}, "5 are recorded"),
    ):
        forge(made, **(honest | change))
        replay(made).refuses(words, status=1)
    for name in ("camvid", "certified by somebody"):
        forge(made, {"model": name}, **honest)
        replay(made).refuses(f"model is called {name}, but it is tiny", status=1)


def test_a_mask_that_is_given_is_compared(
    command: Command, photo: Path, weights: Path, tmp_path: Path, replay: Command, made: Path
) -> None:
    mask = np.zeros((32, 48), np.uint8)
    mask[:4] = 255
    files = tmp_path / "mask.png", tmp_path / "other.png"
    Image.fromarray(mask).save(files[0])
    mask[4, 4] = 255
    Image.fromarray(mask).save(files[1])
    out = tmp_path / "masked"
    done = command("certify", photo, "--model", weights, "--out", out, "--ignore", files[0], *PLAN)
    assert done.status == 0, done.err
    folder = out / "photo"
    plain = replay(folder)
    assert "nor the mask (compare it with --ignore)" in plain.out
    assert replay(folder, "--ignore", files[0]).status == 0
    assert command("verify", folder, "--ignore", files[0]).status == 0
    words = "mask of the certificate is another one at 1 of 1536 components"
    replay(folder, "--ignore", files[1]).refuses(words, status=1)
    command("verify", folder, "--ignore", files[1]).refuses(words, status=1)
    replay(made, "--ignore", files[0]).refuses("has no such mask", status=1)


def test_fresh_draws_prove_by_themselves(made: Path, replay: Command, command: Command) -> None:
    done = replay(made, "--fresh")
    assert (done.status, done.err) == (0, "")
    lines = done.out.splitlines()[-3:]
    assert lines[0].startswith("replay: 60 fresh draws (seed ")
    assert lines[1].startswith("replay: by themselves they certify ")
    assert "whenever seed, tau, alpha and correction were chosen" in lines[2]
    command("verify", made, "--fresh").refuses("--fresh needs --replay")
