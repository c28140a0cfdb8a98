"""``segcert verify`` without replay: which input, which model, and what lies beside."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from cloud_files import mug_file
from PIL import Image

import segcert as sc
from segcert.cli.main import run
from segcert.models.files.checkpoints import Description, load_weights, save_weights

Command = Callable[..., Any]

FEW = ("--tau", 0.6, "--alpha", 0.05, "--n0", 3, "--n", 40, "--seed", 5)


@pytest.fixture(scope="module")
def made(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one certificate with a radius map, and its image; not to be changed."""
    folder = tmp_path_factory.mktemp("made")
    rng = np.random.default_rng(1)
    Image.fromarray(rng.integers(0, 256, (16, 24, 3), dtype=np.uint8)).save(folder / "photo.png")
    arguments = (
        "certify", folder / "photo.png", "--model", weights, "--out", folder / "out", "--tau", 0.6,
        "--alpha", 0.1, "--n0", 3, "--n", 30, "--seed", 4, "--radius-map",
    )  # fmt: skip
    assert run([str(argument) for argument in arguments]) == 0
    return folder / "out" / "photo"


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy that may be changed."""
    shutil.copy(made.parents[1] / "photo.png", tmp_path / "photo.png")
    return shutil.copytree(made, tmp_path / "photo")


def test_it_says_what_was_compared(command: Command, folder: Path, weights: Path) -> None:
    photo = folder.with_name("photo.png")
    done = command("verify", folder)
    assert (done.status, done.err) == (0, "")
    for line in (
        "labels.png: as the certificate says", "overlay.png: not checked (give --image)",
        "radius.npy: as", "radius.png: as", "report.html: not checked", "is not proved: --replay",
    ):  # fmt: skip
        assert line in done.out
    assert "input:" not in done.out
    done = command("verify", folder, "--image", photo, "--model", weights)
    assert (done.status, done.err) == (0, "")
    for line in (
        "input: it is the one", "model: it is the one", "overlay.png: as the certificate says",
    ):  # fmt: skip
        assert line in done.out


def test_another_image_is_refused(
    command: Command, folder: Path, draw_pixels: Callable[..., np.ndarray]
) -> None:
    photo = folder.with_name("photo.png")
    Image.fromarray(draw_pixels()).save(photo)
    command("verify", folder, "--image", photo).refuses("is not the one", status=1)
    photo.unlink()
    command("verify", folder, "--image", photo).refuses("photo.png does not exist")


def test_another_model_is_refused(
    command: Command, folder: Path, weights: Path, describe: Callable[..., Description]
) -> None:
    net, _ = load_weights(weights)
    with torch.no_grad():
        next(net.parameters())[0, 0, 0, 0] += 1e-3
    other = folder.with_name("other.safetensors")
    save_weights(other, net, describe())
    command("verify", folder, "--model", other).refuses("its weights (sha256) is", status=1)
    names = folder.with_name("names.safetensors")
    save_weights(names, load_weights(weights)[0], describe(classes=("car", "road", "sky")))
    command("verify", folder, "--model", names).refuses("its class names is", status=1)
    command("verify", folder, "--model", "nothing").refuses("unknown model")


def test_a_copy_of_the_model_is_the_same_model(
    command: Command, folder: Path, weights: Path
) -> None:
    copied = folder.with_name("copied.safetensors")
    shutil.copy(weights, copied)
    done = command("verify", folder, "--model", copied)
    assert done.status == 0
    assert "the certificate calls it tiny, here it is copied" in done.out


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--denoiser", "camvid-denoiser"), ("--backend", "compile"), ("--calibration", "."),
        ("--int8-file", "net.xml"), ("--device", "cpu"),
    ],
)  # fmt: skip
def test_options_without_effect_are_refused(
    command: Command, folder: Path, option: str, value: str
) -> None:
    command("verify", folder, option, value).refuses(option, f"leave out {option}")


def test_a_forged_shape_is_noticed_with_the_image(command: Command, folder: Path) -> None:
    """Everything is computed again for it, and the hash is that of the image."""
    cert = sc.load_certificate(folder)
    source = replace(cert.provenance, input_shape=(4, 16, 24))
    (folder / "certificate.json").unlink()  # or it would be an earlier draw
    forged = replace(cert.counts, provenance=source)
    sc.certify(forged, tau=cert.tau, alpha=cert.alpha).save(folder)
    assert command("verify", folder).status == 0
    photo = folder.with_name("photo.png")
    command("verify", folder, "--image", photo).refuses("of shape", status=1)


def edit_pixel(path: Path) -> None:
    with Image.open(path) as image:
        pixels = image.copy()
    was = pixels.getpixel((3, 2))
    pixels.putpixel((3, 2), 0 if was == 1 else 1) if pixels.mode == "P" else pixels.putpixel(
        (3, 2), (1, 2, 3)
    )
    pixels.save(path)


def edit_palette(path: Path) -> None:
    with Image.open(path) as image:
        pixels = image.copy()
    pixels.putpalette([255 - value for value in pixels.getpalette() or []])
    pixels.save(path)


def edit_size(path: Path) -> None:
    with Image.open(path) as image:
        image.copy().resize((8, 8)).save(path)


def edit_number(path: Path) -> None:
    radii = np.load(path)
    radii[0, 0] = radii.max() * 1.001 + 1e-6
    np.save(path, radii)


def other_type(path: Path) -> None:
    np.save(path, np.load(path).astype(np.float32))


def garbage(path: Path) -> None:
    path.write_bytes(b"\x89PNG\r\n\x1a\nno")


def folder_in_place(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        ("labels.png", edit_pixel), ("labels.png", edit_palette), ("labels.png", edit_size),
        ("labels.png", garbage), ("labels.png", folder_in_place), ("overlay.png", edit_pixel),
        ("overlay.png", edit_size), ("radius.npy", edit_number), ("radius.npy", other_type),
        ("radius.npy", garbage), ("radius.png", edit_pixel), ("radius.png", garbage),
    ],
)  # fmt: skip
def test_files_beside_a_certificate_are_compared(
    command: Command, folder: Path, name: str, edit: Callable[[Path], None]
) -> None:
    edit(folder / name)
    done = command("verify", folder, "--image", folder.with_name("photo.png"))
    done.refuses(name, "is not what the certificate beside it says", status=1)


def test_clouds_are_compared_too(command: Command, tmp_path: Path) -> None:
    cloud, out = mug_file(tmp_path), tmp_path / "out"
    done = command("certify", cloud, "--sigma", 0.05, *FEW, "--out", out)
    assert done.status == 0, done.err
    done = command("verify", out / "mug", "--input", cloud, "--model", "ground")
    assert (done.status, done.err) == (0, "")
    for line in ("labels.npz: as", "labels.ply: not checked", "cloud.png: not", "input: it is"):
        assert line in done.out
    with np.load(out / "mug" / "labels.npz") as file:
        arrays = dict(file)
    arrays["labels"][0] ^= 1
    np.savez_compressed(out / "mug" / "labels.npz", **arrays)
    command("verify", out / "mug").refuses("labels.npz", "labels differs at 1", status=1)
