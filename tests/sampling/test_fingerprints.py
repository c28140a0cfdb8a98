"""Fingerprints: equal for equal draws only."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import poisson

from segcert.errors import SamplingError
from segcert.noise.brightness import BrightnessNoise
from segcert.sampling.fingerprints import (
    FALSE_ALARM,
    ROW,
    chance_repeats,
    check_distinct,
    fingerprints,
    hashes,
    hashes_on_cpu,
    hashes_on_device,
    to_numpy,
    weights,
)
from segcert.sampling.streams import PhiloxStream


def draws(count: int, *shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, *shape, generator=torch.Generator().manual_seed(seed))


def by_hand(draw: np.ndarray) -> int:
    """Sum of column weight times line weight times word, in Python integers."""
    bits = draw.astype("<f4").tobytes()
    words = np.frombuffer(bits + bytes(-len(bits) % (8 * ROW)), dtype="<u8").tolist()
    columns = (np.random.Philox(key=ROW).random_raw(ROW) | np.uint64(1)).tolist()
    lines = (np.random.Philox(key=2**20).random_raw(2**20)[:8] | np.uint64(1)).tolist()
    total = sum(word * columns[i % ROW] * lines[i // ROW] for i, word in enumerate(words))
    return total % 2**64


def test_fingerprint_is_the_documented_hash() -> None:
    """Against integers in Python; the draw spans more than one row of weights."""
    batch = draws(2, 3, 50_000)
    assert fingerprints(batch).tolist() == [by_hand(draw.numpy()) for draw in batch]


@pytest.mark.parametrize("values", [1, 7, 2 * ROW - 1, 2 * ROW, 4 * ROW + 3, 6 * ROW])
def test_both_ways_to_hash_agree(values: int) -> None:
    """The one for devices, on the CPU; the products overflow, rows are full or not."""
    generator = torch.Generator().manual_seed(values)
    words = torch.randint(-(2**31), 2**31, (3, values), generator=generator, dtype=torch.int32)
    assert torch.equal(hashes_on_device(words), hashes_on_cpu(words))


def test_hashes_of_batches_are_fetched_together() -> None:
    batch = draws(5, 3, 7, 5)
    parts = [hashes(batch[:2]), hashes(batch[2:])]
    assert to_numpy(parts).tolist() == fingerprints(batch).tolist()


def test_weights_are_odd() -> None:
    assert bool((weights(ROW, torch.device("cpu")) % 2 != 0).all())


def test_fingerprint_depends_on_the_draw_alone() -> None:
    batch = draws(9, 3, 7, 5)
    alone = [fingerprints(draw[None])[0] for draw in batch]
    assert fingerprints(batch).tolist() == alone
    assert fingerprints(batch).dtype == np.uint64
    assert fingerprints(batch.to(memory_format=torch.channels_last)).tolist() == alone


@pytest.mark.parametrize("place", [0, 1, 11])
def test_every_single_bit_counts(place: int) -> None:
    """Flipping any one bit of a draw changes its fingerprint."""
    words = draws(1, 3, 2, 2).view(torch.int32).flatten()
    flips = [1 << bit for bit in range(31)] + [-(2**31)]
    changed = words.repeat(32, 1)
    changed[:, place] ^= torch.tensor(flips, dtype=torch.int32)
    (original,) = fingerprints(words.view(torch.float32)[None])
    assert original not in fingerprints(changed.view(torch.float32))


def test_order_of_the_values_counts() -> None:
    """Permuted or shifted noise is other noise."""
    draw = draws(1, 200_000)[0]
    batch = torch.stack([draw, draw.flip(0), draw.roll(1), draw.roll(2 * ROW), -draw])
    assert len(np.unique(fingerprints(batch))) == 5


def test_distinct_prints_pass() -> None:
    check_distinct(np.arange(1000, dtype=np.uint64))
    check_distinct(np.zeros(0, dtype=np.uint64))


@pytest.mark.parametrize("where", [(0, 1), (0, 999), (500, 501)])
def test_one_repeat_among_many_is_an_error(where: tuple[int, int]) -> None:
    prints = np.arange(1000, dtype=np.uint64)
    prints[where[1]] = prints[where[0]]
    with pytest.raises(SamplingError, match="1 of 1000 noisy draws repeat another") as caught:
        check_distinct(prints)
    assert "\n" not in str(caught.value)


def repeats_law(n: int, q: Fraction) -> list[Fraction]:
    """Exact law of the repeats among n draws from 1/q equally probable tensors."""
    law = [Fraction(1)]  # of the number of repeats; so far draws - repeats tensors were met
    for draws in range(n):
        grown = [Fraction(0)] * (draws + 1)
        for repeats, share in enumerate(law):
            known = min(Fraction(1), (draws - repeats) * q)
            if repeats < draws:
                grown[repeats + 1] += share * known
            grown[repeats] += share * (1 - known)
        law = grown
    return law


@pytest.mark.parametrize("n", [4, 8, 20, 50])
@pytest.mark.parametrize("q", [1e-8, 1e-6, 1e-4, 1e-3])
def test_honest_repeats_are_allowed_with_the_stated_probability(n: int, q: float) -> None:
    """Against the exact law of draws from 1/q equal tensors, in rational numbers.

    A false alarm has a probability of at most 1e-9, unless a quarter of the draws is reached.
    """
    law, allowed = repeats_law(n, Fraction(q)), chance_repeats(n, q)
    assert sum(law) == 1
    assert sum(law[allowed + 1 :]) <= FALSE_ALARM or allowed == n // 4
    assert allowed <= n // 4


@pytest.mark.parametrize(("n", "q"), [(110, 1e-6), (1000, 1e-6), (10_000, 1e-6), (3000, 1e-5)])
def test_allowed_repeats_are_the_poisson_quantile(n: int, q: float) -> None:
    """Not one more than needed: against scipy's quantile of the sum of the means."""
    mean = sum(-math.log1p(-j * q) for j in range(1, n))
    assert chance_repeats(n, q) == poisson.isf(FALSE_ALARM, mean)
    assert poisson.sf(chance_repeats(n, q) - 1, mean) > FALSE_ALARM  # and not fewer


