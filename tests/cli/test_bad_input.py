"""Bad input: status 2, one line that says what, the rule and the way out, and nothing written."""

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image

from segcert.files import os as files_os
from segcert.models.files.checkpoints import Description, save_weights
from segcert.models.nets.depthwise import DepthwiseNet
from segcert.runs import certify_inputs

Command = Callable[..., Any]
Outcome = Any


@pytest.fixture
def attempt(command: Command, weights: Path, tmp_path: Path) -> Command:
    """Certify quickly, with some options changed."""

    def call(*images: object, **changed: object) -> Outcome:
        options = {
            "model": weights, "tau": 0.6, "alpha": 0.1, "n0": 4, "n": 40, "out": tmp_path / "out",
        } | changed  # fmt: skip
        named = [part for k, v in options.items() for part in (f"--{k.replace('_', '-')}", v)]
        return command("certify", *images, *named)

    return call


@pytest.fixture
def certify(attempt: Command, tmp_path: Path) -> Iterator[Command]:
    """Certify, and find at the end that nothing was written."""
    yield attempt
    assert not (tmp_path / "out").exists()


def damaged(tmp_path: Path, photo: Path, name: str) -> Path:
    """An image file that cannot be certified."""
    path = tmp_path / name
    with Image.open(photo) as image:
        match name:
            case "text.png":
                path.write_text("no image")
            case "empty.jpg":
                path.touch()
            case "cut.png" | "cut.jpg" | "cut.tif":
                image.save(path, compression="tiff_lzw" if name == "cut.tif" else None)
                path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
            case "deep.png":
                Image.fromarray(np.zeros((32, 48), np.uint16)).save(path)
            case "glass.png":
                image.putalpha(128)
                image.save(path)
            case "tiny.png":
                image.resize((15, 48)).save(path)
            case "album.png":
                path.mkdir()
    return path


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing.png", ["does not exist"]),
        ("text.png", ["no image that can be read", "give PNG, JPEG or TIFF"]),
        ("empty.jpg", ["no image that can be read"]),
        ("cut.png", ["cannot be read", "runcated"]),
        ("cut.jpg", ["cannot be read", "runcated"]),
        ("cut.tif", ["cannot be read"]),
        ("deep.png", ["more than 8 bits", "I;16", "convert it to 8 bits"]),
        ("glass.png", ["is translucent", "flatten"]),
        ("album.png", ["holds no .png", "use '"]),
    ],
)
def test_images(certify: Command, tmp_path: Path, photo: Path, name: str, words: list[str]) -> None:
    bad = damaged(tmp_path, photo, name)
    certify(bad).refuses(bad, *words)
    certify(photo, bad).refuses(bad, *words)  # nor is the good one certified


def test_images_smaller_than_the_stride(certify: Command, tmp_path: Path, photo: Path) -> None:
    bad = damaged(tmp_path, photo, "tiny.png")
    certify(bad).refuses("15x48 pixels", "each side needs 16 pixels")
    certify(photo, scale=0.4).refuses("48x32 pixels (scale 0.4)", "needs 16")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_images_without_permission(certify: Command, photo: Path) -> None:
    photo.chmod(0)
    certify(photo).refuses(photo, "Permission denied")


def test_folders_and_globs(certify: Command, tmp_path: Path) -> None:
    folder = tmp_path / "album"
    folder.mkdir()
    certify(folder).refuses(folder, "holds no .png")
    (folder / "notes.txt").write_text("no image")
    certify(folder).refuses(folder, "holds no .png", "**/*.png")
    certify(folder / "*.png").refuses("no file matches", folder / "*.png")
    certify(folder / "**" / "*").refuses("notes.txt", "must be a table of numbers")
    certify().refuses("no image given", "a folder of them, or a glob")


