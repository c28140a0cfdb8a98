"""The base prediction: one pass without noise."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from point_models import ByHeight

from segcert.inputs.images import read_file
from segcert.inputs.input import read
from segcert.models.adapter import Segmenter
from segcert.models.wrapping import as_segmenter
from segcert.runs.base_prediction import base_prediction

SHAPE = (12, 16)


def bright_model() -> Segmenter:
    """Class 1 where it is bright; NaN in the first row of what has no noise at all."""

    def scores(batch: torch.Tensor) -> torch.Tensor:
        light = batch[:, 0] - 0.5
        both = torch.stack([-light, light], 1)
        flat = (batch[:, :, 0] == batch[:, :, :1, 0]).all((1, 2))
        both[flat, :, 0] = torch.nan
        return both

    return as_segmenter(scores, classes=2, name="bright", class_names=("dark", "light"))


def ramp_file(folder: Path) -> Path:
    """An image that gets brighter from top to bottom, but for its first row."""
    ramp = np.linspace(0, 255, SHAPE[0])
    ramp[0] = 7
    image = np.broadcast_to(ramp[:, None, None], (*SHAPE, 3)).astype(np.uint8)
    Image.fromarray(image).save(folder / "ramp.png")
    return folder / "ramp.png"


def test_it_is_the_model_without_noise(tmp_path: Path) -> None:
    file = ramp_file(tmp_path)
    found = base_prediction(bright_model())(read_file(file))
    assert not isinstance(found, str)
    values = np.asarray(Image.open(file))[..., 0]
    assert np.array_equal(found[1:], values[1:] > 127)
    assert (found[0] == -1).all()


def test_clouds_have_one_too(tmp_path: Path) -> None:
    points = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    np.savez(tmp_path / "cloud.npz", points=points)
    found = base_prediction(ByHeight())(read(tmp_path / "cloud.npz").tensor)  # type: ignore[arg-type]
    assert np.array_equal(found, points[:, 2] > 0)
