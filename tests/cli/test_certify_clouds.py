"""``segcert certify`` on point clouds: files, words, resuming, replay, every noise."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from cloud_files import ON_THE_GROUND, mug_file, scan_file

from segcert.certificates.result import load_certificate
from segcert.inputs.cloud_files import read_cloud
from segcert.models.nets.pointnet import PointNet

Command = Callable[..., Any]
FEW = ("--tau", 0.6, "--alpha", 0.05, "--n0", 3, "--n", 40, "--seed", 5)
FILES = {
    "certificate.json", "counts.npz", "labels.npz", "labels.ply", "cloud.png", "report.html",
}  # fmt: skip


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A checkpoint in whose place a small random network is opened, which takes normals."""
    torch.manual_seed(0)
    net = PointNet(50, columns=6, categories=16).eval()
    monkeypatch.setattr("segcert.models.opening_points.load_pointnet2", lambda _: net)
    (tmp_path / "tiny.pth").write_bytes(b"")
    return tmp_path / "tiny.pth"


def test_a_scan_gets_its_files_and_words(command: Command, tmp_path: Path) -> None:
    """With sigma 0.1 heights of 1 m are 5 sigma above the margin, and the ground 5 below it."""
    cloud, out = scan_file(tmp_path), tmp_path / "out"
    done = command("certify", cloud, "--model", "ground", "--sigma", 0.1, *FEW, "--out", out)
    assert (done.status, done.err) == (0, "")
    assert {path.name for path in (out / "scan").iterdir()} == FILES
    found = load_certificate(out / "scan")
    assert found.certified.mean() > 0.9
    truth = np.arange(len(found.labels)) >= ON_THE_GROUND
    assert (found.labels[found.certified] == truth[found.certified]).mean() > 0.95
    for word in ("units of the file", "% of the", "diameter", "seed 5", "With confidence 0.95"):
        assert word in " ".join(done.out.split())
    with np.load(out / "scan" / "labels.npz") as arrays:
        assert (arrays["certified"] == found.certified).all()
        assert (arrays["labels"][~found.certified] == 255).all()
    written = read_cloud(out / "scan" / "labels.ply")
    assert written.labels is not None
    shown = np.where(found.certified, found.labels, 255)
    assert (written.labels == shown).all()
    assert (written.points == read_cloud(cloud).points).all()
    assert "<canvas" in (out / "scan" / "report.html").read_text()


@pytest.mark.parametrize(
    ("noise", "words"),
    [
        (("rotation",), ["about the origin", "deg", "any axis"]),
        (("yaw",), ["along (0, 0, 1)", "deg"]),
        (("axis-angle",), ["proves nothing"]),
        (("pose", "--shift-sigma", 0.1, "--jitter-sigma", 0.05), ["a shift of", "displacements"]),
    ],
)
@pytest.mark.sampled
def test_every_noise_is_certified_replayed_and_resumed(
    command: Command, tmp_path: Path, noise: tuple[object, ...], words: list[str]
) -> None:
    cloud, out = scan_file(tmp_path), tmp_path / "out"
    arguments = ("certify", cloud, "--sigma", 0.05, "--noise", *noise, *FEW, "--out", out)
    done = command(*arguments)
    assert (done.status, done.err) == (0, "")
    assert any(word in " ".join(done.out.split()) for word in words)
    again = command(*arguments)
    assert again.status == 0
    assert "was there" in " ".join(again.out.split())
    replayed = command("verify", out / "scan", "--replay", "--input", cloud)
    assert (replayed.status, replayed.err) == (0, "")
    assert "every count matches" in replayed.out
    other = command(*[0.06 if a == 0.05 and i == 3 else a for i, a in enumerate(arguments)])
    other.refuses("other settings", "sigma 0.05 -> 0.06")


