"""Files and folders that change, vanish, or are used twice while a command works on them."""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from engine_models import evaluate_noise, open_images, open_net
from PIL import Image
from requests_of_runs import changed, request_with
from toy_training import toy_set

import segcert as sc
from segcert.data.labelled import LabelledImage
from segcert.inputs.cloud_files import write_cloud
from segcert.inputs.clouds import Cloud
from segcert.locks import held, held_file, is_held
from segcert.models.nets.depthwise import DepthwiseNet
from segcert.report.cloud_files import write_cloud_files
from segcert.report.image_files import write_files
from segcert.runs import store
from segcert.runs.certify_inputs import certify_inputs
from segcert.training.augment import Views
from segcert.training.recipe import Recipe
from segcert.training.save import train_and_save

REQUEST = request_with(model="bright", weights_sha256="none", tau=0.6, alpha=0.1, n0=4, n=400)
Progress = Callable[[str, int, int], None]


def bright(batch: torch.Tensor) -> torch.Tensor:
    return (batch[:, 0] > 0.5).long()


def draw(path: Path, seed: int) -> Path:
    array = np.random.default_rng(seed).integers(0, 256, (8, 10, 3), dtype=np.uint8)
    Image.fromarray(array).save(path)
    return path


def at(draws: int, act: Callable[[], object]) -> Progress:
    """Act after so many draws."""
    return lambda _, done, __: act() if done == draws else None


def certified(folder: Path, progress: Progress | None = None, write: object = write_files) -> bytes:
    out = folder / "out"
    out.mkdir(exist_ok=True)
    model = sc.as_segmenter(bright, classes=2, name="bright")
    (done,) = certify_inputs(
        model, {"one": folder / "one.png"}, REQUEST, out=out, write=write, seed=5, batch_size=4,
        progress=progress,
    )  # fmt: skip
    return (done.folder / "certificate.json").read_bytes()


def test_an_image_that_is_swapped_while_it_is_sampled_is_noticed(tmp_path: Path) -> None:
    """The page would show the new one; its certificate is of the old one."""
    photo = draw(tmp_path / "one.png", 0)
    old = photo.read_bytes()
    with pytest.raises(sc.InputError, match=r"one\.png was changed while it was certified") as told:
        certified(tmp_path, at(200, lambda: draw(photo, 1)))
    assert "\n" not in str(told.value)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".one.partial.npz"]
    with pytest.raises(sc.InputError, match="unfinished work on another image"):
        certified(tmp_path)
    photo.write_bytes(old)
    assert certified(tmp_path)


def test_no_file_is_written_about_another_image(tmp_path: Path) -> None:
    """Swapped in the last moment: who shows an input compares what it has read."""
    model = sc.as_segmenter(bright, classes=2)
    photo = draw(tmp_path / "one.png", 0)
    found = sc.certify(
        sc.sample(model, photo, noise=sc.LatticeGaussianNoise(0.25), n0=4, n=40, seed=5),
        tau=0.6, alpha=0.1,
    )  # fmt: skip
    draw(photo, 1)
    (tmp_path / "out").mkdir()
    with pytest.raises(sc.InputError, match="was changed"):
        write_files(tmp_path / "out", photo, found)
    assert [*(tmp_path / "out").iterdir()] == []


@pytest.mark.parametrize("normals", [False, True])
def test_no_file_is_written_about_another_cloud(tmp_path: Path, normals: bool) -> None:
    rng, path = np.random.default_rng(0), tmp_path / "one.ply"

    def swap() -> None:
        points, axes = rng.random((20, 3), dtype=np.float32), np.eye(3, dtype=np.float32)
        write_cloud(path, Cloud("one", points, axes[np.arange(20) % 3] if normals else None))

    def high(points: torch.Tensor) -> torch.Tensor:
        return (points[:, :, 1] > 0.5).long()

    swap()
    model = sc.as_point_segmenter(high, columns=6 if normals else 3, classes=2)
    cloud = sc.read_cloud(path)
    x = cloud if normals else torch.from_numpy(cloud.points)
    counts = sc.sample(model, x, noise=sc.PointNoise(0.1), n0=4, n=40, seed=5)
    found = sc.certify(counts, tau=0.6, alpha=0.1)
    (tmp_path / "out").mkdir()
    swap()
    with pytest.raises(sc.InputError, match="was changed"):
        write_cloud_files(tmp_path / "out", path, found)
    assert [*(tmp_path / "out").iterdir()] == []


@pytest.mark.parametrize("part", ["image", "labels"])
def test_a_data_set_that_changes_under_an_evaluation_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    data, begun = type(open_images(2).items), []
    item = data.item

    def changing(self: object, index: int) -> LabelledImage:
        found = item(self, index)
        if begun and index == 1:
            array = getattr(found, part).copy()
            array[0] = 1 - array[0]
            return LabelledImage(
                found.name, **({"image": found.image, "labels": found.labels} | {part: array})
            )
        return found

    monkeypatch.setattr(data, "item", changing)
    with pytest.raises(sc.InputError, match="i1 of noise was changed while the run was under way"):
        evaluate_noise(
            open_net(), tmp_path / "out", images=2, n0=2, progress=lambda *_: begun.append(1)
        )


