"""Softmax margins: at full size, of low-resolution scores, and where scores are not finite."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from segcert.models.adapter import INVALID
from segcert.models.resizing import upsample
from segcert.models.resizing.upsample import margins_of_upsampled
from segcert.models.wrapping import as_segmenter


def scores_of(*shape: int, seed: int = 0) -> Tensor:
    return 3 * torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def reference(scores: Tensor, size: tuple[int, ...]) -> Tensor:
    """Sort softmax values in float64, at full size."""
    scores = scores.double()
    if scores.shape[2:] != size:
        scores = functional.interpolate(scores, size=size, mode="bilinear", align_corners=False)
    p = torch.exp(scores - scores.logsumexp(1, keepdim=True)).sort(1).values
    return p[:, -1] - p[:, -2]


def margins(scores: Tensor, size: tuple[int, ...]) -> Tensor:
    found = as_segmenter(lambda _: scores).to_margins(scores, size)
    assert found is not None
    return found


@pytest.mark.parametrize("size", [(9, 12), (37, 53), (5, 6), (18, 24)])
@pytest.mark.parametrize("classes", [2, 5])
def test_margins_are_those_of_float64(classes: int, size: tuple[int, int]) -> None:
    scores = scores_of(3, classes, 9, 12)
    found = margins(scores, size)
    assert found.shape == (3, *size)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), reference(scores, size), rtol=0, atol=1e-5)
    assert float(found.min()) >= 0
    assert float(found.max()) <= 1


def test_margins_of_points() -> None:
    scores = scores_of(2, 4, 50)
    torch.testing.assert_close(
        margins(scores, (50,)).double(), reference(scores, (50,)), rtol=0, atol=1e-5
    )


def test_margins_by_hand() -> None:
    scores = torch.tensor([0.0, math.log(2), math.log(5)]).view(1, 3, 1, 1)
    assert float(margins(scores, (1, 1))) == pytest.approx(3 / 8)
    assert float(margins(torch.zeros(1, 3, 1, 1), (1, 1))) == 0
    assert float(margins(torch.tensor([1000.0, 0]).view(1, 2, 1, 1), (1, 1))) == 1


@pytest.mark.parametrize("size", [(37, 29), (10, 8)])
def test_batch_size_changes_no_bit(monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]) -> None:
    """Strips of a few rows: how many may not depend on how many images there are."""
    scores = scores_of(6, 4, 10, 8)
    monkeypatch.setattr(upsample, "SCORES_AT_ONCE", (4 * size[1] * 6, 4 * size[1] * 6))
    at_once = margins_of_upsampled(scores, size)
    assert torch.cat([margins_of_upsampled(one[None], size) for one in scores]).equal(at_once)
    assert torch.cat([margins_of_upsampled(some, size) for some in scores.split(4)]).equal(at_once)


def test_size_of_strips_changes_the_last_bit_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = scores_of(2, 4, 10, 8)
    at_once = margins_of_upsampled(scores, (37, 29))
    monkeypatch.setattr(upsample, "SCORES_AT_ONCE", (1, 1))
    one_by_one = margins_of_upsampled(scores, (37, 29))
    torch.testing.assert_close(one_by_one, at_once, rtol=0, atol=2.0**-22)


def test_half_precision_is_not_used_for_softmax() -> None:
    scores = scores_of(1, 4, 6, 6).half()
    found = margins(scores, (6, 6))
    torch.testing.assert_close(found.double(), reference(scores, (6, 6)), rtol=0, atol=1e-5)


@pytest.mark.parametrize("size", [(6, 6), (12, 12), (13, 17)])
def test_one_class_is_always_sure(size: tuple[int, int]) -> None:
    assert margins(scores_of(2, 1, 6, 6), size).equal(torch.ones(2, *size))


def test_labels_have_no_margin() -> None:
    labels = torch.zeros(2, 6, 6, dtype=torch.int64)
    assert as_segmenter(lambda _: labels, classes=2).to_margins(labels, (6, 6)) is None


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("size", [(6, 6), (12, 12), (13, 17)])
@pytest.mark.parametrize("classes", [1, 2, 4])
def test_margins_are_zero_where_there_is_no_label(
    bad: float, size: tuple[int, int], classes: int
) -> None:
    """Also for a class at minus infinity, which softmax alone would take for a score."""
    scores = scores_of(1, classes, 6, 6)
    scores[0, 0, 1, 4] = bad
    before = scores.clone()
    segmenter = as_segmenter(lambda _: scores)
    labels = segmenter.to_labels(scores, size)
    found = margins(scores, size)
    assert scores.equal(before) or math.isnan(bad)  # the model's output is left alone
    if classes == 1:
        return
    assert 0 < (labels == INVALID).sum() < labels.numel()
    assert (found[labels == INVALID] == 0).all()
    elsewhere = margins(scores.nan_to_num(0, 0, 0), size)[labels != INVALID]
    torch.testing.assert_close(found[labels != INVALID], elsewhere, rtol=0, atol=1e-6)
