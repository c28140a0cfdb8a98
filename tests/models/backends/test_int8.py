"""8-bit networks: fixed by their calibration, with a hash of what they compute, and files."""

import importlib.util
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from foreign_models import MEAN, NAMES, STD, tiny
from PIL import Image
from torch import Tensor

from segcert.errors import InputError, ModelError
from segcert.models.adapter import Segmenter
from segcert.models.backends.calibration import Calibration
from segcert.models.backends.choosing import with_backend
from segcert.models.wrapping import as_segmenter

pytestmark = pytest.mark.skipif(  # importing them here would import what sends statistics, too
    not (importlib.util.find_spec("openvino") and importlib.util.find_spec("nncf")),
    reason="OpenVINO and NNCF are not installed",
)


def segmenter(seed: int = 0) -> Segmenter:
    return as_segmenter(tiny(seed=seed), mean=MEAN, std=STD, class_names=NAMES, name="tiny")


def draws() -> Tensor:
    return torch.rand(3, 3, 32, 48, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three images to calibrate on."""
    folder = tmp_path_factory.mktemp("street")
    for shade in (30, 90, 200):
        Image.new("RGB", (48, 32), (shade, 128, 255 - shade)).save(folder / f"{shade}.png")
    return folder


@pytest.fixture(scope="module")
def made(folder: Path) -> Segmenter:
    """An int8 network; its file is net.xml in the folder int8 beside the images."""
    given = Calibration(0.25, folder, file=folder / "int8" / "net.xml")
    return with_backend(segmenter(), "openvino-int8", calibration=given)


def test_it_is_another_network_close_to_the_first(made: Segmenter) -> None:
    exact, rounded = segmenter().output(draws()), made.output(draws())
    gap = ((exact - rounded).abs().max() / exact.abs().max()).item()
    assert 1e-4 < gap < 0.2
    assert made.weights_sha256 != segmenter().weights_sha256
    assert (made.runtime.backend, made.runtime.precision) == ("openvino-int8", "int8")
    assert (made.name, made.class_names, made.mean) == ("tiny", NAMES, MEAN)
    assert torch.equal(made.output(draws()), rounded)


def test_the_same_calibration_gives_the_same_hash(made: Segmenter, folder: Path) -> None:
    again = with_backend(segmenter(), "openvino-int8", calibration=Calibration(0.25, folder))
    assert again.weights_sha256 == made.weights_sha256
    assert torch.equal(again.output(draws()), made.output(draws()))


@pytest.mark.slow
def test_another_noise_gives_another_hash(made: Segmenter, folder: Path) -> None:
    other = with_backend(segmenter(), "openvino-int8", calibration=Calibration(0.5, folder))
    assert other.weights_sha256 != made.weights_sha256


def from_file(file: Path, mine: Segmenter) -> Segmenter:
    """Read a file, whatever it was calibrated on."""
    given = Calibration(0.1, file=file)
    return with_backend(mine, "openvino-int8", calibration=given)


def test_the_file_is_the_same_network(made: Segmenter, folder: Path) -> None:
    read = from_file(folder / "int8" / "net.xml", segmenter())
    assert read.weights_sha256 == made.weights_sha256
    assert torch.equal(read.output(draws()), made.output(draws()))
    files = {path.name for path in (folder / "int8").iterdir()}
    assert files == {"net.xml", "net.bin"}


def test_files_of_other_networks_and_damaged_ones_are_refused(
    made: Segmenter, folder: Path, tmp_path: Path
) -> None:
    assert made.weights_sha256
    file = Path(shutil.copytree(folder / "int8", tmp_path / "int8")) / "net.xml"
    with pytest.raises(InputError, match="was made from another network than tiny"):
        from_file(file, segmenter(seed=1))
    content = bytearray(file.with_suffix(".bin").read_bytes())
    content[len(content) // 2] ^= 1  # a weight: the network is another one, and says so
    file.with_suffix(".bin").write_bytes(content)
    assert from_file(file, segmenter()).weights_sha256 != made.weights_sha256
    file.write_text("<net>")
    with pytest.raises(InputError, match="damaged or was not written by segcert") as caught:
        from_file(file, segmenter())
    assert "\n" not in str(caught.value)


def test_a_calibration_that_is_named_is_obeyed_or_the_file_is_refused(
    made: Segmenter, folder: Path, tmp_path: Path
) -> None:
    file = folder / "int8" / "net.xml"
    same = Calibration(0.25, folder, file=file)
    read = with_backend(segmenter(), "openvino-int8", calibration=same)
    assert read.weights_sha256 == made.weights_sha256
    Image.new("RGB", (48, 32), (1, 2, 3)).save(tmp_path / "other.png")
    for other in (Calibration(0.5, folder, file=file), Calibration(0.25, tmp_path, file=file)):
        with pytest.raises(InputError, match="was calibrated on other images than"):
            with_backend(segmenter(), "openvino-int8", calibration=other)


def test_it_has_no_gradient(made: Segmenter) -> None:
    with pytest.raises(ModelError, match="has no gradient"):
        made.scores(draws().requires_grad_())


def test_nothing_is_sent_over_the_network(made: Segmenter) -> None:
    """The package for usage statistics is not even imported."""
    telemetry: Any = sys.modules["openvino_telemetry"]
    assert made.runtime.backend == "openvino-int8"
    assert telemetry is None
