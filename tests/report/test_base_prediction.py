"""The base prediction on pages: shown and named as such."""

from pathlib import Path

import numpy as np
import pytest
import torch
from report.test_page import Reader, indices
from runs.test_base_prediction import bright_model, ramp_file

from segcert.certificates.segcertify import certify
from segcert.inputs.images import read_file
from segcert.models.wrapping import as_segmenter
from segcert.noise.gaussian import GaussianNoise
from segcert.report.image_files import write_files
from segcert.runs.base_prediction import base_prediction
from segcert.sampling.sampler import sample


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return ramp_file(tmp_path)


def test_it_is_in_the_page_and_said_to_be_no_part_of_the_certificate(
    file: Path, tmp_path: Path
) -> None:
    counts = sample(bright_model(), file, noise=GaussianNoise(0.1), n0=5, n=60, seed=1)
    found = certify(counts, tau=0.6, alpha=0.1)
    for folder, base in (("with", base_prediction(bright_model())), ("without", None)):
        (tmp_path / folder).mkdir()
        write_files(tmp_path / folder, file, found, base=base)
    html = (tmp_path / "with" / "report.html").read_text()
    page = Reader(html)
    expected = base_prediction(bright_model())(read_file(file))
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
