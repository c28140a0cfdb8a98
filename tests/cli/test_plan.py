"""``segcert plan``: table, JSON, the next command, and what it refuses."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from segcert.certificates.result import load_certificate
from segcert.planning.forecast import PROCEDURES, TOTALS
from segcert.sampling.streams import SEED_BITS

Command = Callable[..., Any]
QUICK = ("--alpha", 0.1, "--probe", 30, "--seed", 3)


@pytest.fixture
def plan(command: Command, weights: Path) -> Command:
    """Plan with the tiny network and few draws."""

    def call(*arguments: object) -> Any:
        return command("plan", "--model", weights, *QUICK, *arguments)

    return call


def test_the_table_and_the_recommendation(plan: Command, photo: Path, weights: Path) -> None:
    done = plan(photo, "--tau", 0.6)
    assert (done.status, done.err) == (0, "")
    for procedure in PROCEDURES:
        assert procedure.label in done.out
    assert "Recommended at l2 radius 0.06333 (tau = 0.6): " in done.out
    assert "A prediction, no guarantee." in done.out
    command = shlex.split(done.out.strip().splitlines()[-1])
    assert command[:3] == ["segcert", "certify", str(photo)]
    options = dict(zip(command[3::2], command[4::2], strict=True))
    assert options.keys() == {
        "--model", "--noise", "--sigma", "--tau", "--alpha", "--n0", "--n", "--correction",
    }  # fmt: skip
    assert options["--model"] == str(weights)
    assert options["--tau"] == "0.6"
    assert options["--alpha"] == "0.1"
    total = int(options["--n0"]) + int(options["--n"])
    assert f"{total} draws in all" in done.out
    assert any(line.split()[0] == str(total) for line in done.out.splitlines() if line.strip())


def test_json_has_everything_and_its_command_runs(
    plan: Command, command: Command, photo: Path, tmp_path: Path
) -> None:
    """What is certified then is about what was predicted: 1536 pixels, five points allowed."""
    done = plan(photo, "--tau", 0.6, "--share", 0.8, "--json")
    assert (done.status, done.err) == (0, "")
    found = json.loads(done.out)
    assert found["settings"]["probe"] == 30
    assert found["images"] == [{"name": "photo", "components": 1536, "seed": "3"}]
    assert found["draws"] == list(TOTALS)
    (threshold,) = found["thresholds"]
    best = threshold["recommended"]
    assert best["reached"]
    assert best["goal"] == 0.8
    assert best["draws"] == best["n0"] + best["n"]
    shares = threshold["shares"]
    assert set(shares) == {procedure.label for procedure in PROCEDURES}
    at = TOTALS.index(best["draws"])
    assert shares[best["procedure"]][at] == best["certified_share"] >= 0.8
    assert max(curve[at - 1] for curve in shares.values()) < 0.8
    words = shlex.split(found["command"])[1:]
    certified = command(*words, "--out", tmp_path / "out")
    assert (certified.status, certified.err) == (0, "")
    result = load_certificate(tmp_path / "out" / "photo")
    assert 1 - result.abstain_rate == pytest.approx(best["certified_share"], abs=0.05)
    assert result.radius == threshold["radius"]


def test_without_a_wish_other_thresholds_stand_beside(plan: Command, photo: Path) -> None:
    done = plan(photo)
    assert (done.status, done.err) == (0, "")
    for tau in ("0.6", "0.75", "0.85", "0.9", "0.95", "0.99"):
        assert any(line.split()[:1] == [tau] for line in done.out.splitlines())
    assert "(tau = 0.75)" in done.out


def test_a_wished_radius_gives_the_threshold(plan: Command, photo: Path) -> None:
    found = json.loads(plan(photo, "--radius", 0.05, "--json").out)
    (threshold,) = found["thresholds"]
    assert threshold["tau"] == pytest.approx(0.57926, abs=1e-5)  # Phi(0.05 / 0.25)
    assert 0.05 <= threshold["radius"] < 0.05001
    assert f"--tau {threshold['tau']!r}" in found["command"]


def test_a_wish_out_of_reach(plan: Command, photo: Path) -> None:
    done = plan(photo, "--tau", 0.9, "--share", 0.99)
    assert done.status == 0
    assert "Out of reach: a certified share of 99.0% at l2 radius 0.3203 (tau = 0.9)" in done.out
    assert "the most is" in done.out
    nothing = plan(photo, "--tau", 0.9999999)
    assert nothing.status == 0
    assert "nothing is predicted to be certified with 10000 draws" in nothing.out
    assert "segcert certify" not in nothing.out


def test_several_images_and_names_with_marks(
    plan: Command, tmp_path: Path, draw_pixels: Callable[..., np.ndarray]
) -> None:
    for seed, name in enumerate(("a [b]", "c:car:")):
        Image.fromarray(draw_pixels(seed=seed)).save(tmp_path / f"{name}.png")
    done = plan(tmp_path / "*.png", "--tau", 0.6)
    assert (done.status, done.err) == (0, "")
    words = shlex.split(done.out.strip().splitlines()[-1])
    assert words[2] == str(tmp_path / "*.png")
    found = json.loads(plan(tmp_path / "*.png", "--tau", 0.6, "--json").out)
    assert [one["name"] for one in found["images"]] == ["a [b]", "c:car:"]


def test_the_seed_decides_and_scale_and_noise_are_handed_on(plan: Command, photo: Path) -> None:
    options = ("--tau", 0.55, "--scale", 0.5, "--noise", "uniform", "--json")
    one, same = (plan(photo, *options).out for _ in range(2))
    assert one == same
    assert plan(photo, *options, "--batch-size", 3).out == one
    command = json.loads(one)["command"]
    assert "--scale 0.5" in command
    assert "--noise uniform" in command


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--tau", 0.7, "--radius", 0.1), ["--tau and --radius exclude each other"]),
        (("--tau", 1), ["tau must be in [1/2, 1), got 1.0"]),
        (("--radius", 2.1), ["radius 2.1 is beyond what any tau < 1 gives", "at most 2.05"]),
        (("--radius", 0), ["radius must be positive, got 0.0"]),
        (("--radius", "nan"), ["radius must be positive, got nan"]),
        (("--share", 0), ["share must be in (0, 1], got 0.0"]),
        (("--share", 1.01), ["share must be in (0, 1], got 1.01"]),
        (("--probe", 9), ["at least 10 draws, got 9"]),
        (("--probe", 10.5), ["--probe", "10.5"]),
        (("--n0", 0), ["n0 must be from 1", "got 0"]),
        (("--n0", 16), ["half the draws of the probe, 15, got 16"]),
        (("--alpha", 0), ["alpha must be in (0, 1), got 0.0"]),
        (("--sigma", 0), ["sigma must be a positive number"]),
        (("--noise", "uniform", "--sigma", 0), ["--sigma 0 is not for uniform noise"]),
        (("--seed", 2**SEED_BITS), ["seed must be an integer in [0, 2^128)"]),
        (("--device", "tpu"), ["device must be 'auto', 'cpu' or a CUDA device"]),
        (("--batch-size", 0), ["batch_size must be"]),
        (("--model", "resnet"), ["unknown model 'resnet'"]),
    ],
)
def test_refusals(
    command: Command, weights: Path, photo: Path, options: tuple[object, ...], words: list[str]
) -> None:
    chosen = {"--model": weights, "--alpha": 0.1, "--probe": 30} | dict(
        zip(options[::2], options[1::2], strict=True)
    )
    flat = [part for pair in chosen.items() for part in pair]
    done = command("plan", photo, *flat)
    done.refuses(*words)
    assert done.out == ""


def test_images_that_cannot_be_read(plan: Command, tmp_path: Path) -> None:
    plan().refuses("no image given")
    plan(tmp_path / "none.png").refuses(tmp_path / "none.png", "does not exist")
    Image.fromarray(np.zeros((15, 48, 3), np.uint8)).save(tmp_path / "tiny.png")
    plan(tmp_path / "tiny.png").refuses("48x15 pixels", "too small")
