"""Models that mix the draws of a batch are refused; rounding is not mixing."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from segcert.errors import ModelError, SamplingError
from segcert.models.adapter import Model
from segcert.models.wrapping import as_segmenter
from segcert.noise.gaussian import GaussianNoise, LatticeGaussianNoise
from segcert.sampling.mixing import disagree, labels_agree
from segcert.sampling.setup import make_task


def prepare(model: Model, side: int = 8, **options: object) -> None:
    """Check a model as sampling does, on an image of random grey levels."""
    image = np.random.default_rng(0).integers(0, 256, (3, side, side), dtype=np.uint8)
    segmenter = as_segmenter(model, **options)  # type: ignore[arg-type]
    make_task(segmenter, image, noise=LatticeGaussianNoise(0.25), seed=1, device="cpu")


def scores(x: Tensor) -> Tensor:
    return torch.stack([x[:, 0] - 0.5, 0.5 - x[:, 0], x[:, 1]], 1)


def batch_norm(x: Tensor) -> Tensor:
    return scores(functional.batch_norm(x, None, None, training=True))


def batch_mean(x: Tensor) -> Tensor:
    return scores(x - x.mean((0, 2, 3), keepdim=True))


def batch_maximum(x: Tensor) -> Tensor:
    return scores(x / x.abs().max())


def first_of_the_batch(x: Tensor) -> Tensor:
    """What the published sampler does: one draw stands for all."""
    return scores(x[:1]).expand(len(x), -1, -1, -1)


def last_of_the_batch(x: Tensor) -> Tensor:
    return scores(x[-1:]).expand(len(x), -1, -1, -1)


def running_mean(x: Tensor) -> Tensor:
    """Each draw is mixed with those before it; the first is not."""
    return scores(x.cumsum(0) / torch.arange(1, len(x) + 1).view(-1, 1, 1, 1))


def labels_of_the_first(x: Tensor) -> Tensor:
    return scores(x[:1]).argmax(1).expand(len(x), -1, -1)


MIXERS = [
    batch_norm,
    batch_mean,
    batch_maximum,
    first_of_the_batch,
    last_of_the_batch,
    running_mean,
    labels_of_the_first,
]


@pytest.mark.parametrize("side", [8, 256])
@pytest.mark.parametrize("model", MIXERS)
def test_models_that_mix_draws_are_detected(model: Callable[[Tensor], Tensor], side: int) -> None:
    """On large images too, where the statistics of two draws hardly differ."""
    with pytest.raises(ModelError, match="mixes the draws of a batch") as caught:
        prepare(model, side, classes=3)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("model", MIXERS)
def test_mixing_is_detected_on_float_input(model: Callable[[Tensor], Tensor]) -> None:
    image = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(0))
    with pytest.raises(ModelError, match="mixes the draws of a batch"):
        make_task(
            as_segmenter(model, classes=3), image, noise=GaussianNoise(0.25), seed=1, device="cpu"
        )


def test_batch_norm_without_running_statistics_is_detected_in_eval_mode() -> None:
    """``eval()`` does not change such a layer."""
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4, track_running_stats=False)).eval()
    with pytest.raises(ModelError, match="mixes the draws of a batch"):
        prepare(model, 64)


def test_models_in_train_mode_are_refused() -> None:
    whole = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    with pytest.raises(ModelError, match=r"in train mode \(the whole\).*model.eval\(\)"):
        prepare(whole)
    part = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Sequential(nn.BatchNorm2d(4))).eval()
    part[1][0].train()
    with pytest.raises(ModelError, match=r"in train mode \(1\.0\)"):
        prepare(part)


def test_train_mode_set_after_wrapping_is_refused() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)).eval()
    segmenter = as_segmenter(model)
    model.train()
    with pytest.raises(ModelError, match="train mode"):
        prepare(segmenter)


def test_models_in_eval_mode_pass() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 4, 3)
    ).eval()
    prepare(model)
    prepare(model, 64)
    prepare(lambda x: functional.instance_norm(x), 64)  # each draw by itself


def test_rounding_in_another_order_passes() -> None:
    """Sums in float32 that depend on the batch size by rounding alone."""

    def rounded(x: Tensor) -> Tensor:
        jitter = 1 + 2e-5 * len(x)
        return scores(x) * jitter

    prepare(rounded)


def test_shape_that_depends_on_the_batch_is_refused() -> None:
    with pytest.raises(ModelError, match="for one draw and"):
        prepare(lambda x: scores(x)[..., : 8 // len(x), : 8 // len(x)])


def dropout(x: Tensor) -> Tensor:
    return functional.dropout(scores(x), 0.5, training=True)


def test_randomness_of_the_model_must_be_declared() -> None:
    torch.manual_seed(0)
    with pytest.raises(ModelError, match=r"as_segmenter\(\.\.\., stochastic=True\)"):
        prepare(dropout)
    prepare(dropout, stochastic=True)


def test_scores_that_are_not_finite_are_no_sign_of_mixing() -> None:
    prepare(lambda x: scores(x) / 0)
    prepare(lambda x: scores(x).masked_fill(x[:, :1] > 0.5, torch.nan))


def test_nan_that_appears_in_the_batch_only_is_detected() -> None:
    with pytest.raises(ModelError, match="mixes the draws"):
        prepare(lambda x: scores(x) if len(x) == 1 else scores(x) * torch.nan)


def test_two_draws_that_do_not_fit_into_memory_are_never_batched() -> None:
    """Nothing can mix in batches of one, so nothing is compared; larger batches are ruled out."""

    def hungry_once(x: Tensor) -> Tensor:
        if len(x) > 1 and len(batches) < 4:
            batches.append(len(x))
            raise torch.OutOfMemoryError("CUDA out of memory")
        batches.append(len(x))
        return first_of_the_batch(x)

    batches: list[int] = []
    image = np.zeros((3, 8, 8), dtype=np.uint8)
    task = make_task(hungry_once, image, noise=LatticeGaussianNoise(0.25), seed=1, device="cpu")
    assert task.largest_batch == 1


def test_no_memory_for_one_draw() -> None:
    def hungry(_: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory\nTried to allocate")

    with pytest.raises(SamplingError, match="out of memory with a single draw") as caught:
        prepare(hungry)
    assert "\n" not in str(caught.value)


def test_tolerance_is_that_of_the_precision() -> None:
    """2e-3 of the largest score in float32, 5e-2 in half precision, labels one in a thousand."""
    one = torch.ones(2, 3)
    assert not disagree(one, one * 1.0019)
    assert disagree(one, one * 1.0021)
    assert not disagree(one.bfloat16(), one.bfloat16() * 1.04)
    assert disagree(one.bfloat16(), one.bfloat16() * 1.06)
    labels = torch.zeros(2000, dtype=torch.int64)
    few, many = labels.clone(), labels.clone()
    few[:2], many[:3] = 1, 1
    assert not disagree(labels, few)
    assert disagree(labels, many)
    assert not disagree(one * 0, one * 0)


def test_labels_side_by_side_may_differ_where_scores_tie_and_nowhere_else() -> None:
    """One pixel of 64 is within every other tolerance; of labels, a few in a thousand."""
    image = np.zeros((3, 8, 8), dtype=np.uint8)
    task = make_task(
        as_segmenter(scores, classes=3), image, noise=GaussianNoise(0.25), seed=1, device="cpu"
    )
    alone = torch.zeros(1, 3, 8, 8)
    alone[:, 0] = 1
    for lead, fine in ((1e-6, True), (1e-2, False)):
        close, together = alone.clone(), alone.clone()
        close[0, 1, 2, 3] = 1 - lead
        together[0, 1, 2, 3] = 1 + lead
        assert labels_agree(task, [close], together) is fine
    labels = torch.zeros(1, 64, 32, dtype=torch.int64)
    task = make_task(
        as_segmenter(labels_of_the_sign, classes=2), np.zeros((3, 64, 32), dtype=np.uint8),
        noise=GaussianNoise(0.25), seed=1, device="cpu",
    )  # fmt: skip
    for different, fine in ((2, True), (3, False)):
        other = labels.clone()
        other.view(-1)[:different] = 1
        assert labels_agree(task, [labels], other) is fine


def labels_of_the_sign(x: Tensor) -> Tensor:
    return (x[:, 0] > 0).long()
