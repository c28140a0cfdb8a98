"""A plan in a file: ``plan --write`` makes it, ``certify`` and ``evaluate --plan`` take it."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import segcert as sc
from segcert.certificates.result import load_certificate
from segcert.runs.evaluate import load_results

Command = Callable[..., Any]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "plan.toml"
    sc.Plan(tau=0.6, alpha=0.1, n0=4, n=60, correction=sc.Ordered()).write(path)
    return path


def test_the_recommended_plan_is_written_and_certifies(
    command: Command, photo: Path, weights: Path, tmp_path: Path
) -> None:
    """It is the plan that the command would spell out."""
    path = tmp_path / "wish.toml"
    wish = ("--tau", 0.6, "--alpha", 0.1, "--probe", 30, "--seed", 3)
    spelled = command("plan", photo, "--model", weights, *wish)
    done = command("plan", photo, "--model", weights, *wish, "--write", path)
    assert (done.status, done.err) == (0, "")
    words = shlex.split(done.out.strip().splitlines()[-1])
    assert words[-2:] == ["--plan", str(path)]
    said = shlex.split(spelled.out.strip().splitlines()[-1])
    options = dict(zip(said[3::2], said[4::2], strict=True))
    plan = sc.Plan.read(path)
    assert (plan.tau, plan.alpha) == (0.6, 0.1)
    assert (plan.n0, plan.n) == (int(options["--n0"]), int(options["--n"]))
    assert plan.correction.name == options["--correction"]
    assert command(*words[1:], "--out", tmp_path / "out").status == 0
    assert command(*said[1:], "--out", tmp_path / "out").status == 0  # the same: it is reused


def test_a_plan_that_certifies_nothing_is_not_written(
    command: Command, photo: Path, weights: Path, tmp_path: Path
) -> None:
    path = tmp_path / "wish.toml"
    wish = ("--tau", 0.999999, "--probe", 10, "--write", path)
    done = command("plan", photo, "--model", weights, *wish)
    assert done.status == 0
    assert "Out of reach" in done.out
    assert not path.exists()
    refused = command("plan", photo, "--model", weights, "--write", tmp_path / "wish.yaml")
    refused.refuses("a plan is a file .toml or .json, got", "wish.yaml")


def test_a_plan_in_a_file_is_the_same_as_its_options(
    command: Command, photo: Path, weights: Path, tmp_path: Path, file: Path
) -> None:
    arguments = ("certify", photo, "--model", weights, "--out", tmp_path / "out")
    assert command(*arguments, "--plan", file, "--seed", 1).status == 0
    before = (tmp_path / "out" / "photo" / "certificate.json").read_bytes()
    spelled = ("--tau", 0.6, "--alpha", 0.1, "--n0", 4, "--n", 60, "--correction", "ordered")
    again = command(*arguments, *spelled)
    assert "was there" in again.out
    assert (tmp_path / "out" / "photo" / "certificate.json").read_bytes() == before
    found = load_certificate(tmp_path / "out" / "photo")
    assert (found.tau, found.correction) == (0.6, sc.Ordered())


def test_options_beside_a_file_are_refused(
    command: Command, photo: Path, weights: Path, file: Path
) -> None:
    arguments = ("certify", photo, "--model", weights, "--plan", file)
    for option, value in (("--tau", 0.6), ("--sigma", 0.25), ("--n", 60), ("--blocks", 4)):
        command(*arguments, option, value).refuses(f"{option} has no effect with --plan")
    file.write_text("tau = 0.6\nnn = 3\n")
    command(*arguments).refuses(f"plan {file}: a plan has no 'nn'")
    file.write_text('noise = "rotation"\n')
    command(*arguments).refuses("rotation noise is for point clouds")


def test_a_mask_may_be_added_to_a_plan_without_one(
    command: Command, photo: Path, weights: Path, tmp_path: Path, file: Path
) -> None:
    height, width = np.asarray(Image.open(photo)).shape[:2]
    mask = np.zeros((height, width), dtype=np.uint8)
    mask[: height // 2] = 1
    Image.fromarray(mask).save(tmp_path / "mask.png")
    arguments = ("certify", photo, "--model", weights, "--ignore", tmp_path / "mask.png")
    done = command(*arguments, "--plan", file, "--out", tmp_path / "out")
    assert done.status == 0
    assert not load_certificate(tmp_path / "out" / "photo").certified[: height // 2].any()
    sc.Plan(ignore=mask.astype(bool)).write(file)
    command(*arguments, "--plan", file).refuses("has a mask: leave out --ignore")


def test_an_evaluation_takes_a_plan(command: Command, tmp_path: Path, file: Path) -> None:
    arguments = ("evaluate", "--data", "synthetic", "--scenes", 1, "--scale", 0.25)
    arguments += ("--model", "synthetic")
    done = command(*arguments, "--plan", file, "--seed", 1, "--out", tmp_path / "run")
    assert done.status == 0
    config = load_results(tmp_path / "run").config
    (setting,) = config.settings
    assert config.plan(setting) == sc.Plan.read(file)
    assert json.loads(config.model_dump_json())["n0"] == 4
    command(*arguments, "--plan", file, "--n0", 4, "--out", tmp_path / "run").refuses(
        "--n0 has no effect with --plan"
    )
    for plan, words in (
        (sc.Plan(blocks=4), "has blocks, which an evaluation does not do"),
        (sc.Plan(stop_when="target=0.9"), "has stop_when, which"),
        (sc.Plan(noise=sc.UniformNoise(0.3)), "has noise uniform, and this data set"),
    ):
        plan.write(file)
        command(*arguments, "--plan", file, "--out", tmp_path / "other").refuses(words)
