"""Labels by cells: those of plain interpolation, but for ties within rounding."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from segcert.models.adapter import INVALID, labels_on_device
from segcert.models.resizing import label_cells, upsample
from segcert.models.resizing.label_cells import labels_by_cells, largest, steps_along
from segcert.models.resizing.upsample import labels_of_upsampled, labels_with_invalid, lead
from segcert.models.wrapping import as_segmenter

TIE = 1e-5  # of the largest score; float32 rounds by 6e-8 a step


def check_against_interpolation(labels: Tensor, scores: Tensor, size: tuple[int, int]) -> None:
    """Every label has the largest score at its pixel in float64, up to ties."""
    wide = functional.interpolate(
        scores[None].double(), size=size, mode="bilinear", align_corners=False
    )[0]
    taken = wide.gather(0, labels[None].long())[0]
    assert float((wide.amax(0) - taken).max()) <= TIE * float(scores.abs().max())


def rough(k: int, h: int, w: int, seed: int, step: float) -> Tensor:
    """Random scores, on a coarse grid: many tie."""
    random = torch.randn(k, h, w, generator=torch.Generator().manual_seed(seed))
    return (random / step).round() * step if step else random


@settings(derandomize=True, deadline=None, max_examples=150)
@given(
    shape=st.tuples(st.integers(1, 6), st.integers(1, 9), st.integers(1, 9)),
    factors=st.tuples(st.floats(2, 6), st.floats(2, 6)),
    step=st.sampled_from([0.0, 0.5, 1.0, 4.0]),
    seed=st.integers(0, 99),
)
def test_labels_are_those_of_interpolation(
    shape: tuple[int, int, int], factors: tuple[float, float], step: float, seed: int
) -> None:
    """Any sizes; wherever another class is taken than the largest, the two tie."""
    scores = rough(*shape, seed, step)
    size = (int(shape[1] * factors[0]), int(shape[2] * factors[1]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(label_cells, "MOST_INTERPOLATED", 1e9)  # never leave it to interpolation
        labels = labels_by_cells(scores, size)
    assert labels is not None
    check_against_interpolation(labels, scores, size)
    check_against_interpolation(labels_of_upsampled(scores[None], size)[0], scores, size)


def test_a_label_off_a_tie_is_seen() -> None:
    """The check above has power: any one pixel that is labelled otherwise fails it."""
    scores = rough(4, 6, 7, 1, 0.0)
    labels = labels_of_upsampled(scores[None], (24, 28))[0]
    labels[11, 13] = (labels[11, 13] + 1) % 4
    with pytest.raises(AssertionError):
        check_against_interpolation(labels, scores, (24, 28))


def smooth(k: int = 5) -> Tensor:
    """Scores with large regions of one class, two images."""
    coarse = torch.randn(2, k, 4, 5, generator=torch.Generator().manual_seed(3))
    return functional.interpolate(coarse, size=(40, 50), mode="bilinear")


def test_few_pixels_of_smooth_scores_are_interpolated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only those are, and not more of them at once than allowed."""
    numbers: list[int] = []

    def record(*arguments: Tensor) -> Tensor:
        wide = interpolate(*arguments)
        numbers.append(wide.numel())
        return wide

    interpolate = label_cells.interpolate_cells
    monkeypatch.setattr(label_cells, "interpolate_cells", record)
    scores, size = smooth(), (160, 200)
    whole = labels_by_cells(scores[0], size)
    assert whole is not None
    assert 0 < sum(numbers) < 0.3 * 5 * size[0] * size[1]
    numbers.clear()
    monkeypatch.setattr(label_cells, "SCORES_AT_ONCE", 1000)
    assert torch.equal(labels_by_cells(scores[0], size), whole)  # type: ignore[arg-type]
    assert len(numbers) > 5
    assert max(numbers) <= 1000


def test_labels_do_not_depend_on_the_batch() -> None:
    """One smooth and one rough image, together and alone."""
    scores = torch.stack([smooth()[0], rough(5, 40, 50, 1, 0.0)])
    size = (160, 201)
    together = labels_of_upsampled(scores, size)
    assert labels_by_cells(scores[0], size) is not None
    assert labels_by_cells(scores[1], size) is None
    for one, labels in zip(scores, together, strict=True):
        assert torch.equal(labels_of_upsampled(one[None], size)[0], labels)


