"""Models with randomness of their own: what a batch could share is not batched.

Each verdict is random. The models that share are made so that a wrong one has a probability below
1e-6: their labels are those of 768 independent coins, or the same in all of a batch.
"""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.stats import binom
from torch import Tensor
from torch.nn import functional

import segcert as sc
from segcert.models.adapter import Model
from segcert.sampling import mixing
from segcert.sampling.counting import UNLIMITED
from segcert.sampling.freshness import alike, apart, distances, paired
from segcert.sampling.setup import choose_batch_size, make_task

IMAGE = np.random.default_rng(0).integers(0, 256, (3, 24, 32), dtype=np.uint8)
NOISE = sc.LatticeGaussianNoise(0.25)


def scores(x: Tensor) -> Tensor:
    return torch.stack([x[:, 0] - 0.5, 0.5 - x[:, 0], x[:, 1]], 1)


def coins(*shape: int) -> Tensor:
    """Independent coins."""
    return torch.rand(shape) < 0.5


def two(chosen: Tensor, x: Tensor) -> Tensor:
    """Labels 0 and 1 by coins that fit the batch (b, h, w)."""
    return chosen.expand(len(x), *x.shape[2:]).long()


def fresh_coins(x: Tensor) -> Tensor:
    return two(coins(len(x), *x.shape[2:]), x)


def dropout(x: Tensor) -> Tensor:
    return functional.dropout(scores(x), 0.5, training=True)


def one_coin_a_call(x: Tensor) -> Tensor:
    return two(coins(1, 1, 1), x)


def one_mask_a_call(x: Tensor) -> Tensor:
    return two(coins(1, *x.shape[2:]), x)


def one_mask_a_call_and_dust(x: Tensor) -> Tensor:
    """No two scores are equal, but all labels of a batch are."""
    mask = coins(1, *x.shape[2:]).float()
    return torch.stack([mask, 1 - mask], 1) + 1e-4 * torch.rand(len(x), 2, *x.shape[2:])


def half_a_mask_a_call(x: Tensor) -> Tensor:
    """Half of the pixels are fresh."""
    own = torch.rand(len(x), *x.shape[2:]) < 0.5
    return torch.where(own, coins(len(x), *x.shape[2:]), coins(1, *x.shape[2:])).long()


def the_same_seed_in_each_call(x: Tensor) -> Tensor:
    """Random in the batch, but the same from call to call: a draw's labels go by its place."""
    rng = torch.Generator().manual_seed(0)
    return (torch.rand(len(x), *x.shape[2:], generator=rng) < 0.5).long()