def test_two_images_of_one_name(certify: Command, tmp_path: Path, photo: Path) -> None:
    other = tmp_path / "photo.jpg"
    with Image.open(photo) as image:
        image.save(other)
    certify(photo, other).refuses(photo, other, "would both be written to photo/", "rename")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("sigma", 0, ["sigma must be a positive number", "got 0.0"]),
        ("sigma", -1, ["sigma must be a positive number", "got -1.0"]),
        ("sigma", "nan", ["sigma must be a positive number", "got nan"]),
        ("sigma", "inf", ["sigma must be a positive number", "got inf"]),
        ("sigma", 1e9, ["sigma must be", "1000000000.0"]),
        ("sigma", 100, ["sigma must be at most 10", "100.0"]),
        ("sigma", "much", ["--sigma", "much"]),
        ("tau", 0.4999, ["tau must be in [1/2, 1), got 0.4999"]),
        ("tau", 1, ["tau must be in [1/2, 1), got 1.0"]),
        ("tau", "nan", ["tau must be in [1/2, 1), got nan"]),
        ("tau", 0.9999999999, ["tau", "lower tau"]),
        ("alpha", 0, ["alpha must be in (0, 1), got 0.0"]),
        ("alpha", 1, ["alpha must be in (0, 1), got 1.0"]),
        ("alpha", "nan", ["alpha must be in (0, 1), got nan"]),
        ("n", 0, ["n must be >= 1, got 0"]),
        ("n", -5, ["n must be >= 1, got -5"]),
        ("n", 18, ["n = 18 draws", "1536 components", "use n >= 19"]),
        ("n", 10**12, ["at most 10000000", "1000000000000"]),
        ("n", 99.5, ["--n", "99.5"]),
        ("n0", -1, ["n0 must be >= 0", "got -1"]),
        ("n0", 10**12, ["n0 must be at most 32767"]),
        ("n0", 1.5, ["--n0", "1.5"]),
        ("correction", "fdr", ["fdr", "is refused", "share of false", "use holm"]),
        ("correction", "hochberg", ["hochberg", "is refused", "dependence", "use holm"]),
        ("correction", "k-fwer", ["k-fwer", "parameter"]),
        ("correction", "magic", ["magic", "holm", "ordered"]),
        ("scale", 0, ["scale must be in (0, 16], got 0.0"]),
        ("scale", "nan", ["scale must be in (0, 16], got nan"]),
        ("scale", 17, ["scale must be in (0, 16], got 17.0"]),
        ("seed", -1, ["seed must be an integer in [0, 2^128), got -1"]),
        ("seed", 2**128, ["seed must be an integer in [0, 2^128)"]),
        ("seed", 1.5, ["--seed", "1.5"]),
        ("device", "tpu", ["device must be 'auto', 'cpu' or a CUDA device", "'tpu'"]),
        ("device", "meta", ["device must be 'auto', 'cpu' or a CUDA device", "'meta'"]),
        ("device", "", ["device must be"]),
        ("batch_size", 0, ["batch_size must be", "got 0"]),
        ("batch_size", -2, ["batch_size must be", "got -2"]),
        ("model", "resnet", ["unknown model 'resnet'", ".safetensors"]),
        ("model", "none/of.safetensors", ["none/of.safetensors does not exist"]),
    ],
)
def test_options(certify: Command, photo: Path, name: str, value: object, words: list[str]) -> None:
    """The smallest n is that of the bound: 0.6^18 > 0.1 / 1536 >= 0.6^19."""
    certify(photo, **{name: value}).refuses(*words)


def test_the_bound_of_the_smallest_n_itself() -> None:
    assert 0.6**18 > 0.1 / 1536 >= 0.6**19


def test_nothing_is_noted_before_a_refusal(certify: Command, photo: Path) -> None:
    """One line, also where another sigma than that of the training would be noted."""
    certify(photo, sigma=0.5, device="tpu").refuses("device must be")


def test_words_that_are_no_options(command: Command, certify: Command, photo: Path) -> None:
    certify(photo, taux=0.6).refuses("--taux", "--tau")
    command("certify", photo, "--tau").refuses("--tau", "requires an argument")
    command("certifiy", photo).refuses("certifiy", "certify")
    command("train").refuses("--data", "requires an argument")


