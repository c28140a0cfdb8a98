"""Padding to multiples inside the model: noise first, labels cropped, recorded like a scale."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import segcert as sc
from segcert.cli.main import run
from segcert.errors import InputError, ModelError
from segcert.models.resizing.padding import cropped, padded
from segcert.models.resizing.scale import Resizing, parse_resizing, with_padding

IMAGE = np.random.default_rng(0).integers(0, 256, (13, 21, 3), dtype=np.uint8)
BATCH = torch.rand(2, 3, 13, 21, generator=torch.Generator().manual_seed(0))
FEW = {"sigma": 0.1, "tau": 0.5, "alpha": 0.5, "n0": 2, "n": 20, "seed": 1}


class Joins(nn.Module):
    """A U-Net of two levels, whose sides must be multiples of 4."""

    def forward(self, x: Tensor) -> Tensor:
        coarse = nn.functional.max_pool2d(x, 4)
        return x + 0.3 * torch.cat([nn.functional.interpolate(coarse, scale_factor=4)], 1)


def by_hand(x: Tensor) -> Tensor:
    wide = torch.zeros(len(x), 3, 16, 24)
    wide[:, :, :13, :21] = x
    return Joins()(wide)[:, :, :13, :21].argmax(1).short()


def test_labels_are_those_of_the_padded_image() -> None:
    segmenter = sc.as_segmenter(Joins().eval(), pad=4)
    labels = segmenter.labels(BATCH)
    assert torch.equal(labels, by_hand(BATCH))
    assert len(labels.unique()) == 3
    cert = sc.certify_image(segmenter, IMAGE, **FEW)
    assert cert.labels.shape == (13, 21)
    assert cert.provenance.scale == "1+pad4"
    assert sc.replay(cert, segmenter, IMAGE)


def test_padding_is_zero_after_the_normalisation() -> None:
    """Which is the mean colour, not black."""
    seen: list[Tensor] = []

    def model(x: Tensor) -> Tensor:
        seen.append(x.clone())
        return x

    sc.as_segmenter(model, pad=8, mean=(0.5,) * 3, std=(0.1,) * 3).labels(BATCH)
    (wide,) = seen
    assert wide.shape == (2, 3, 16, 24)
    torch.testing.assert_close(wide[:, :, :13, :21], (BATCH - 0.5) / 0.1)
    assert not wide[:, :, 13:].any()
    assert not wide[:, :, :, 21:].any()


@pytest.mark.parametrize("factor", [2, 4])
def test_coarse_scores_are_resized_before_they_are_cropped(factor: int) -> None:
    def coarse(x: Tensor) -> Tensor:
        return nn.functional.avg_pool2d(x, factor)

    wide = coarse(nn.functional.pad(BATCH, (0, 3, 0, 3)))
    scores = nn.functional.interpolate(wide, (16, 24), mode="bilinear")[:, :, :13, :21]
    found = sc.as_segmenter(coarse, pad=4).labels(BATCH)
    assert (found != scores.argmax(1)).double().mean() < 0.01
    assert len(found.unique()) == 3


def test_labels_volumes_views_and_sizes_are_padded_too() -> None:
    best = sc.as_segmenter(lambda x: Joins()(x).argmax(1), classes=3, pad=4)
    assert torch.equal(best.labels(BATCH), by_hand(BATCH))
    volume = torch.rand(1, 2, 5, 6, 7)
    joined = sc.as_segmenter(lambda x: x + 0 * nn.functional.avg_pool3d(x, 4).sum(), pad=4)
    assert torch.equal(joined.labels(volume), volume.argmax(1).short())
    cube = torch.randint(0, 256, (2, 5, 6, 7), dtype=torch.uint8)
    cert = sc.certify_image(joined, cube, **FEW)
    assert cert.labels.shape == (5, 6, 7)
    views = sc.as_segmenter(Joins().eval(), scale="0.5,1+flip", pad=4)
    assert views.labels(BATCH).shape == (2, 13, 21)
    assert sc.certify_image(views, IMAGE, **FEW).provenance.scale == "0.5,1+flip+pad4"
    assert sc.as_segmenter(Joins().eval(), scale="22x14", pad=4).labels(BATCH).shape == (2, 13, 21)


def test_certificates_of_volumes_keep_their_padding(tmp_path: Path) -> None:
    cube = torch.randint(0, 256, (2, 5, 6, 7), dtype=torch.uint8)
    sc.certify_image(sc.as_segmenter(lambda x: x, pad=4), cube, **FEW).save(tmp_path / "c")
    assert sc.load_certificate(tmp_path / "c").provenance.scale == "1+pad4"


def test_a_small_image_is_large_enough_once_it_is_padded() -> None:
    segmenter = sc.as_segmenter(Joins().eval(), smallest_side=16, pad=16)
    segmenter.check_input(torch.from_numpy(IMAGE).permute(2, 0, 1))
    with pytest.raises(InputError, match="too small"):
        sc.as_segmenter(Joins().eval(), smallest_side=16).check_input(BATCH[0])


@pytest.mark.parametrize(
    ("text", "resizing"),
    [
        ("1+pad32", Resizing(pad=32)),
        ("0.5+PAD8", Resizing((0.5,), pad=8)),
        ("multi+pad16", with_padding("multi", 16)),
        ("480x320+flip+pad32", Resizing(flip=True, size=(320, 480), pad=32)),
    ],
)
def test_texts_are_read_and_written(text: str, resizing: Resizing) -> None:
    assert parse_resizing(text) == resizing
    assert parse_resizing(str(resizing)) == resizing
    assert str(resizing) == text.lower()
    assert resizing.factor is None


@pytest.mark.parametrize("text", ["1+pad0", "1+pad", "1+pad5000", "+pad4", "1+pad4+pad4", "pad4"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"pad must|is unknown"):
        parse_resizing(text)


def test_two_paddings_must_agree() -> None:
    assert with_padding("1+pad4", 4) == Resizing(pad=4)
    with pytest.raises(InputError, match="pads to multiples of 4, and pad is 8"):
        with_padding("1+pad4", 8)


def test_what_fits_is_neither_padded_nor_cropped() -> None:
    even = torch.rand(1, 3, 8, 12)
    assert padded(even, Resizing(pad=4)) is even
    assert cropped(even, (8, 12), (8, 12)) is even


def test_other_orders_of_axes_are_still_refused() -> None:
    turned = sc.as_segmenter(lambda x: Joins()(x).transpose(2, 3), pad=4)
    with pytest.raises(ModelError, match="transpose"):
        sc.certify_image(turned, IMAGE, **FEW)
    square = np.zeros((13, 13, 3), np.uint8)
    with pytest.raises(ModelError, match="transpose"):
        sc.certify_image(turned, square, **FEW)


def test_on_the_command_line_it_is_recorded_and_replayed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(IMAGE).save("img.png")
    multiple = {axis: 4 * torch.export.Dim(f"s{axis}", min=2, max=99) for axis in (2, 3)}
    shapes = ({0: torch.export.Dim("b")} | multiple,)
    program = torch.export.export(
        Joins().eval(), (torch.rand(2, 3, 16, 24),), dynamic_shapes=shapes
    )
    torch.export.save(program, "net.pt2")
    words = ["--model", "./net.pt2", "--n0", "2", "--n", "20", "--tau", "0.5", "--alpha", "0.5"]
    assert run(["certify", "img.png", *words, "--out", "a"]) == 2
    assert "--pad 32" in capsys.readouterr().err
    assert run(["certify", "img.png", *words, "--pad", "4", "--seed", "1", "--out", "a"]) == 0
    assert sc.load_certificate("a/img").provenance.scale == "1+pad4"
    replay = ["verify", "a/img", "--replay", "--image", "img.png", "--model", "./net.pt2"]
    assert run(replay) == 0
    assert run(["models", "./net.pt2"]) == 0
    assert "height 8 to 396, a multiple of 4" in capsys.readouterr().out