@pytest.mark.parametrize("size", [(79, 200), (160, 99), (40, 50), (20, 25)])
def test_what_is_hardly_enlarged_is_interpolated(size: tuple[int, int]) -> None:
    assert labels_by_cells(smooth()[0], size) is None
    labels = labels_of_upsampled(smooth(), size)
    if size == (40, 50):
        assert torch.equal(labels.long(), smooth().argmax(1))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions(dtype: torch.dtype) -> None:
    """Half precision is interpolated in float32, so ties are no more frequent."""
    scores = smooth()[0].to(dtype)
    labels = labels_by_cells(scores, (160, 200))
    assert labels is not None
    check_against_interpolation(labels, scores, (160, 200))


def test_steps_by_hand() -> None:
    """Two scores, six pixels: centres at 1/6, 3/6, ... of a score's width, less a half."""
    steps = steps_along(2, 6)
    assert steps.cell.tolist() == [0, 1, 1, 1, 2, 2]
    centres = [(pixel + 0.5) / 3 - 0.5 for pixel in range(6)]
    for place in range(len(steps.pixels)):
        for cell in range(3):
            pixel = int(steps.pixels[place, cell])
            assert int(steps.cell[pixel]) == cell
            assert float(steps.share[place, cell]) == pytest.approx(centres[pixel] - (cell - 1))
    assert sorted(set(steps.pixels.flatten().tolist())) == list(range(6))


@pytest.mark.parametrize("k", [1, 2, 7, 255, 256, 300])
def test_largest_is_argmax_and_the_first_of_ties(k: int) -> None:
    """Also with more classes than 8 bits count."""
    scores = torch.randint(0, 40, (k, 50, 30), generator=torch.Generator().manual_seed(k)).float()
    expected = scores.numpy().argmax(0)  # the first
    assert largest(scores).numpy().tolist() == expected.tolist()
    assert largest(scores.bfloat16()).numpy().tolist() == expected.tolist()
    assert largest(scores.transpose(1, 2)).numpy().tolist() == expected.T.tolist()


@pytest.mark.parametrize("bad", [0.0, float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("size", [(6, 6), (24, 31), (5, 5)])
def test_labels_on_a_device_are_those_on_the_cpu(bad: float, size: tuple[int, int]) -> None:
    """The way without questions to the device, run on the CPU; also where scores are not finite."""
    scores = torch.randn(3, 4, 6, 6, generator=torch.Generator().manual_seed(1))
    scores[1, 2, 2, 4] = bad
    scores[2, :, 5, 0] = bad
    expected = as_segmenter(lambda _: scores).labels(torch.zeros(3, 3, *size))
    assert torch.equal(labels_on_device(scores, size), expected)
    if bad != 0:
        assert 0 < int((expected == INVALID).sum()) < expected.numel()


def test_finite_scores_on_a_device_have_labels_only() -> None:
    scores = torch.randn(2, 4, 6, 6, generator=torch.Generator().manual_seed(1))
    labels = labels_with_invalid(scores, (24, 31), invalid=INVALID)
    assert int(labels.min()) == 0
    expected = functional.interpolate(scores, size=(24, 31), mode="bilinear").argmax(1)
    assert torch.equal(labels.long(), expected)


@pytest.mark.parametrize("k", [2, 3, 9])
def test_lead_is_the_difference_of_the_two_largest(k: int) -> None:
    """Bit for bit that of a sort; ties lead by nothing."""
    values = torch.randn(k, 40, 50, generator=torch.Generator().manual_seed(k))
    values[0, 0] = values[1, 0] = 9.0
    best = values.sort(0, descending=True).values
    assert torch.equal(lead(values), best[0] - best[1])
    assert not lead(values)[0].any()
    values[k - 1, 3, 4] = torch.nan
    assert bool(lead(values)[3, 4].isnan())


def test_margins_use_the_softmax() -> None:
    scores = smooth()
    margins = upsample.margins_of_upsampled(scores, (40, 50))
    best = scores.softmax(1).topk(2, dim=1).values
    assert torch.allclose(margins, best[:, 0] - best[:, 1], atol=1e-6)
