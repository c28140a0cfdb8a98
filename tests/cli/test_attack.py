"""``segcert attack``: 0 if the certificate stands, 1 if it is contradicted, 2 if it cannot be."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from segcert.certificates.result import Certificate, load_certificate
from segcert.cli.main import run
from segcert.models.files.checkpoints import load_weights

Command = Callable[..., Any]
SIDE = (16, 24)


@pytest.fixture(scope="module")
def made(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certified image, with a truth beside it; not to be changed."""
    folder = tmp_path_factory.mktemp("made")
    rng = np.random.default_rng(1)
    Image.fromarray(rng.integers(0, 256, (*SIDE, 3), dtype=np.uint8)).save(folder / "photo.png")
    truth = rng.integers(0, 3, SIDE, dtype=np.uint8)
    truth[:2] = 255
    Image.fromarray(truth).save(folder / "truth.png")
    arguments = (
        "certify", folder / "photo.png", "--model", weights, "--out", folder / "out",
        "--tau", 0.6, "--alpha", 0.1, "--n0", 3, "--n", 30, "--seed", 4, "--batch-size", 4,
    )  # fmt: skip
    assert run([str(argument) for argument in arguments]) == 0
    return folder


@pytest.fixture
def attack(command: Command, made: Path, weights: Path) -> Command:
    """Attack it."""

    def call(out: Path, *given: object) -> Any:
        options = {
            "--certificate": made / "out" / "photo", "--smoothed": weights, "--steps": 3,
            "--n": 40, "--out": out,
        } | dict(zip(given[::2], given[1::2], strict=True))  # fmt: skip
        flat = [word for option in options.items() for word in option]
        return command("attack", made / "photo.png", *flat)

    return call


@pytest.mark.parametrize("against", ["plain", "smoothed"])
def test_within_the_radius_the_certificate_stands(
    attack: Command, made: Path, tmp_path: Path, against: str
) -> None:
    """The array that is written is in the ball, the table says what the record says."""
    random = ("--seed", 1, *(("--draws", 2) if against == "smoothed" else ("--restarts", 1)))
    done = attack(tmp_path, "--against", against, "--truth", made / "truth.png", *random)
    assert (done.status, done.err) == (0, "")
    record = json.loads((tmp_path / "attack.json").read_text())
    cert = load_certificate(made / "out" / "photo")
    image = np.load(tmp_path / "attacked.npy").astype(np.float64)
    photo = np.asarray(Image.open(made / "photo.png")).transpose(2, 0, 1) / 255
    norm = np.sqrt(((image - photo) ** 2).sum())
    # ascent through few draws may end at any step; where the radius helps, it is used up
    least = 0.9 * cert.radius if against == "plain" else 0
    assert least < norm <= record["norm"] <= cert.radius
    assert record["inside"]
    assert not record["smoothed"]["contradicted"]
    assert record["smoothed"]["certified"] == int(cert.certified.sum()) > 0
    assert record["plain"]["labelled"] == 14 * 24
    assert (record["search"]["noise"] is None) == (against == "plain")
    assert record["search"]["seed"] == 1 != record["smoothed"]["seed"]
    assert f"{record['plain']['changed']} of 384 pixels" in done.out
    assert f"{record['smoothed']['survivors']} of {int(cert.certified.sum())} pixels" in done.out
    assert "before" in done.out
    assert np.asarray(Image.open(tmp_path / "figure1.png")).shape == (16, 4 * 24 + 3 * 8, 3)
    seen = np.asarray(Image.open(tmp_path / "attacked.png")).transpose(2, 0, 1) / 255
    assert np.abs(seen - image).max() <= 0.5 / 255 + 1e-6


def test_outside_it_says_what_survives(attack: Command, tmp_path: Path) -> None:
    done = attack(tmp_path, "--radius", 6, "--against", "smoothed", "--steps", 10)
    assert done.status == 0
    record = json.loads((tmp_path / "attack.json").read_text())
    assert not record["inside"]
    assert 1 < record["norm"] <= 6
    assert record["smoothed"]["survivors"] < record["smoothed"]["certified"]
    assert "outside the certified" in done.out
    assert "accuracy" not in done.out
    assert np.asarray(Image.open(tmp_path / "figure1.png")).shape == (16, 3 * 24 + 2 * 8, 3)


