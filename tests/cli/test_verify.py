"""``segcert verify``: 0 if a certificate holds, 1 if it was changed, 2 if there is none."""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from certificate_files import get, put
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import segcert as sc
from segcert.cli.main import run
from segcert.models.files.checkpoints import Description, load_weights, save_weights

Command = Callable[..., Any]


@pytest.fixture(scope="module")
def made(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one certificate, with its image beside it; not to be changed."""
    folder = tmp_path_factory.mktemp("made")
    rng = np.random.default_rng(1)
    Image.fromarray(rng.integers(0, 256, (16, 24, 3), dtype=np.uint8)).save(folder / "photo.png")
    arguments = (
        "certify", folder / "photo.png", "--model", weights, "--out", folder / "out",
        "--tau", 0.6, "--alpha", 0.1, "--n0", 3, "--n", 30, "--seed", 4, "--batch-size", 4,
    )  # fmt: skip
    assert run([str(argument) for argument in arguments]) == 0
    return folder / "out" / "photo"


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy that may be changed."""
    shutil.copy(made.parents[1] / "photo.png", tmp_path / "photo.png")
    shutil.copytree(made, tmp_path / "photo")
    return tmp_path / "photo"


def forge(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a certificate and compute its digest again."""
    record = get(folder)
    change(record)
    put(folder, record)


def replay(command: Command, folder: Path, weights: Path, *arguments: object) -> Any:
    image = folder.with_name("photo.png")
    return command("verify", folder, "--replay", "--image", image, "--model", weights, *arguments)


def test_a_good_certificate_holds(command: Command, folder: Path) -> None:
    for path in (folder, folder / "certificate.json"):
        done = command("verify", path)
        assert (done.status, done.err) == (0, "")
        assert "follows from its counts" in done.out
        assert "With confidence 0.9" in done.out


def test_a_replay_is_exact(command: Command, folder: Path, weights: Path) -> None:
    done = replay(command, folder, weights)
    assert (done.status, done.err) == (0, "")
    assert "the noise of every draw matches bit for bit" in done.out
    assert "every count matches" in done.out


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"tau": 0.6', '"tau": 0.7'),
        ('"alpha": 0.1', '"alpha": 0.01'),
        ('"seed": "4"', '"seed": "5"'),
        ('"sigma": 0.25', '"sigma": 0.5'),
        ("With confidence 0.9 ", "With confidence 0.99 "),
        ('"version": 3', '"version": 4'),
        ('"version": 3', '"version": 2'),
        ('"version": 3,', '"version": 3'),
        ('"n": 30', '"n": 31'),
    ],
)
def test_a_changed_text_is_noticed(command: Command, folder: Path, old: str, new: str) -> None:
    path = folder / "certificate.json"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    done = command("verify", folder)
    done.refuses(folder, status=1)
    assert done.out == ""


@pytest.mark.parametrize("name", ["labels", "hits", "test_fingerprints"])
def test_changed_counts_are_noticed(command: Command, folder: Path, name: str) -> None:
    path = folder / "counts.npz"
    with np.load(path) as file:
        arrays = dict(file)
    arrays[name].flat[0] ^= 1
    np.savez_compressed(path, **arrays)
    command("verify", folder).refuses("counts.npz", status=1)


@pytest.mark.parametrize("data", [b"", b"PK\3\4", b"\x93NUMPY\x01\x00"])
def test_foreign_counts_are_noticed(command: Command, folder: Path, data: bytes) -> None:
    (folder / "counts.npz").write_bytes(data)
    command("verify", folder).refuses("counts.npz is damaged", status=1)


def test_a_single_array_is_no_counts(command: Command, folder: Path) -> None:
    with (folder / "counts.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    command("verify", folder).refuses("counts.npz", status=1)


@given(
    st.sampled_from(["certificate.json", "counts.npz"]), st.floats(0, 0.999), st.integers(0, 255)
)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_one_changed_byte_never_gives_a_traceback_nor_another_certificate(
    command: Command, made: Path, folder: Path, name: str, where: float, value: int
) -> None:
    data = bytearray((made / name).read_bytes())
    data[int(where * len(data))] = value
    (folder / name).write_bytes(data)
    done = command("verify", folder)
    (folder / name).write_bytes((made / name).read_bytes())
    if done.status == 0:  # bytes that no reader looks at, or the same byte
        assert done.out.split("\n")[1] == command("verify", made).out.split("\n")[1]
    else:
        done.refuses(status=1)


def test_what_is_missing_is_named(command: Command, folder: Path) -> None:
    command("verify", folder.with_name("nope")).refuses("nope", "give the folder")
    command("verify", folder.with_name("photo.png")).refuses("photo.png", "give the folder")
    command("verify", folder, "--replay").refuses("--replay needs the image or cloud: add --image")
    (folder / "counts.npz").unlink()
    command("verify", folder).refuses("counts.npz is missing")


def test_a_replay_of_something_else_is_refused(
    command: Command, folder: Path, weights: Path, describe: Callable[..., Description],
    draw_pixels: Callable[..., np.ndarray],
) -> None:  # fmt: skip
    replay(command, folder, weights, "--device", "tpu").refuses("device must be")
    net, _ = load_weights(weights)
    with torch.no_grad():
        next(net.parameters())[0, 0, 0, 0] += 1e-3
    other = folder.with_name("other.safetensors")
    save_weights(other, net, describe())
    replay(command, folder, other).refuses("the model is not the one that was certified", status=1)
    command(
        "verify", folder, "--replay", "--image", folder.with_name("photo.png")
    ).refuses("the certified model is called 'tiny'", "--model")  # fmt: skip
    Image.fromarray(draw_pixels()).save(folder.with_name("photo.png"))
    replay(command, folder, weights).refuses(
        "the image is not the one that was certified", status=1
    )
    folder.with_name("photo.png").unlink()
    replay(command, folder, weights).refuses("photo.png does not exist")


def test_a_clever_forger_is_caught_by_the_replay(
    command: Command, folder: Path, weights: Path
) -> None:
    """Another seed, with the digest computed again, fits the counts but not the noise."""
    forge(folder, lambda record: record["provenance"].update(seed="5"))
    assert command("verify", folder).status == 0
    replay(command, folder, weights).refuses(
        "noise of 3 pilot draws is not the recorded one", "the seed", status=1
    )


@pytest.mark.parametrize("runs", [[], [[0, 30, 0]], [[0, 29, 4]], [[30, 0, 4]], [[0, 30, -1]]])
def test_forged_batches_are_noticed(
    command: Command, folder: Path, weights: Path, runs: list[list[int]]
) -> None:
    """The digest is right, but they cannot be those of 30 draws."""
    forge(folder, lambda record: record["provenance"].update(test_runs=runs))
    done = replay(command, folder, weights)
    done.refuses(status=1)
    assert re.search(r"the batches must be 30 draws|is no run", done.line)


def test_a_forged_size_is_noticed(command: Command, folder: Path) -> None:
    """It would change what the radius means per value."""
    forge(folder, lambda record: record["provenance"].update(input_shape=[3, 32, 12]))
    command("verify", folder).refuses("'labels' must be", "of shape (32, 12)", status=1)


@pytest.mark.parametrize("name", ["./net.pt2", "net.pt2", "/etc/passwd", "pipe.pt2", "folder"])
def test_no_file_that_a_certificate_names_is_opened(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Where the model is a file, who verifies names it."""
    (tmp_path / "net.pt2").write_bytes(b"a trap")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe.pt2")
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "photo.png")
    model = sc.as_segmenter(lambda x: torch.stack([x.sum(1), -x.sum(1)], 1), name=name)
    made = sc.certify_image(model, tmp_path / "photo.png", sigma=0.1, n=60, tau=0.6)
    made.save(tmp_path / "made")
    monkeypatch.chdir(tmp_path)
    opened: list[object] = []
    monkeypatch.setattr("segcert.models.shipped.open_alone", opened.append)
    for asked in (
        ("verify", "made", "--replay", "--image", "photo.png"),
        ("attack", "photo.png", "--certificate", "made", "--out", "out"),
    ):
        done = command(*asked)
        assert done.status == 2
        assert "a file that a certificate names is not opened" in " ".join(done.err.split())
    assert not opened
