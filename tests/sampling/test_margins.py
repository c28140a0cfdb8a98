"""What the pilot promises: streamed in integers, equal to a float64 reference at once."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from segcert.models.adapter import INVALID
from segcert.models.wrapping import as_segmenter
from segcert.noise.gaussian import LatticeGaussianNoise
from segcert.sampling.counting import Task, noisy_batch
from segcert.sampling.counts import Counts
from segcert.sampling.margins import MOST_PILOT_DRAWS, Margins, no_margins
from segcert.sampling.partial import Keeping, Partial
from segcert.sampling.sampler import sample
from segcert.sampling.setup import make_task
from segcert.sampling.streams import Stage

IMAGE = np.random.default_rng(0).integers(0, 256, (3, 6, 8), dtype=np.uint8)
NOISE = LatticeGaussianNoise(0.25)
N0 = 11


def scores(x: Tensor) -> Tensor:
    """Four classes; each pixel by itself, so that batches change nothing."""
    red, green = (x[:, 0] * 255).round() / 64, (x[:, 1] * 255).round() / 64
    return torch.stack([red - 2, 2 - red, green / 2, 0.7 * red - green / 4], 1)


def smaller(x: Tensor) -> Tensor:
    """Scores at half the resolution."""
    return scores(x)[:, :, ::2, ::2]


def draw(model: object = scores, **options: object) -> Counts:
    given = {"image": IMAGE, "noise": NOISE, "n0": N0, "n": 4, "seed": 3, "device": "cpu"}
    return sample(model, **(given | options))  # type: ignore[arg-type]


def pilot_batch() -> Tensor:
    """All noisy inputs of the pilot."""
    task: Task = make_task(scores, IMAGE, noise=NOISE, seed=3, device="cpu")
    return noisy_batch(task, Stage.PILOT, range(N0))


def reference(model: object, counts: Counts) -> np.ndarray:
    """Mean over (spread + 0.1) of signed margins, in float64, from all scores at once."""
    given = model(pilot_batch()).double()  # type: ignore[operator]
    full = functional.interpolate(given, size=(6, 8), mode="bilinear", align_corners=False)
    given = given if given.shape[2:] == (6, 8) else full
    bad = ~torch.isfinite(given).all(1)
    given = given.masked_fill(bad[:, None], 0)
    labels = given.argmax(1).masked_fill(bad, INVALID)
    two = given.softmax(1).topk(2, 1).values
    margins = (two[:, 0] - two[:, 1]).masked_fill(bad, 0)
    signed = torch.where(labels == labels[0], margins, -margins).numpy()
    ratio = signed.mean(0) / (signed.std(0) + 0.1)
    ratio = np.where(counts.labels == labels[0].numpy(), ratio, -ratio)
    return np.clip(np.round(ratio * 2**11) + 2**15, 0, 2**16 - 1)


def promised(counts: Counts) -> np.ndarray:
    assert counts.promise is not None
    assert counts.promise.dtype == np.uint16
    return counts.promise.astype(int)


@pytest.mark.parametrize("model", [scores, smaller])
def test_promises_are_those_of_float64(model: object) -> None:
    """Up to steps of 2^-16 in a margin and of 2^-11 in a ratio."""
    counts = draw(model)
    expected = reference(model, counts)
    assert np.abs(promised(counts) - expected).max() <= 2
    assert len(np.unique(expected)) > 12
    assert expected.max() > 2**15 > expected.min() or (expected > 2**15).mean() > 0.5


@pytest.mark.parametrize("model", [scores, smaller])
@pytest.mark.parametrize("batch_size", [1, 2, 3, 64])
def test_batch_size_changes_nothing(batch_size: int, model: object) -> None:
    assert (promised(draw(model, batch_size=batch_size)) == promised(draw(model))).all()


@pytest.mark.parametrize("batch_size", [1, 4])
def test_resuming_changes_nothing(batch_size: int) -> None:
    """In the middle of the pilot: sums and the sign of the first draw travel with the work."""
    parts: list[Partial] = []
    whole = draw(batch_size=1, keeping=Keeping(parts.append))
    assert any(0 < part.pilot.draws < N0 for part in parts)
    for part in parts:
        assert (promised(draw(batch_size=batch_size, partial=part)) == promised(whole)).all()


def test_promise_is_of_the_pilot_alone() -> None:
    """More test draws change nothing; another pilot does."""
    assert (promised(draw(n=1)) == promised(draw(n=60))).all()
    assert (promised(draw(n0=5)) != promised(draw())).any()
    parts: list[Partial] = []
    draw(keeping=Keeping(parts.append))
    assert parts[-1].pilot.margins is not None
    assert parts[-1].test.margins is None
    assert draw(n0=0).promise is None
    assert draw(n0=0).pilot_hits is None


def test_running_out_of_memory_in_the_pilot_changes_nothing() -> None:
    class Hungry:
        def __call__(self, x: Tensor) -> Tensor:
            if len(x) > 2:
                raise MemoryError
            return scores(x)

    assert (promised(draw(as_segmenter(Hungry()), batch_size=8)) == promised(draw())).all()


def test_models_that_return_labels_promise_nothing() -> None:
    counts = draw(as_segmenter(lambda x: scores(x).argmax(1), classes=4))
    assert counts.promise is None
    assert counts.pilot_hits is not None
    assert (counts.pilot_hits == draw().pilot_hits).all()


def test_a_class_far_ahead_is_always_sure() -> None:
    counts = draw(lambda x: torch.cat([0 * x[:, :1] + 1e3, 0 * x[:, :1]], 1))
    assert (promised(counts) == 2**15 + 10 * 2**11).all()  # 1 / (0 + 0.1)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_scores_that_are_not_finite_promise_nothing(bad: float) -> None:
    """They count as margins of 0: for the class that won elsewhere, and for none."""

    def broken(x: Tensor) -> Tensor:
        some = scores(x)
        some[:, 2].masked_fill_((x[:, 2] * 255).round() < 100, bad)
        return some

    counts = draw(broken)
    assert counts.invalid > 0
    assert np.abs(promised(counts) - reference(broken, counts)).max() <= 2
    nothing = draw(lambda x: scores(x) * torch.nan)
    assert (promised(nothing) == 2**15).all()


def of_margins(labels: list[int], margins: list[float], guess: int) -> int:
    """Promise of one component."""
    drawn = torch.tensor(labels, dtype=torch.int16)[:, None]
    sums = no_margins(drawn).plus(drawn, torch.tensor(margins)[:, None])
    found = sums.promise(torch.tensor([guess], dtype=torch.int16), len(labels))
    return int(found.to(torch.int32)[0])


def test_promises_by_hand() -> None:
    agree = of_margins([1, 1], [0.5, 0.5], 1)
    assert agree == 2**15 + round(0.5 / 0.1 * 2**11)
    divided = of_margins([1, 2, 1], [0.6, 0.6, 0.6], 1)
    assert divided == 2**15 + round(0.2 / (0.32**0.5 + 0.1) * 2**11)
    assert of_margins([2, 1, 1], [0.6, 0.6, 0.6], 1) == divided  # the first draw sets signs only
    assert of_margins([1, 2], [0.5, 0.5], 1) == 2**15
    assert of_margins([1, 1], [1.0, 1.0], 2) == 2**15 - 10 * 2**11


def test_order_of_the_draws_changes_nothing_where_two_classes_are_drawn() -> None:
    rng = np.random.default_rng(0)
    labels, margins = rng.integers(1, 3, 9), rng.random(9).astype(np.float32)
    found = {
        of_margins(labels[order].tolist(), margins[order].tolist(), 1)
        for order in (rng.permutation(9) for _ in range(50))
    }
    assert len(found) == 1


def test_sums_of_the_largest_pilot_fit() -> None:
    """32,767 margins of 1 in units of 2^-16 are below 2^31; one more would overflow."""
    assert MOST_PILOT_DRAWS * 2**16 < 2**31 <= (MOST_PILOT_DRAWS + 1) * 2**16
    full = torch.full((1,), MOST_PILOT_DRAWS * 2**16, dtype=torch.int32)
    first = torch.ones(1, dtype=torch.int16)
    promise = Margins(first, full, full).promise(first, MOST_PILOT_DRAWS)
    assert int(promise.to(torch.int32)[0]) == 2**15 + 10 * 2**11
