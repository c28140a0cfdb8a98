"""``segcert demo --points``: from nothing to a certified shape; with a random network here."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from segcert.certificates.result import load_certificate
from segcert.data import part_numbers
from segcert.inputs.cloud_files import read_cloud
from segcert.models.nets.pointnet import PointNet
from segcert.models.opening_points import PointOptions, with_options
from segcert.models.point_segmenter import PointSegmenter
from segcert.models.wrapping_points import as_point_segmenter

Command = Callable[..., Any]


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small random network in place of the shipped one."""
    torch.manual_seed(0)
    net = PointNet(50, categories=16, width=8).eval()

    def opened(name: str, options: PointOptions) -> PointSegmenter:
        assert name == "shapes"
        plain = as_point_segmenter(
            net, name=name, class_names=part_numbers.NAMES, palette=part_numbers.PALETTE
        )
        return with_options(plain, options, categories=True)

    monkeypatch.setattr("segcert.models.opening_points.open_point_model", opened)


@pytest.mark.usefixtures("tiny")
def test_the_demo_certifies_a_shape_and_attacks_it(command: Command, tmp_path: Path) -> None:
    done = command(
        "demo", "--points", "--scene", 2, "--tau", 0.6, "--n0", 2, "--n", 40, "--seed", 1,
        "--out", tmp_path,
    )  # fmt: skip
    assert (done.status, done.err) == (0, "")
    (file,) = tmp_path.glob("*.npz")
    found, shape = load_certificate(tmp_path / file.stem), read_cloud(file)
    assert found.labels.shape == (2048,)
    true = 100 * float((found.labels == shape.labels).mean())
    printed = float(done.out.split("accuracy")[1].split("%")[0])
    assert true - 0.11 <= printed <= true
    for word in (
        "certified share",
        "of the points",
        "diameter",
        "With confidence 0.999",
        "report.html",
        "attack",
    ):
        assert word in done.out
    record = json.loads((tmp_path / "attack" / "attack.json").read_text())
    assert record["inside"]
    assert not record["smoothed"]["contradicted"]
    assert np.isfinite(read_cloud(tmp_path / "attack" / "attacked.npz").points).all()


def test_a_bad_scene_is_refused(command: Command) -> None:
    command("demo", "--points", "--scene", -1).refuses("--scene", "-1")


@pytest.mark.slow
def test_the_shipped_network_certifies_the_default_shape(command: Command, tmp_path: Path) -> None:
    """A table, of which most points are certified, and nearly all of these are true."""
    done = command("demo", "--points", "--n0", 5, "--n", 60, "--seed", 1, "--out", tmp_path)
    assert (done.status, done.err) == (0, "")
    (file,) = tmp_path.glob("table*.npz")
    found, shape = load_certificate(tmp_path / file.stem), read_cloud(file)
    assert found.certified.mean() > 0.5
    assert (found.labels == shape.labels)[found.certified].mean() > 0.9