def test_weights_that_do_not_fit(
    certify: Command, photo: Path, tmp_path: Path, weights: Path,
    describe: Callable[..., Description],
) -> None:  # fmt: skip
    path = tmp_path / "bad.safetensors"
    save_weights(path, DepthwiseNet(4), describe())
    certify(photo, model=path).refuses(path, "do not fit the network", "size mismatch")
    path.write_bytes(weights.read_bytes()[:-1000])
    certify(photo, model=path).refuses(path, "is damaged")
    safetensors.torch.save_file({"weight": torch.zeros(3)}, path)
    certify(photo, model=path).refuses(path, "carries no segcert description", "as_segmenter")
    certify(photo, model=f"{tmp_path}/").refuses(tmp_path, "is a folder")


def test_output_folders(certify: Command, photo: Path, tmp_path: Path, unwritable: Path) -> None:
    file = tmp_path / "file"
    file.write_text("keep")
    for bad in (file, file / "below"):
        certify(photo, out=bad).refuses(f"--out {bad} is a file", "choose another folder")
    certify(photo, out=unwritable / "out").refuses("--out /proc/self/out cannot be written")
    assert file.read_text() == "keep"


def test_output_folders_without_permission(
    certify: Command, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(**_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    (tmp_path / "there").mkdir()
    monkeypatch.setattr(certify_inputs.tempfile, "TemporaryFile", denied)
    certify(photo, out=tmp_path / "there").refuses("there cannot be written: Permission denied")
    assert list((tmp_path / "there").iterdir()) == []


def test_folders_that_hold_something_else(certify: Command, photo: Path, tmp_path: Path) -> None:
    holiday = tmp_path / "home" / "photo" / "holiday.raw"
    holiday.parent.mkdir(parents=True)
    holiday.write_text("the only copy")
    for extra in ((), ("--overwrite",)):
        certify(photo, *extra, out=tmp_path / "home").refuses("home/photo", "no certificate")
    assert holiday.read_text() == "the only copy"
    assert len(list((tmp_path / "home").iterdir())) == 1


def test_a_full_disk(
    attempt: Command, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(files_os, "fsync", no_space)
        attempt(photo).refuses("No space left on device", tmp_path / "out")
        assert list((tmp_path / "out").iterdir()) == []
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full on this system")
    with monkeypatch.context() as patch:  # what Pillow writes goes to the full device
        save = Image.Image.save

        def to_full_device(picture: Image.Image, *_: object, **__: object) -> None:
            save(picture, full, "PNG")

        patch.setattr(Image.Image, "save", to_full_device)
        attempt(photo).refuses(tmp_path / "out" / "photo", "No space left", "same command goes on")
    assert [p.name for p in (tmp_path / "out").iterdir()] == [".photo.partial.npz"]
    assert attempt(photo).status == 0
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["photo"]


def test_a_file_that_may_grow_no_further(attempt: Command, photo: Path, tmp_path: Path) -> None:
    """A limit of the operating system, met in the middle of a real write."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        done = attempt(photo)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    done.refuses("File too large", tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_real_process_says_one_line(photo: Path, weights: Path, tmp_path: Path) -> None:
    """Also where Pillow itself would warn."""
    program = Path(sys.executable).with_name("segcert")
    bad = damaged(tmp_path, photo, "cut.tif")
    found = subprocess.run(
        [program, "certify", photo, bad, "--model", weights, "--out", tmp_path / "out"],
        capture_output=True, text=True, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr.startswith(f"segcert: image {bad} ")
    assert found.stderr.count("\n") == 1


def test_names_with_marks_are_printed_as_they_are(certify: Command, tmp_path: Path) -> None:
    for name in ("[red]a.png", ":car:.png", "a  b.png"):
        certify(tmp_path / name).refuses(" ".join(name.split()))


def test_the_names_of_the_folder_above(certify: Command, tmp_path: Path, photo: Path) -> None:
    shutil.copy(photo, tmp_path / "...png")
    if (tmp_path / "...png").stem == "..":
        certify(tmp_path / "...png").refuses("...png", "rename the image")
