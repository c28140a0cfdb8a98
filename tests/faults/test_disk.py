"""Full disks and clocks: nothing half-written counts, nothing depends on the time."""

import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from requests_of_runs import request_with
from toy_training import toy_set

import segcert as sc
from segcert.files import remove_drafts
from segcert.locks import held
from segcert.models.nets.depthwise import DepthwiseNet
from segcert.runs.certify_inputs import certify_inputs
from segcert.runs.record_store import RECORDS, finished, opened, stored_config
from segcert.training.augment import Views
from segcert.training.recipe import Recipe
from segcert.training.save import train_and_save

REQUEST = request_with(model="bright", weights_sha256="none", tau=0.6, alpha=0.1, n0=4, n=40)


@contextmanager
def disk_of(size: int) -> Iterator[None]:
    """No file may grow beyond ``size`` bytes: a limit of the operating system, met in a write."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def images(tmp_path: Path) -> dict[str, Path]:
    rng = np.random.default_rng(0)
    array = rng.integers(0, 256, (8, 10, 3), dtype=np.uint8)
    Image.fromarray(array).save(tmp_path / "one.png")
    return {"one": tmp_path / "one.png"}


def bright(batch: torch.Tensor) -> torch.Tensor:
    return (batch[:, 0] > 0.5).long()


def certified(images: dict[str, Path], out: Path, **options: object) -> bytes:
    out.mkdir(exist_ok=True)
    model = sc.as_segmenter(bright, classes=2, name="bright")
    options = {
        "write": lambda folder, certificate, **_: certificate.save(folder), "seed": 5,
        "batch_size": 4,
    } | options  # fmt: skip
    (done,) = certify_inputs(model, images, REQUEST, out=out, **options)
    assert [path.name for path in out.iterdir()] == ["one"]
    return (done.folder / "certificate.json").read_bytes()


def test_a_full_disk_stops_training_with_the_old_weights(tmp_path: Path) -> None:
    """The weights of the epochs before stay, whole, and the run goes on from what was kept."""
    data = toy_set(2)
    net = DepthwiseNet(2, width=(8, 8, 8, 8), dilations=(1,))
    recipe = Recipe(epochs=1, batch_size=2, views=Views(crop=(32, 32)))
    out = tmp_path / "net.safetensors"
    out.write_bytes(b"old")
    with disk_of(2000), pytest.raises(OSError, match="too large") as caught:
        train_and_save(net, data, recipe, out=out, log=lambda _: None)
    assert caught.value.filename == str(out)
    assert out.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


@pytest.mark.parametrize(("size", "file"), [(2_000, ".resume.pt"), (9_000_000, "")])
def test_a_full_disk_under_the_command_train_is_one_line(
    command: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int,
    file: str,
) -> None:  # fmt: skip
    """The first file is the state, which torch writes; without a next epoch, the weights are."""
    out = tmp_path / "net.safetensors"
    arguments = [
        "train", "--data", "synthetic", "--batch-size", 2, "--crop", 32, 32, "--device", "cpu",
        "--out", out, "--epochs",
    ]  # fmt: skip
    monkeypatch.setattr("segcert.data.sets.open_training_set", lambda *_, **__: toy_set(2))
    assert command(*arguments, 1).status == 0
    before, size = out.read_bytes(), min(size, out.stat().st_size - 1)
    with disk_of(size):
        done = command(*arguments, 2 if file else 1)
    done.refuses("File too large", f"{out}{file}", "make room and repeat the command")
    assert out.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


def test_a_full_disk_stops_an_evaluation_between_inputs(tmp_path: Path) -> None:
    """SQLite undoes what it could not write: the store is as it was, or not begun."""
    with (
        disk_of(2000),
        pytest.raises(sc.InputError, match=r"records\.sqlite (cannot be used|is damaged)"),
        opened(tmp_path, write=True) as store,
    ):
        store.execute("CREATE TABLE run (config TEXT)")
    with opened(tmp_path, write=True) as store:
        assert stored_config(store, tmp_path) is None
        assert not store.execute("SELECT name FROM sqlite_master").fetchall()
    assert {path.name for path in tmp_path.iterdir()} <= {RECORDS}
    assert finished is not None


@pytest.mark.parametrize("jump", [-1e9, 1e9])
def test_a_clock_that_jumps_changes_nothing(
    images: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    """Between the interruption and the next start, and in the middle of a run."""
    whole = certified(images, tmp_path / "whole")

    def stop(_: str, done: int, __: int) -> None:
        if done == 32:
            raise KeyboardInterrupt

    (tmp_path / "out").mkdir()
    with pytest.raises(KeyboardInterrupt):
        certified(images, tmp_path / "out", progress=stop)
    real, calls = time.time, []

    def jumping() -> float:
        calls.append(real())
        return real() + jump * len(calls)

    for name in ("time", "monotonic", "perf_counter"):
        monkeypatch.setattr(time, name, jumping)
    again = certified(images, tmp_path / "out")
    monkeypatch.undo()
    assert calls
    assert again == whole


def test_two_processes_do_not_certify_into_one_folder(
    images: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    line = r"another process works on .*out: wait for it, or choose another --out"
    with held(out), pytest.raises(sc.InputError, match=line):
        certified(images, out)
    assert [*out.iterdir()] == []
    certified(images, out)


def test_drafts_of_killed_processes_are_removed_and_nothing_else(tmp_path: Path) -> None:
    kept = {
        ".one", "one", ".one.partial.npz", ".one.short", ".other.abcd1234", ".one.ABCD1234",
        "one.abcd1234", ".one.abcd12345", ".one.abcd1234.older",
    }  # fmt: skip
    for name in kept | {".one.abcd1234", ".one.zz_9zz_9.old"}:
        (tmp_path / name).write_text("x")
    (tmp_path / ".one.folder00").mkdir()
    (tmp_path / ".one.folder00" / "half").write_text("x")
    (tmp_path / ".one.linked00").symlink_to(tmp_path / "one")
    remove_drafts(tmp_path / "one")
    assert {path.name for path in tmp_path.iterdir()} == kept