@pytest.mark.parametrize(
    ("noise", "axis", "vector"),
    [
        (("yaw",), None, (0.0, 1.0, 0.0)),  # shapes have y up
        (("yaw",), "x", (1.0, 0.0, 0.0)),
        (("pose", "--shift-sigma", 0.1, "--jitter-sigma", 0.05), None, (0.0, 1.0, 0.0)),
        (("pose", "--shift-sigma", 0.1, "--jitter-sigma", 0.05), "z", (0.0, 0.0, 1.0)),
    ],
)
@pytest.mark.sampled
def test_the_axis_is_recorded_verified_and_compared(
    command: Command, tmp_path: Path, tiny: Path, noise: tuple[object, ...], axis: str | None,
    vector: tuple[float, float, float],
) -> None:  # fmt: skip
    cloud, out = mug_file(tmp_path), tmp_path / "out"
    told = () if axis is None else ("--axis", axis)
    arguments = ("certify", cloud, "--model", tiny, "--sigma", 0.05, "--noise", *noise, *FEW)
    assert command(*arguments, *told, "--out", out).status == 0
    record = json.loads((out / "mug" / "certificate.json").read_text())
    found = record["parameters"]["noise"]["parameters"]
    assert tuple(found[f"axis_{name}"] for name in "xyz") == vector
    assert "along ({:g}, {:g}, {:g})".format(*vector) in record["statement"]
    replayed = command("verify", out / "mug", "--replay", "--input", cloud, "--model", tiny)
    assert (replayed.status, replayed.err) == (0, "")
    assert "was there" in " ".join(command(*arguments, *told, "--out", out).out.split())
    other = command(*arguments, "--axis", "z" if axis != "z" else "x", "--out", out)
    other.refuses("other settings", f"axis {axis or 'y'} -> ")


def test_an_axis_that_was_changed_in_the_file_is_noticed(
    command: Command, tmp_path: Path, tiny: Path
) -> None:
    cloud, out = mug_file(tmp_path), tmp_path / "out"
    told = ("--model", tiny, "--sigma", 0.05, "--noise", "yaw")
    assert command("certify", cloud, *told, *FEW, "--out", out).status == 0
    path = out / "mug" / "certificate.json"
    record = json.loads(path.read_text())
    record["parameters"]["noise"]["parameters"] |= {"axis_y": 0.0, "axis_z": 1.0}
    path.write_text(json.dumps(record))
    command("verify", out / "mug").refuses("certificate", status=1)


def test_category_normals_and_votes_are_part_of_the_recorded_model(
    command: Command, tmp_path: Path, tiny: Path
) -> None:
    cloud, out = mug_file(tmp_path), tmp_path / "out"
    arguments = ("certify", cloud, "--model", tiny, "--sigma", 0.02, *FEW, "--out", out)
    done = command(*arguments)
    assert (done.status, done.err) == (0, "")
    found = load_certificate(out / "mug")
    assert found.provenance.model == "tiny[category=mug,normals=trusted]"
    assert found.provenance.input_shape == (512, 6)
    assert set(np.unique(found.labels)) <= {36, 37}
    assert "certified accuracy" in (out / "mug" / "report.html").read_text()
    replayed = command("verify", out / "mug", "--replay", "--input", cloud, "--model", tiny)
    assert (replayed.status, replayed.err) == (0, "")
    other = command(*arguments, "--normals", "recomputed")
    other.refuses("other settings", "normals=recomputed")
    assert command(*arguments, "--normals", "recomputed", "--overwrite").status == 0
    found = load_certificate(out / "mug")
    assert found.provenance.input_shape == (512, 3)
    assert [one.draw is not None for one in found.provenance.earlier] == [True]
    assert "earlier draw 1" in (out / "mug" / "report.html").read_text()
    record = json.loads((out / "mug" / "certificate.json").read_text())
    assert "recomputed" in json.dumps(record)


def test_an_interrupted_cloud_goes_on(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud = scan_file(tmp_path)
    arguments = ("certify", cloud, "--sigma", 0.1, *FEW, "--batch-size", 2)
    assert command(*arguments, "--out", tmp_path / "whole").status == 0
    calls = 0

    def interrupt(*_: object, **__: object) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("segcert.runs.store.PartialStore.keep", keep_and(interrupt))
    stopped = command(*arguments, "--out", tmp_path / "parts")
    assert stopped.status == 130
    monkeypatch.undo()
    assert (tmp_path / "parts" / ".scan.partial.npz").exists()
    assert command(*arguments, "--out", tmp_path / "parts").status == 0
    whole, parts = (load_certificate(tmp_path / name / "scan") for name in ("whole", "parts"))
    assert (whole.counts.hits == parts.counts.hits).all()
    assert (whole.labels == parts.labels).all()


def keep_and(then: Callable[[], None]) -> Callable[..., None]:
    """Keep work as the store does, and call something."""
    from segcert.runs.store import PartialStore

    keep = PartialStore.keep

    def both(self: PartialStore, partial: Any) -> None:
        keep(self, partial)
        then()

    return both
