"""Bad point clouds: one clear line and exit status 2."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from cloud_files import mug, mug_file, scan, scan_file
from PIL import Image

from segcert.inputs.cloud_files import write_cloud
from segcert.inputs.clouds import checked_cloud

Command = Callable[..., Any]


@pytest.fixture
def certify(command: Command, tmp_path: Path) -> Command:
    """Certify with few draws."""

    def call(*arguments: object) -> Any:
        return command("certify", *arguments, "--tau", 0.6, "--n", 60, "--out", tmp_path / "out")

    return call


def npz(folder: Path, **arrays: Any) -> Path:
    """Write arrays as they are."""
    np.savez(folder / "bad.npz", **arrays)
    return folder / "bad.npz"


def test_coordinates_that_are_not_finite(certify: Command, tmp_path: Path) -> None:
    points = scan().points.copy()
    points[7, 1] = np.nan
    certify(npz(tmp_path, points=points)).refuses("finite", "point 7", "remove")


def test_a_cloud_of_diameter_0(certify: Command, tmp_path: Path) -> None:
    certify(npz(tmp_path, points=np.ones((20, 3)))).refuses("diameter 0")


def test_wrong_columns(certify: Command, tmp_path: Path) -> None:
    np.savetxt(tmp_path / "five.txt", np.ones((4, 5)))
    certify(tmp_path / "five.txt").refuses("5 columns", "x y z")
    certify(npz(tmp_path, points=np.ones((20, 2)))).refuses("(n, 3)", "(20, 2)")


def test_fewer_points_than_the_network_needs(certify: Command, tmp_path: Path) -> None:
    from segcert.models.nets.pointnet2 import PointNet2

    weights = tmp_path / "net.pth"
    torch.save(PointNet2().state_dict(), weights)
    refused = certify(mug_file(tmp_path, 100), "--model", weights)
    refused.refuses("at least 512 points", "got 100")


def test_categories(certify: Command, tmp_path: Path) -> None:
    cloud = mug_file(tmp_path)
    weights = tmp_path / "net.pth"
    weights.write_bytes(b"")
    certify(cloud, "--model", weights, "--category", "teapot").refuses("teapot", "mug")
    certify(cloud, "--model", weights, "--category", 16).refuses("0..15", "16")
    plain = scan_file(tmp_path)
    certify(plain, "--model", weights).refuses("--category", "mug")
    certify(plain, "--category", "mug").refuses("ground", "takes no category")


def test_labels_outside_the_category(
    certify: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from segcert.models.nets.pointnet import PointNet

    net = PointNet(50, categories=16).eval()
    monkeypatch.setattr("segcert.models.opening_points.load_pointnet2", lambda _: net)
    (tmp_path / "net.pth").write_bytes(b"")
    cloud = mug_file(tmp_path)
    refused = certify(cloud, "--model", tmp_path / "net.pth", "--category", "cap")
    refused.refuses("part 3", "cap has the parts")
    bare = tmp_path / "bare.npz"
    np.savez(bare, points=mug().points, category=11)
    certify(bare, "--model", tmp_path / "net.pth", "--normals", "trusted").refuses("no normals")


def test_normals_that_are_not_there(
    certify: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from segcert.models.nets.pointnet import PointNet

    net = PointNet(50, columns=6, categories=16).eval()
    monkeypatch.setattr("segcert.models.opening_points.load_pointnet2", lambda _: net)
    (tmp_path / "net.pth").write_bytes(b"")
    bare = tmp_path / "bare.npz"
    np.savez(bare, points=mug().points, category=11)
    certify(bare, "--model", tmp_path / "net.pth").refuses("no normals", "recomputed")


def test_points_on_each_other_are_a_note(certify: Command, tmp_path: Path) -> None:
    points = scan().points
    write_cloud(tmp_path / "twice.npz", checked_cloud("twice", np.r_[points, points[:30]]))
    done = certify(tmp_path / "twice.npz", "--sigma", 0.1)
    assert done.status == 0
    assert "30 of 430 points lie exactly on another" in " ".join(done.err.split())


def test_columns_that_are_declared(certify: Command, command: Command, tmp_path: Path) -> None:
    """What is certified under a declaration is verified under the same one."""
    points = scan().points
    path = tmp_path / "scan.bin"
    np.c_[points, np.zeros((len(points), 2), np.float32)].tofile(path)
    certify(path, "--sigma", 0.1).refuses("does not look like 4 numbers", "--columns x,y,z")
    columns = ("--columns", "x,y,z,intensity,ring")
    assert certify(path, "--sigma", 0.1, *columns).status == 0
    (folder,) = [one.parent for one in tmp_path.rglob("certificate.json")]
    assert command("verify", folder, "--image", path, *columns).status == 0
    assert command("verify", folder, "--image", path, "--columns", "y,x,z,_,_").status == 1
    command("verify", folder, *columns).refuses("--columns needs --image")
    certify(scan_file(tmp_path), *columns).refuses("says itself what its columns are")


def test_normals_that_are_not_finite_do_not_matter_without(
    certify: Command, tmp_path: Path
) -> None:
    """Case 17: the model takes no normals."""
    points = scan().points
    normals = np.full_like(points, np.nan)
    np.savez(tmp_path / "scan.npz", points=points, normals=normals)
    done = certify(tmp_path / "scan.npz", "--sigma", 0.1)
    assert done.status == 0
    assert "400 of 400 normals are not finite" in " ".join(done.err.split())


def test_images_and_clouds_together(certify: Command, tmp_path: Path) -> None:
    Image.new("RGB", (20, 20)).save(tmp_path / "photo.png")
    refused = certify(tmp_path / "photo.png", scan_file(tmp_path))
    refused.refuses("photo.png", "scan.ply", "one kind at a time")
    certify(tmp_path / "photo.png", "--category", "mug").refuses("--category", "point clouds")
    certify(tmp_path / "photo.png", "--noise", "yaw").refuses("--noise yaw", "point clouds")
    certify(tmp_path / "photo.png", "--axis", "y").refuses("--axis", "point clouds")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--noise", "pose"), ["--shift-sigma", "--jitter-sigma"]),
        (("--shift-sigma", 1), ["--shift-sigma needs --noise pose, got gaussian"]),
        (("--axis", "y"), ["--axis needs --noise yaw or pose, got gaussian"]),
        (("--axis", "up", "--noise", "yaw"), ["up", "x", "y", "z"]),
        (("--noise", "brightness"), ["brightness", "rotation"]),
        (("--sigma", 0), ["positive number"]),
        (("--blocks", 4), ["--blocks is for images"]),
        (("--tree", "camvid"), ["--tree is for images"]),
        (("--scale", "0.5"), ["--scale is for images"]),
        (("--votes", 3), ["does not vote"]),
        (("--votes", 0), ["votes must be"]),
        (("--normals", "trusted"), ["takes no normals"]),
        (("--model", "teapot"), ["unknown model", "teapot", "ground"]),
        (("--model", "none.pth", "--category", "mug"), ["none.pth does not exist"]),
    ],
)
def test_options_that_do_not_fit(
    certify: Command, tmp_path: Path, options: tuple[object, ...], words: list[str]
) -> None:
    certify(scan_file(tmp_path), *options).refuses(*words)
