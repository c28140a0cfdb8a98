"""``segcert attack`` on point clouds: coordinates by gradients, rotations by search."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from cloud_files import mug_file, scan_file

from segcert.certificates.result import load_certificate
from segcert.inputs.cloud_files import read_cloud
from segcert.models.nets.pointnet import PointNet

Command = Callable[..., Any]
FEW = ("--tau", 0.6, "--alpha", 0.05, "--n0", 3, "--n", 40, "--seed", 5)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A checkpoint in whose place a small random network is opened, which takes normals."""
    torch.manual_seed(0)
    net = PointNet(50, columns=6, categories=16).eval()
    monkeypatch.setattr("segcert.models.opening_points.load_pointnet2", lambda _: net)
    (tmp_path / "tiny.pth").write_bytes(b"")
    return tmp_path / "tiny.pth"


def test_coordinates_are_attacked_within_the_certified_ball(
    command: Command, tmp_path: Path, tiny: Path
) -> None:
    cloud, out = mug_file(tmp_path), tmp_path / "out"
    told = ("--model", tiny, "--sigma", 0.05)
    assert command("certify", cloud, *told, *FEW, "--out", out).status == 0
    found = load_certificate(out / "mug")
    done = command(
        "attack", cloud, "--certificate", out / "mug", "--smoothed", tiny, "--steps", 5,
        "--n", 30, "--out", tmp_path / "attacked",
    )  # fmt: skip
    assert (done.status, done.err) == (0, "")
    assert "within the certified" in done.out
    assert "points" in done.out
    record = json.loads((tmp_path / "attacked" / "attack.json").read_text())
    assert record["inside"]
    assert 0.9 * found.radius < record["norm"] <= found.radius
    assert not record["smoothed"]["contradicted"]
    before, after = read_cloud(cloud), read_cloud(tmp_path / "attacked" / "attacked.npz")
    moved = np.linalg.norm(after.points.astype(float) - before.points.astype(float))
    assert moved == pytest.approx(record["norm"], rel=1e-6)
    assert before.normals is not None
    assert np.allclose(after.normals, before.normals, atol=1e-6)
    assert (tmp_path / "attacked" / "figure1.png").is_file()


def test_rotations_are_searched_within_the_certified_angle(
    command: Command, tmp_path: Path
) -> None:
    cloud, out = scan_file(tmp_path), tmp_path / "out"
    told = ("--noise", "rotation", "--sigma", 0.05)
    assert command("certify", cloud, *told, *FEW, "--out", out).status == 0
    done = command(
        "attack", cloud, "--certificate", out / "scan", "--steps", 8, "--n", 30, "--seed", 2,
        "--out", tmp_path / "attacked",
    )  # fmt: skip
    assert (done.status, done.err) == (0, "")
    record = json.loads((tmp_path / "attacked" / "attack.json").read_text())
    found = load_certificate(out / "scan")
    assert record["inside"]
    assert record["unit"] == "radians"
    assert abs(record["search"]["angle"]) <= found.radius
    assert not record["smoothed"]["contradicted"]
    assert record["search"]["tries"] == 8


def test_pictures_have_scans_with_z_up_and_shapes_with_y_up(
    command: Command, tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from segcert.report import cloud_attacks

    seen = []
    upright = cloud_attacks.upright
    monkeypatch.setattr(
        cloud_attacks, "upright", lambda points, up: (seen.append(up), upright(points, up))[1]
    )
    for cloud, told in ((scan_file(tmp_path), ()), (mug_file(tmp_path), ("--model", tiny))):
        noise = ("--noise", "rotation", "--sigma", 0.05, *told)
        assert command("certify", cloud, *noise, *FEW, "--out", tmp_path / "out").status == 0
        attack = ("attack", cloud, "--certificate", tmp_path / "out" / cloud.stem)
        few = ("--steps", 1, "--n", 5, "--out", tmp_path / "attacked")
        smoothed = ("--smoothed", tiny) if told else ()
        assert command(*attack, *few, *smoothed).status == 0
    assert seen == ["z"] * 3 + ["y"] * 3


@pytest.mark.parametrize("against", ["plain", "smoothed"])
def test_poses_are_searched_within_the_certified_set(
    command: Command, tmp_path: Path, against: str
) -> None:
    cloud, out = scan_file(tmp_path), tmp_path / "out"
    told = ("--noise", "pose", "--shift-sigma", 0.1, "--jitter-sigma", 0.05, "--sigma", 0.05)
    assert command("certify", cloud, *told, *FEW, "--out", out).status == 0
    attack = ("attack", cloud, "--certificate", out / "scan", "--out", tmp_path / "attacked")
    done = command(*attack, "--steps", 12, "--n", 30, "--seed", 2, "--against", against)
    assert (done.status, done.err) == (0, "")
    assert "pose of size" in done.out
    assert "within the certified" in done.out
    record = json.loads((tmp_path / "attacked" / "attack.json").read_text())
    found = load_certificate(out / "scan")
    assert record["inside"]
    assert 0 < record["norm"] <= found.radius
    assert not record["smoothed"]["contradicted"]
    search = record["search"]
    assert (search["kind"], search["tries"], search["against"]) == ("pose", 12, against)
    assert search["axis"] == [0.0, 0.0, 1.0]
    size = np.hypot(search["angle"] / 0.05, np.linalg.norm(search["shift"]) / 0.1)
    size = np.hypot(size, search["displacements"] / 0.05)
    assert size == pytest.approx(record["norm"], rel=1e-6)
    assert (tmp_path / "attacked" / "figure1.png").is_file()
    command(*attack, "--target", 1).refuses("--target", "movements")


def test_what_cannot_be_attacked_is_refused(command: Command, tmp_path: Path) -> None:
    cloud, out = scan_file(tmp_path), tmp_path / "out"
    vectors = ("--noise", "axis-angle", "--sigma", 0.05)
    assert command("certify", cloud, *vectors, *FEW, "--out", out).status == 0
    command("attack", cloud, "--certificate", out / "scan").refuses("Gaussian noise")
    assert command("certify", cloud, "--sigma", 0.1, *FEW, "--out", out, "--overwrite").status == 0
    refused = command("attack", cloud, "--certificate", out / "scan", "--out", tmp_path / "a")
    refused.refuses("needs floating-point scores")
    other = mug_file(tmp_path)
    command("attack", other, "--certificate", out / "scan").refuses("not the one", "points hash")
