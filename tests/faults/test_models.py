"""Strange models and strange sizes: one line, or a certificate that says what is true."""

import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from foreign_models import write_pt2, write_toml
from PIL import Image
from requests_of_runs import request_with

import segcert as sc
from segcert.runs.certify_inputs import certify_inputs
from segcert.sampling.tally import Run

NOISE = sc.LatticeGaussianNoise(0.25)
REQUEST = request_with(model="m", weights_sha256="none", tau=0.6, alpha=0.1, n0=4, n=40)


def image_of(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def bright(batch: torch.Tensor) -> torch.Tensor:
    return (batch[:, 0] > 0.5).long()


def certified(model: sc.Segmenter, folder: Path, *names: str) -> None:
    images = {name: folder / f"{name}.png" for name in names}
    for path in images.values():
        Image.fromarray(image_of(8, 10)).save(path)
    (folder / "out").mkdir(exist_ok=True)
    for _ in certify_inputs(
        model, images, REQUEST, out=folder / "out", seed=5, batch_size=4,
        write=lambda folder, certificate, **_: certificate.save(folder),
    ):  # fmt: skip
        pass


def test_a_model_that_raises_loses_no_finished_input(tmp_path: Path) -> None:
    calls = []

    def failing(batch: torch.Tensor) -> torch.Tensor:
        calls.append(len(batch))
        if len(calls) > 20:
            raise ZeroDivisionError("of the model's own")
        return bright(batch)

    model = sc.as_segmenter(failing, classes=2, name="m")
    with pytest.raises(ZeroDivisionError, match="of the model's own"):
        certified(model, tmp_path, "one", "two")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["one"]
    assert sc.load_certificate(tmp_path / "out" / "one").certified.any()


def test_a_model_that_hangs_is_stopped_by_ctrl_c_and_the_draws_are_kept(tmp_path: Path) -> None:
    """As ``timeout --signal=INT 600 segcert certify ...`` stops a command after ten minutes.

    The signal comes from within the call, where the model would hang: at no time of a clock.
    """
    calls = []

    def hanging(batch: torch.Tensor) -> torch.Tensor:
        calls.append(len(batch))
        if len(calls) == 12:
            signal.raise_signal(signal.SIGINT)
        return bright(batch)

    model = sc.as_segmenter(hanging, classes=2, name="m")
    with pytest.raises(KeyboardInterrupt, match="the same command goes on"):
        certified(model, tmp_path, "one")
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".one.partial.npz"]
    certified(model, tmp_path, "one")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["one"]


def test_an_output_on_another_device_is_one_line() -> None:
    def elsewhere(batch: torch.Tensor) -> torch.Tensor:
        return bright(batch).to("meta")

    for model in (elsewhere, lambda batch: torch.stack([elsewhere(batch).float()] * 2, 1)):
        with pytest.raises(sc.ModelError, match="returned a tensor on meta") as caught:
            sc.sample(sc.as_segmenter(model, classes=2), image_of(4, 4), noise=NOISE, n0=2, n=20)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("n0", [0, 5])
def test_one_pixel(tmp_path: Path, n0: int) -> None:
    model = sc.as_segmenter(bright, classes=2)
    counts = sc.sample(model, np.full((1, 1, 3), 255, np.uint8), noise=NOISE, n0=n0, n=40, seed=1)
    cert = sc.certify(counts, tau=0.6, alpha=0.1)
    assert cert.certified.tolist() == [[True]]
    cert.save(tmp_path)
    assert sc.load_certificate(tmp_path).statement == cert.statement


def test_one_class_is_refused() -> None:
    model = sc.as_segmenter(lambda batch: torch.zeros(len(batch), 1, *batch.shape[2:]))
    with pytest.raises(sc.ModelError, match="of one class: a single one always wins"):
        sc.sample(model, image_of(4, 6), noise=NOISE, n0=3, n=40, seed=1)


@pytest.mark.parametrize("n0", [0, 5])
def test_a_thousand_classes(tmp_path: Path, n0: int) -> None:
    def levels(batch: torch.Tensor) -> torch.Tensor:
        return (batch[:, 0] * 255).round().long().clamp(0, 255) + 700

    counts = sc.sample(
        sc.as_segmenter(levels, classes=1000), image_of(2, 4),
        noise=sc.LatticeGaussianNoise(0.002), n0=n0, n=40, seed=1,
    )  # fmt: skip
    cert = sc.certify(counts, tau=0.6, alpha=0.1)
    assert cert.labels.max() > 255
    cert.save(tmp_path)
    assert (sc.load_certificate(tmp_path).labels == cert.labels).all()


def test_more_classes_than_pictures_have_numbers_are_refused_before_the_first_draw(
    tmp_path: Path, command: Callable[..., Any]
) -> None:
    photo, out = tmp_path / "photo.png", tmp_path / "out"
    Image.fromarray(image_of(32, 48)).save(photo)
    net = write_pt2(tmp_path / "net.pt2", torch.nn.Conv2d(3, 300, 1))
    write_toml(net, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    done = command("certify", photo, "--model", net, "--out", out)
    done.refuses("300 classes", "at most 255", "sc.certify_image")
    assert not out.exists() or not any(out.iterdir())
    cert = sc.certify_image(net, photo, n0=2, n=60, alpha=0.4)
    assert cert.counts.classes == 300


@pytest.mark.repeats
def test_a_million_draws(tmp_path: Path) -> None:
    """The statistics of n = 10^6, and files of it; that counts do not wrap is in test_sampler."""
    n = 10**6
    few = sc.sample(sc.as_segmenter(bright, classes=2), image_of(1, 3), noise=NOISE, n0=3, n=10)
    counts = replace(
        few, n=n, hits=np.array([[n, 752_000, 750_900]], np.int32),
        test_fingerprints=np.arange(n, dtype=np.uint64) + np.uint64(2**32),
        provenance=replace(few.provenance, test_runs=(Run(0, n, 1000),)),
    )  # fmt: skip
    cert = sc.certify(counts, tau=0.75, alpha=1e-3)
    assert cert.certified.tolist() == [[True, True, False]]  # 4.6 and 2.1 standard deviations
    cert.save(tmp_path)
    assert sc.load_certificate(tmp_path).threshold == cert.threshold


LARGE = """
import resource, sys
import numpy as np, torch
import segcert as sc
from PIL import Image

Image.MAX_IMAGE_PIXELS = None
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]),) * 2)
image = np.zeros((10_000, 10_000, 3), np.uint8)
model = sc.as_segmenter(lambda batch: (batch[:, 0] > 0.5).byte().long(), classes=2)
try:
    counts = sc.sample(model, image, noise=sc.LatticeGaussianNoise(0.25), n0=1, n=1)
except sc.SegcertError as error:
    print("refused:", error)
else:
    print("done:", counts.components)
"""


@pytest.mark.slow
def test_a_hundred_megapixels_in_two_gigabytes_are_refused_in_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LARGE, str(2 << 30)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("refused: out of memory with a single draw")
    assert done.stdout.count("\n") == 1
