"""Calibration images: noisy, the same every time, evenly taken, and what is refused."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from segcert.errors import InputError
from segcert.models.backends.calibration import Calibration, noisy_images


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Seven grey images, and a file that is none."""
    for number in range(7):
        Image.new("RGB", (24, 16), (20 * number,) * 3).save(tmp_path / f"{number}.png")
    (tmp_path / "notes.txt").write_text("none")
    return tmp_path


def test_each_image_gets_its_own_noise_the_same_every_time(folder: Path) -> None:
    one, two = (list(noisy_images(Calibration(0.25, folder))) for _ in range(2))
    assert len(one) == 7
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))
    noises = [image - 20 * k / 255 for k, image in enumerate(one)]
    assert all(noise.std().item() == pytest.approx(0.25, rel=0.1) for noise in noises)
    assert not torch.allclose(noises[0], noises[1], atol=0.1)


def test_so_many_images_are_taken_evenly(folder: Path) -> None:
    found = noisy_images(Calibration(0.0, folder, images=3))
    assert [round(255 * image.mean().item() / 20) for image in found] == [0, 2, 4]


def test_without_a_folder_there_are_synthetic_streets() -> None:
    (image,) = noisy_images(Calibration(0.0, images=1))
    assert image.shape == (1, 3, 360, 480)
    assert image.std() > 0.05


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="sigma of the calibration"):
        Calibration(-1.0)
    with pytest.raises(InputError, match="at least one image"):
        Calibration(0.1, images=0)
    with pytest.raises(InputError, match=r"must end in \.xml"):
        Calibration(0.1, file=Path("net.onnx"))
    with pytest.raises(InputError, match="holds no image"):
        list(noisy_images(Calibration(0.1, tmp_path)))
    with pytest.raises(InputError, match="is no folder"):
        list(noisy_images(Calibration(0.1, tmp_path / "none")))
