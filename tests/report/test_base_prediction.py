"""The base prediction on pages: one pass without noise, shown and named as such."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from point_models import ByHeight
from report.test_page import Reader, indices

from segcert.certificates.segcertify import certify
from segcert.data.images import read_file
from segcert.models.adapter import Segmenter
from segcert.models.wrapping import as_segmenter
from segcert.noise.gaussian import GaussianNoise
from segcert.report.base_prediction import base_prediction
from segcert.report.files import write_files
from segcert.runs.kinds import CloudKind
from segcert.sampling.sampler import sample

SHAPE = (12, 16)


def model() -> Segmenter:
    """Class 1 where it is bright; NaN in the first row of what has no noise at all."""

    def scores(batch: torch.Tensor) -> torch.Tensor:
        light = batch[:, 0] - 0.5
        both = torch.stack([-light, light], 1)
        flat = (batch[:, :, 0] == batch[:, :, :1, 0]).all((1, 2))
        both[flat, :, 0] = torch.nan
        return both

    return as_segmenter(scores, classes=2, name="bright", class_names=("dark", "light"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    ramp = np.linspace(0, 255, SHAPE[0])
    ramp[0] = 7
    image = np.broadcast_to(ramp[:, None, None], (*SHAPE, 3)).astype(np.uint8)
    Image.fromarray(image).save(tmp_path / "ramp.png")
    return tmp_path / "ramp.png"


def test_it_is_the_model_without_noise(file: Path) -> None:
    found = base_prediction(model())(read_file(file))
    assert not isinstance(found, str)
    values = np.asarray(Image.open(file))[..., 0]
    assert np.array_equal(found[1:], values[1:] > 127)
    assert (found[0] == -1).all()


def test_it_is_in_the_page_and_said_to_be_no_part_of_the_certificate(
    file: Path, tmp_path: Path
) -> None:
    counts = sample(model(), file, noise=GaussianNoise(0.1), n0=5, n=60, seed=1)
    found = certify(counts, tau=0.6, alpha=0.1)
    for folder, base in (("with", base_prediction(model())), ("without", None)):
        (tmp_path / folder).mkdir()
        write_files(tmp_path / folder, file, found, base=base)
    html = (tmp_path / "with" / "report.html").read_text()
    page = Reader(html)
    expected = base_prediction(model())(read_file(file))
    assert not isinstance(expected, str)
    assert np.array_equal(indices(page, "base"), np.where(expected < 0, 255, expected))
    assert "one pass of bright without noise; no part of the certificate" in html
    plain = (tmp_path / "without" / "report.html").read_text()
    assert "figure-base" not in plain
    assert "base prediction" not in plain


def test_a_model_that_fails_without_noise_costs_no_certificate(file: Path, tmp_path: Path) -> None:
    def fragile(batch: torch.Tensor) -> torch.Tensor:
        if (batch[:, :, 1] == batch[:, :, 1:2, 0]).all():
            raise ValueError("too <even>")
        return (batch[:, 0] > 0.5).long()

    segmenter = as_segmenter(fragile, classes=2, name="fragile")
    counts = sample(segmenter, file, noise=GaussianNoise(0.1), n0=5, n=60, seed=1)
    found = certify(counts, tau=0.6, alpha=0.1)
    (tmp_path / "out").mkdir()
    write_files(tmp_path / "out", file, found, base=base_prediction(segmenter))
    page = Reader((tmp_path / "out" / "report.html").read_text())
    text = " ".join(page.text)
    assert "none: the model fails on the input without noise: ValueError: too <even>" in text
    assert not [a for _, a in page.elements if a.get("id") == "figure-base"]


def test_clouds_have_one_too(tmp_path: Path) -> None:
    points = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    np.savez(tmp_path / "cloud.npz", points=points)
    found = base_prediction(ByHeight())(CloudKind().read(tmp_path / "cloud.npz"))  # type: ignore[arg-type]
    assert np.array_equal(found, points[:, 2] > 0)