def halves_of_a_mask(x: Tensor) -> Tensor:
    """Each second draw gets the negative of the mask of the one before."""
    mask = coins((len(x) + 1) // 2, *x.shape[2:]).repeat_interleave(2, 0)[: len(x)]
    return (mask ^ (torch.arange(len(x)) % 2 == 1)[:, None, None]).long()


def mixed_and_dropped(x: Tensor) -> Tensor:
    """Statistics of the batch, under dropout that hides them from a comparison of scores."""
    return dropout(x - x.mean((0, 2, 3), keepdim=True))


def the_first_of_the_batch_dropped(x: Tensor) -> Tensor:
    return dropout(x[:1].expand(x.shape))


def certain(x: Tensor) -> Tensor:
    return (x[:, 0] > 0.5).long()


SHARING: list[Callable[[Tensor], Tensor]] = [
    one_coin_a_call, one_mask_a_call, one_mask_a_call_and_dust, half_a_mask_a_call,
    the_same_seed_in_each_call, halves_of_a_mask, mixed_and_dropped,
    the_first_of_the_batch_dropped, certain,
]  # fmt: skip
FRESH: list[Callable[[Tensor], Tensor]] = [fresh_coins, dropout]


def largest(model: Model, batch_size: int | str, **options: object) -> int:
    classes = 2 if model not in (dropout, mixed_and_dropped, the_first_of_the_batch_dropped) else 3
    segmenter = sc.as_segmenter(model, classes=classes, stochastic=True, **options)  # type: ignore[arg-type]
    return make_task(
        segmenter, IMAGE, noise=NOISE, seed=1, device="cpu", batch_size=batch_size
    ).largest_batch


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("model", SHARING, ids=lambda model: model.__name__)
def test_what_a_batch_shares_or_mixes_is_not_batched(model: Model) -> None:
    assert largest(model, 4) == 1


@pytest.mark.parametrize("model", FRESH, ids=lambda model: model.__name__)
def test_randomness_that_is_fresh_for_each_draw_may_be_batched(model: Model) -> None:
    """A false alarm has a probability of 1 %, three of them of 1e-6; each costs time alone."""
    assert UNLIMITED in [largest(model, 4) for _ in range(3)]


@pytest.mark.parametrize("batch_size", ["auto", 1])
@pytest.mark.parametrize("model", [*FRESH, one_coin_a_call], ids=lambda model: model.__name__)
def test_draws_go_one_by_one_unless_batches_are_asked_for(
    model: Model, batch_size: int | str
) -> None:
    """And no forward pass is spent on a test."""
    seen: list[int] = []

    def spied(x: Tensor) -> Tensor:
        seen.append(len(x))
        return model(x)  # type: ignore[no-any-return]

    segmenter = sc.as_segmenter(spied, classes=3 if model is dropout else 2, stochastic=True)
    counts = sc.sample(
        segmenter, IMAGE, noise=NOISE, n0=3, n=9, seed=1, device="cpu", batch_size=batch_size
    )
    assert seen == [1] * (2 + 3 + 9)
    assert [run.batch_size for run in counts.provenance.test_runs] == [1]


def test_automatic_batches_are_of_models_without_randomness_only() -> None:
    for stochastic, expected in ((False, 32), (True, 1)):
        segmenter = sc.as_segmenter(certain, classes=2, stochastic=stochastic)
        task = make_task(segmenter, IMAGE, noise=NOISE, seed=1, device="cpu")
        assert choose_batch_size("auto", task) == expected


def test_a_coin_for_each_call_is_thrown_for_each_draw() -> None:
    """Batches of 8 are asked for; shared, 64 draws would see 8 coins."""
    thrown: list[bool] = []

    def coin(x: Tensor) -> Tensor:
        thrown.append(bool(coins(1)))
        return torch.full((len(x), *x.shape[2:]), int(thrown[-1]))

    segmenter = sc.as_segmenter(coin, classes=2, stochastic=True)
    counts = sc.sample(
        segmenter, IMAGE, noise=NOISE, n0=1, n=64, seed=1, device="cpu", batch_size=8
    )
    pilot, *test = thrown[-65:]
    assert (counts.labels == int(pilot)).all()
    assert (counts.hits == test.count(pilot)).all()
    assert {run.batch_size for run in counts.provenance.test_runs} == {1}


def test_three_draws_that_do_not_fit_into_memory_are_never_batched() -> None:
    def hungry(x: Tensor) -> Tensor:
        if len(x) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return fresh_coins(x)

    assert largest(hungry, 4) == 1


def test_scale_and_denoiser_are_part_of_what_is_tested() -> None:
    """A denoiser that shares, before a network that does not; and averages over looks."""

    def shared(x: Tensor) -> Tensor:
        return x + 4 * torch.randn(1, *x.shape[1:])

    def fresh(x: Tensor) -> Tensor:
        return x + 4 * torch.randn(x.shape)

    for denoiser in (shared, fresh):
        segmenter = sc.as_segmenter(scores, stochastic=True, denoiser=denoiser, scale="0.5,1+flip")
        found = {
            make_task(
                segmenter, IMAGE, noise=NOISE, seed=1, device="cpu", batch_size=2
            ).largest_batch
            for _ in range(3)
        }
        assert (UNLIMITED in found) == (denoiser is fresh)


def test_a_segmenter_can_be_declared_random_afterwards() -> None:
    """It used to be returned as it was."""
    plain = sc.as_segmenter(certain, classes=2)
    assert sc.as_segmenter(plain, stochastic=True).stochastic
    assert not sc.as_segmenter(plain).stochastic
    points = sc.as_point_segmenter(lambda p: (p[..., 0] > 0).long(), classes=2)
    assert sc.as_point_segmenter(points, stochastic=True).stochastic
    assert not sc.as_point_segmenter(points).stochastic


@pytest.mark.parametrize("fresh", [True, False])
def test_votes_are_tested_like_any_randomness(fresh: bool) -> None:
    """A network draws from ``rng`` for each cloud, or once for all clouds of a batch."""

    def network(points: Tensor, rng: torch.Generator) -> Tensor:
        clouds = len(points) if fresh else 1
        noise = torch.randn(clouds, 3, points.shape[1], generator=rng)
        return noise.expand(len(points), -1, -1)

    segmenter = sc.as_point_segmenter(network, votes=2)
    cloud = torch.randn(500, 3)
    task = make_task(segmenter, cloud, noise=sc.PointNoise(0.1), seed=1, device="cpu", batch_size=4)
    assert task.largest_batch == (UNLIMITED if fresh else 1)


def test_distances_are_shares_of_components() -> None:
    one, other = (
        torch.tensor([[0, 1, 2, 3], [0, 1, 2, 2]]).short(),
        torch.tensor([[0, 1, 2, 0]] * 2).short(),
    )
    assert distances(one, other).tolist() == [[0.25, 0.25], [0.25, 0.25]]
    assert distances(one, one).tolist() == [[0, 0.25], [0.25, 0]]


def test_few_coins_may_differ_by_a_factor() -> None:
    assert alike(0.1, 0.2)
    assert alike(0.2, 0.1)
    assert not alike(0.1, 0.21)
    assert not alike(0.21, 0.1)
    assert not alike(0.0, 0.0)


def test_a_pairing_stands_out_if_it_is_the_most_extreme_of_all() -> None:
    """Against all six by hand; ties do not stand out."""
    near = np.array([[1.0, 5, 5], [5, 1, 5], [5, 5, 1]])
    assert paired(near)
    assert paired(6 - near)
    assert not paired(near[[1, 0, 2]])
    assert not paired(np.ones((3, 3)))


def test_groups_are_apart_if_no_other_split_is_further() -> None:
    low, high = torch.zeros(3, 8).short(), torch.ones(3, 8).short()
    mixed = torch.cat([low[:2], high[:1]])
    assert apart(low, high)
    assert not apart(mixed, torch.cat([high[:2], low[:1]]))
    assert not apart(low, low)


@pytest.mark.parametrize("test", ["paired", "apart"])
def test_exchangeable_labels_stand_out_as_seldom_as_is_stated(test: str) -> None:
    """One pairing of 720 on each side, one split of 462: at 120 trials (1e-6)."""
    rng = torch.Generator().manual_seed(0)
    found = 0
    for _ in range(120):
        one, other = (torch.rand(2, 6, 40, generator=rng) < 0.3).short()
        found += paired(distances(one, other)) if test == "paired" else apart(one, other)
    assert found <= binom.isf(1e-6, 120, 2 / 720 if test == "paired" else 1 / 462)


def test_a_replay_does_not_batch_what_may_be_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts of batches of 4, as a certificate of before may hold them."""
    seen: list[int] = []

    def coin(x: Tensor) -> Tensor:
        seen.append(len(x))
        return one_coin_a_call(x)

    segmenter = sc.as_segmenter(coin, classes=2, stochastic=True)
    monkeypatch.setattr(mixing, "is_fresh_for_each_draw", lambda *_: True)
    counts = sc.sample(
        segmenter, IMAGE, noise=NOISE, n0=4, n=20, seed=1, device="cpu", batch_size=4
    )
    assert {run.batch_size for run in counts.provenance.test_runs} == {4}
    monkeypatch.undo()
    torch.manual_seed(0)
    seen.clear()
    sc.replay(sc.certify(counts, tau=0.5, alpha=0.9), segmenter, IMAGE, device="cpu")
    assert 4 not in seen
    assert seen.count(1) >= 20  # as many fresh draws as were tested
