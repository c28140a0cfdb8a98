"""Labels of upsampled scores: those of plain interpolation, and no NaN wins."""

import pytest
import torch
from torch.nn import functional

from segcert.models.adapter import INVALID
from segcert.models.resizing.upsample import labels_of_upsampled
from segcert.models.wrapping import as_segmenter


def plain(scores: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Scores at full size."""
    return functional.interpolate(scores, size=size, mode="bilinear", align_corners=False)


@pytest.mark.parametrize("size", [(9, 12), (37, 53), (5, 6), (700, 1100)])
def test_labels_are_those_of_plain_interpolation(size: tuple[int, int]) -> None:
    scores = torch.randn(2, 5, 9, 12, generator=torch.Generator().manual_seed(0))
    expected = plain(scores, size).argmax(1)
    assert (
        labels_of_upsampled(scores, size) != expected
    ).double().mean() < 1e-4  # ties in rounding


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("factor", [2, 3, 4])
def test_every_pixel_that_a_bad_score_touches_is_invalid(bad: float, factor: int) -> None:
    """Also with weight 0, as beyond the centre of the first row: 0 * NaN is NaN."""
    scores = torch.randn(1, 3, 6, 6, generator=torch.Generator().manual_seed(1))
    scores[0, 1, 1, 4] = bad
    size = (6 * factor, 6 * factor)
    labels = as_segmenter(lambda _: scores).labels(torch.zeros(1, 3, *size))
    touched = ~torch.isfinite(plain(scores, size)).all(1)
    assert (labels == INVALID).equal(touched)
    assert 0 < touched.sum() < touched.numel()
    assert bool(touched[0, 0].any())
