"""``segcert demo``: from nothing to a page; on few draws here."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segcert.certificates.result import Certificate, load_certificate
from segcert.cli.progress import DrawProgress
from segcert.data.drawn_scenes import FIRST_TEST_SCENE
from segcert_scenes.streets import street_scene

Command = Callable[..., Any]


def test_the_demo_prints_figures_and_the_path_of_its_page(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """360 x 480 pixels at tau = 0.52 need 30 draws: 0.52^30 <= 0.001 / 172800."""
    monkeypatch.setattr("segcert.cli.demo.ATTACK_STEPS", 5)
    monkeypatch.setattr("segcert.cli.demo.CHECK_DRAWS", 8)
    done = command(
        "demo", "--scene", 6, "--tau", 0.52, "--n0", 2, "--n", 30, "--seed", 1, "--out", tmp_path
    )
    assert (done.status, done.err) == (0, "")
    for word in ("certified share", "abstention", "accuracy", "radius", "RMS", "grey levels"):
        assert word in done.out
    assert {"street6.png", "truth.png"} <= {path.name for path in tmp_path.iterdir()}
    page = Path(re.search(r"Open (.*report\.html)", done.out).group(1))
    assert page.is_file()
    found = load_certificate(page.parent)
    assert found.labels.shape == (360, 480)
    assert found.provenance.seed == 1
    assert found.provenance.model == "synthetic"
    assert not list(tmp_path.glob(".*"))
    truth = street_scene(FIRST_TEST_SCENE + 6).labels
    printed = re.search(r"([\d.]+)% of the pixels have the true class", done.out).group(1)
    exact = 100 * float((found.labels == truth).mean())
    assert exact - 0.1 <= float(printed) <= exact + 0.05
    check_attacks(done.out, tmp_path, truth, found)


def check_attacks(text: str, folder: Path, truth: np.ndarray, found: Certificate) -> None:
    """One attack within the certified radius, and one outside that breaks the plain model."""
    assert text.count("plain accuracy") == 2
    for name in ("attack", "attack-outside"):
        record = json.loads((folder / name / "attack.json").read_text())
        assert record["inside"] == (name == "attack")
        assert not record["smoothed"]["contradicted"]
        assert record["plain"]["labelled"] == (truth != 255).sum()
        assert record["smoothed"]["certified"] == found.certified.sum()
        assert f"{record['plain']['changed']} of 172800 pixels" in text
        assert (folder / name / "figure1.png").is_file()
    outside = record["plain"]
    assert outside["right_after"] < outside["right_before"] - 0.05 * outside["labelled"]


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--scene", -1, ["scene", "-1"]),
        ("--scene", 1.5, ["--scene", "1.5"]),
        ("--tau", 1, ["tau must be in [1/2, 1)"]),
        ("--n", 10, ["n = 10 draws", "use n >="]),
        ("--n0", -1, ["n0 must be >= 0"]),
        ("--seed", -1, ["seed must be an integer"]),
    ],
)
def test_refusals_leave_nothing(
    command: Command, tmp_path: Path, option: str, value: object, words: list[str]
) -> None:
    command("demo", "--out", tmp_path / "out", option, value).refuses(*words)
    assert not (tmp_path / "out").exists()


def test_an_output_folder_that_is_a_file_is_refused(command: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("keep")
    command("demo", "--out", tmp_path / "file").refuses(tmp_path / "file", "is a file")
    assert (tmp_path / "file").read_text() == "keep"


def test_ctrl_c_leaves_no_half_result(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(DrawProgress, "__call__", stop)
    command("demo", "--out", tmp_path).refuses("same command goes on", status=130)
    assert not [p for p in tmp_path.iterdir() if p.is_dir()]