@settings(derandomize=True, deadline=None, max_examples=50)
@given(st.integers(0, 500), st.floats(0, 1), st.floats(0, 1))
def test_allowed_repeats_grow_with_the_chance_up_to_a_quarter(n: int, q: float, r: float) -> None:
    low, high = sorted([q, r])
    assert 0 <= chance_repeats(n, low) <= chance_repeats(n, high) <= n // 4
    assert chance_repeats(n, 0.0) == 0


def scalar_draws(n: int, noise: BrightnessNoise, *, defect: int = 1) -> np.ndarray:
    """Bits of brightness on one white pixel, as prints; each noise is used ``defect`` times."""
    batch = noise.sample(torch.ones(1), n // defect, rng=PhiloxStream(1, torch.device("cpu")))
    bits = batch.repeat_interleave(defect, 0).flatten().view(torch.int32)
    return bits.numpy().view(np.uint32).astype(np.uint64)


def test_honest_scalar_draws_repeat_in_float32_and_pass() -> None:
    """12,000 draws of sigma = 0.02 on one pixel: some repeat, fewer than chance may.

    Mean number of repeats: n^2 / 2 times the sum of the squared probabilities of the floats,
    about 0.28 / sigma times their spacing, 2^-24 below 1 and 2^-23 above.
    """
    n, noise = 12_000, BrightnessNoise(0.02)
    prints = scalar_draws(n, noise)
    repeats = n - len(np.unique(prints))
    mean = n**2 / 2 * 0.2821 / noise.sigma * 1.5 * 2**-24
    assert poisson.ppf(5e-7, mean) <= repeats <= poisson.isf(5e-7, mean)
    assert repeats > 0
    check_distinct(prints, noise.repeat_probability(torch.ones(1)))
    with pytest.raises(SamplingError, match=f"{repeats} of {n} noisy draws repeat another, so"):
        check_distinct(prints)


@pytest.mark.parametrize("n", [2, 4, 8, 110, 1000, 12_000])
@pytest.mark.parametrize("defect", [2, "all"])
@pytest.mark.parametrize("sigma", [1e-3, 0.02, 0.25])
def test_a_noise_that_is_used_twice_is_caught_in_scalar_draws(
    n: int, defect: int | str, sigma: float
) -> None:
    """One noise for each batch of two, or one for all draws, at the smallest sigma too."""
    noise = BrightnessNoise(sigma)
    times = n if isinstance(defect, str) else defect
    prints = scalar_draws(n, noise, defect=times)
    assert len(prints) == n
    with pytest.raises(SamplingError, match=f"of {n} noisy draws repeat another"):
        check_distinct(prints, noise.repeat_probability(torch.ones(1)))


def test_certain_repeats_allow_no_more_than_a_quarter() -> None:
    """An image that the noise never changes: every draw is the same, and that is refused."""
    with pytest.raises(SamplingError, match=r"99 of 100 .* \(chance explains 25\)"):
        check_distinct(np.zeros(100, dtype=np.uint64), 1.0)
    prints = np.arange(100, dtype=np.uint64)
    prints[:25] = prints[25:50]
    check_distinct(prints, 1.0)
