"""A network that fails on the first input of a size: one line with the size and the way out."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import segcert as sc
from segcert.cli.main import run
from segcert.errors import ModelError
from segcert.models.trying import first_output

IMAGE = np.random.default_rng(0).integers(0, 256, (13, 21, 3), dtype=np.uint8)
FEW = {"sigma": 0.1, "tau": 0.5, "alpha": 0.5, "n0": 2, "n": 20, "seed": 1}


class Joins(nn.Module):
    """A U-Net with sides of multiples of 4 and no padding; others fail where it joins."""

    def forward(self, x: Tensor) -> Tensor:
        coarse = nn.functional.max_pool2d(x, 4)
        joined = torch.cat([x, nn.functional.interpolate(coarse, scale_factor=4)], 1)
        return joined[:, :2]


class Square(nn.Module):
    """A transformer of squares."""

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.flatten(2)
        side = int(tokens.shape[2] ** 0.5)
        return tokens.view(len(x), 3, side, side)


def python(x: Tensor) -> Tensor:
    assert x.shape[2] % 2 == 0, "even, please\nand on another line"
    return x


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (Joins().eval(), "RuntimeError: Sizes of tensors must match"),
        (Square().eval(), "RuntimeError: shape"),
        (python, "AssertionError: even, please and on another line"),
        (lambda x: x[:, [5]], "IndexError: index 5"),
    ],
)
def test_networks_that_fail_are_one_line(model: Callable[[Tensor], Tensor], reason: str) -> None:
    with pytest.raises(ModelError, match="fails on images of 3 channels and 13x21") as caught:
        sc.certify_image(model, IMAGE, **FEW)
    said = str(caught.value)
    assert "\n" not in said
    assert reason in said
    assert "--scale 32x32" in said
    assert "--pad 32" in said
    assert isinstance(caught.value.__cause__, Exception)


def test_the_way_out_is_one() -> None:
    cert = sc.certify_image(sc.as_segmenter(Joins().eval(), scale="32x32"), IMAGE, **FEW)
    assert cert.labels.shape == (13, 21)


def test_a_network_that_takes_one_image_at_a_time_gets_one() -> None:
    def alone(x: Tensor) -> Tensor:
        return torch.cat([x.view(1, 3, 13, 21), -x.view(1, 3, 13, 21)], 1)

    def same(x: Tensor) -> Tensor:
        return torch.cat([x, -x], 1)

    cert = sc.certify_image(alone, IMAGE, **FEW)
    assert (
        np.asarray(cert.labels) == np.asarray(sc.certify_image(same, IMAGE, **FEW).labels)
    ).all()
    assert {run.batch_size for run in cert.counts.provenance.test_runs} == {1}


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("CUDA out of memory")])
def test_want_of_memory_is_passed_on(error: Exception) -> None:
    def hungry(_: Tensor) -> Tensor:
        raise error

    with pytest.raises(type(error)):
        first_output(sc.as_segmenter(hungry), torch.zeros(1, 3, 8, 8))


def test_on_the_command_line_there_is_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A program whose sides must be equal: its own condition, and the size that meets it."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(IMAGE).save("img.png")
    program = torch.export.export(nn.Conv2d(3, 2, 1).eval(), (torch.rand(1, 3, 16, 24),))
    torch.export.save(program, "net.pt2")
    status = run(["certify", "img.png", "--model", "./net.pt2", "--n", "60", "--out", "o"])
    said = capsys.readouterr().err
    assert status == 2
    assert "--scale 24x16 (WIDTHxHEIGHT)" in said
    assert "Traceback" not in said