def test_a_contradicted_certificate_fails(
    attack: Command, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same attack on a certificate that claims the larger radius."""
    true = load_certificate(made / "out" / "photo")

    def forged(_: Path) -> Certificate:
        from dataclasses import replace

        return replace(true, radius=12.0)

    monkeypatch.setattr("segcert.certificates.result.load_certificate", forged)
    done = attack(tmp_path, "--against", "smoothed", "--steps", 10, "--n", 100)
    assert done.status == 1
    assert "certified pixels provably changed within its radius, 0 are allowed" in done.err
    assert json.loads((tmp_path / "attack.json").read_text())["smoothed"]["contradicted"]


def test_a_targeted_attack_moves_towards_its_class(attack: Command, tmp_path: Path) -> None:
    done = attack(tmp_path, "--radius", 6, "--target", 2, "--steps", 10)
    assert done.status == 0
    assert json.loads((tmp_path / "attack.json").read_text())["search"]["target"] == 2
    figure = np.asarray(Image.open(tmp_path / "figure1.png"))[:, 32:56].reshape(-1, 3)
    assert ((figure == (70, 130, 180)).all(1)).mean() > 0.5  # class 2 of the palette


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--radius", 0, ["radius of an attack", "0"]),
        ("--radius", 1e-9, ["below the rounding"]),
        ("--target", 3, ["target must be a class in 0..2", "3"]),
        ("--target", -1, ["target must be a class number"]),
        ("--steps", 0, ["steps >= 1"]),
        ("--restarts", -1, ["restarts >= 0"]),
        ("--n", 0, ["n must be >= 1"]),
        ("--seed", 1, ["--seed needs --restarts or --against smoothed", "leave out --seed"]),
        ("--draws", 8, ["--draws needs --against smoothed, got plain: leave out --draws"]),
        ("--smoothed", "camvid", ["not the one that was certified"]),
        ("--model", "nothing", ["unknown model"]),
        ("--truth", "nowhere.png", ["nowhere.png cannot be read"]),
        ("--certificate", "nowhere", ["no certificate at"]),
    ],
)
def test_refusals_leave_nothing(
    attack: Command, tmp_path: Path, option: str, value: object, words: list[str]
) -> None:
    attack(tmp_path / "out", option, value).refuses(*words)
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_the_certified_model_may_be_given_once(
    command: Command, made: Path, weights: Path, tmp_path: Path
) -> None:
    """As --model alone, by its identity; another model there says nothing of the certified one."""
    words = ("attack", made / "photo.png", "--certificate", made / "out" / "photo",
             "--steps", 1, "--n", 10, "--out", tmp_path)  # fmt: skip
    command(*words).refuses("does not come with segcert", "attack: --smoothed")
    command(*words, "--model", "camvid").refuses("does not come with segcert")
    done = command(*words, "--model", weights)
    assert (done.status, done.err) == (0, "")


def test_a_seed_out_of_range_is_refused(attack: Command, tmp_path: Path) -> None:
    attack(tmp_path / "out", "--restarts", 1, "--seed", -1).refuses("seed must be an integer")


def test_a_truth_that_does_not_fit_is_refused(attack: Command, tmp_path: Path) -> None:
    Image.fromarray(np.full(SIDE, 7, np.uint8)).save(tmp_path / "wrong.png")
    attack(tmp_path / "out", "--truth", tmp_path / "wrong.png").refuses("class 7", "--truth")
    Image.fromarray(np.zeros((3, 3), np.uint8)).save(tmp_path / "small.png")
    attack(tmp_path / "out", "--truth", tmp_path / "small.png").refuses("shape (3, 3)")


def test_another_image_is_refused(command: Command, made: Path, weights: Path, photo: Path) -> None:
    command(
        "attack", photo, "--certificate", made / "out" / "photo", "--smoothed", weights
    ).refuses("not the one that was certified")


def test_the_weights_of_the_fixture_are_those_that_were_certified(
    made: Path, weights: Path
) -> None:
    """What the tests above attack is a network with gradients."""
    net, _ = load_weights(weights)
    assert any(parameter.requires_grad for parameter in net.parameters())
    assert load_certificate(made / "out" / "photo").provenance.model == weights.stem