def test_certify_notices_that_its_output_folder_is_deleted(tmp_path: Path) -> None:
    draw(tmp_path / "one.png", 0)
    whole = certified(tmp_path)
    shutil.rmtree(tmp_path / "out")
    for replaced in (False, True):

        def vanish(replaced: bool = replaced) -> None:
            (tmp_path / "out").rename(tmp_path / f"gone{replaced}")
            if replaced:
                (tmp_path / "out").mkdir()

        with pytest.raises(sc.InputError, match="out was deleted or replaced while this command"):
            certified(tmp_path, at(200, vanish))
        assert (tmp_path / "out").exists() == replaced
    assert [*(tmp_path / "out").iterdir()] == []
    assert certified(tmp_path) == whole


@pytest.mark.parametrize("what", ["", "records.sqlite"])
def test_evaluate_notices_that_its_run_folder_is_deleted(tmp_path: Path, what: str) -> None:
    """SQLite would go on to write into a file that has no name any more."""
    out, calls = tmp_path / "out", []

    def vanish(*_: object) -> None:
        calls.append(1)
        if len(calls) == 5:
            (out / what).rename(tmp_path / "gone")

    with pytest.raises(sc.InputError, match=rf"{what or 'out'} was deleted or replaced while"):
        evaluate_noise(open_net(), out, images=1, n0=2, progress=vanish)
    assert out.exists() == bool(what)
    assert not (out / "summary.json").exists()


def trained(out: Path, log: Callable[[str], None] = lambda _: None, epochs: int = 2) -> None:
    torch.manual_seed(0)
    net = DepthwiseNet(2, width=(8, 8, 8, 8), dilations=(1,))
    recipe = Recipe(epochs=epochs, batch_size=2, views=Views(crop=(32, 32)))
    train_and_save(net, toy_set(2), recipe, out=out, log=log)


def test_train_notices_that_its_folder_is_deleted(tmp_path: Path) -> None:
    place = tmp_path / "place"
    with pytest.raises(sc.InputError, match="was deleted or replaced while this command"):
        trained(place / "net.safetensors", lambda _: shutil.rmtree(place))
    assert not place.exists()
    trained(place / "net.safetensors")
    assert [path.name for path in place.iterdir()] == ["net.safetensors"]


def test_two_processes_do_not_train_into_one_file(tmp_path: Path) -> None:
    out = tmp_path / "net.safetensors"
    line = r"another process works on .*net\.safetensors: wait for it, or choose another --out"
    with held_file(out), pytest.raises(sc.InputError, match=line):
        trained(out, epochs=1)
    assert [*tmp_path.iterdir()] == []
    (tmp_path / ".net.safetensors.lock").touch()  # of a process that was killed
    trained(out, epochs=1)
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


def test_a_second_process_is_refused_by_every_command_that_writes_a_folder(
    tmp_path: Path, command: Callable[..., Any], weights: Path, photo: Path
) -> None:
    evaluate_noise(open_net(), tmp_path / "run", images=1, n0=2)
    out = tmp_path / "out"
    out.mkdir()
    with held(out):
        for arguments in (
            ["certify", photo, "--model", weights, "--alpha", 0.1],
            ["report", tmp_path / "run"],
        ):
            command(*arguments, "--out", out).refuses("another process works on")
        command("toy", "--figures", out).refuses("another process works on")
    assert [*out.iterdir()] == []


@pytest.mark.parametrize("what", ["folder", "file"])
def test_locks_where_the_file_system_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """A file that names its process stands for the lock; one of a dead process does not count."""

    def no_locks(*_: object) -> None:
        raise OSError(38, os.strerror(38))

    monkeypatch.setattr("segcert.locks.fcntl.flock", no_locks)
    path = tmp_path if what == "folder" else tmp_path / "net.safetensors"
    hold = held if what == "folder" else held_file
    with hold(path):
        if what == "folder":
            assert is_held(path)
        with pytest.raises(sc.InputError, match=re.escape(f"another process works on {path}")):
            hold(path).__enter__()
    assert [*tmp_path.iterdir()] == []
    child = os.fork()
    if not child:
        lost = hold(path)
        lost.__enter__()
        os._exit(0)
    os.waitpid(child, 0)
    assert any(tmp_path.iterdir())
    with hold(path):
        pass


@pytest.mark.parametrize("done", [3, 40, 41, 43, 391])
def test_draws_are_kept_by_time_whatever_the_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, done: int
) -> None:
    """With a time that is always up, a crash after any batch loses that batch at most."""
    monkeypatch.setattr(store, "SECONDS_BETWEEN_SAVES", -1.0)
    request = changed(REQUEST, n=10_000)
    model = sc.as_segmenter(bright, classes=2, name="bright")
    images = {"one": draw(tmp_path / "one.png", 0)}
    (tmp_path / "out").mkdir()

    def run(progress: Progress | None = None, out: str = "out") -> bytes:
        (found,) = certify_inputs(
            model, images, request, out=tmp_path / out, seed=5, batch_size=1, progress=progress,
            write=lambda folder, certificate, **_: certificate.save(folder),
        )  # fmt: skip
        return (found.folder / "certificate.json").read_bytes()

    def crash() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(at(done, crash))
    with np.load(tmp_path / "out" / ".one.partial.npz") as file:
        kept = len(file["pilot_fingerprints"]) + len(file["test_fingerprints"])
    assert kept == done - 1


def test_where_blocks_end_changes_no_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw(tmp_path / "one.png", 0)
    whole = certified(tmp_path)
    shutil.rmtree(tmp_path / "out")
    monkeypatch.setattr(store, "SECONDS_BETWEEN_SAVES", -1.0)
    assert certified(tmp_path) == whole
