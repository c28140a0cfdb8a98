"""Noise on the 1/255 grid, for every law: exact inversion, exact values, exact tails."""

from bisect import bisect_right
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise

import mpmath
import numpy as np
import pytest
import torch
from scipy.stats import laplace, norm, uniform

from segcert.errors import InputError
from segcert.noise.base import LEADING_BITS, AbstractNoise
from segcert.noise.gaussian import LARGEST_ON_GRID, LatticeGaussianNoise, gaussian_table
from segcert.noise.grid import (
    InverseTable,
    inverse_table,
    steps_by_buckets,
    steps_by_search,
    to_steps,
)
from segcert.noise.laplace import LARGEST_ON_GRID as LARGEST_LAPLACE
from segcert.noise.laplace import LatticeLaplaceNoise, laplace_table
from segcert.noise.uniform import LARGEST_ON_GRID as LARGEST_UNIFORM
from segcert.noise.uniform import LatticeUniformNoise, uniform_table
from segcert.sampling.streams import PhiloxStream

CPU = torch.device("cpu")
LAWS = {
    "gaussian": (LatticeGaussianNoise, gaussian_table, norm, LARGEST_ON_GRID),
    "uniform": (LatticeUniformNoise, uniform_table, uniform(-1, 2), LARGEST_UNIFORM),
    "laplace": (LatticeLaplaceNoise, laplace_table, laplace, LARGEST_LAPLACE),
}
ANY_LAW = pytest.mark.parametrize("name", LAWS)
TIMES_110_DRAWS_OF_2_MEGAPIXELS = 3 * 2**21 * 110


def awkward_words(table: InverseTable) -> list[int]:
    """All thresholds and bucket borders with their neighbours, and the extremes."""
    borders = range(-(2**63), 2**63, 2 ** (64 - LEADING_BITS))
    near = [word + step for word in table.thresholds.tolist() for step in (-1, 0, 1)]
    near += [word + step for word in borders for step in (-1, 0)]
    near += [-(2**63) + step for step in range(5)] + [2**63 - 1 - step for step in range(5)]
    return [word for word in near if -(2**63) <= word < 2**63]


@ANY_LAW
@pytest.mark.parametrize("scale", [0.003, 0.1, 0.5, 1.0, "largest"])
@pytest.mark.repeats
@pytest.mark.sampled
def test_steps_invert_the_distribution_on_every_kind_of_word(name: str, scale: float | str) -> None:
    """Against bisection in Python integers."""
    family, tables, _, largest = LAWS[name]
    scale = largest if isinstance(scale, str) else scale
    table = tables(scale)
    words = PhiloxStream(7, CPU).words((20_000,)).tolist() + awkward_words(table)
    ascending = table.thresholds.tolist()
    expected = [table.lowest + bisect_right(ascending, word) for word in words]
    steps = family(scale).steps(torch.tensor(words)).tolist()
    assert steps == expected
    assert (min(steps), max(steps)) == (table.lowest, -table.lowest)  # the tails are reached


@ANY_LAW
@pytest.mark.parametrize("scale", [0.02, 0.5, 1.0])
def test_probability_of_each_step_is_that_of_another_library(name: str, scale: float) -> None:
    """Against scipy's distribution function, step by step, within 1e-15."""
    _, tables, law, _ = LAWS[name]
    table = tables(scale)
    cumulative = [(int(word) + 2**63) / 2**64 for word in table.thresholds]
    steps = table.lowest + np.arange(len(cumulative))
    expected = law.cdf((steps + 0.5) / (255 * scale))
    assert len(steps) > 2
    assert np.abs(np.array(cumulative) - expected).max() <= 1e-15


@ANY_LAW
def test_law_is_symmetric_word_by_word(name: str) -> None:
    """The complement of a word has the opposite step, so no direction is preferred."""
    family, tables, _, _ = LAWS[name]
    words = torch.tensor(awkward_words(tables(0.25)))
    assert torch.equal(family(0.25).steps(~words), -family(0.25).steps(words))


@ANY_LAW
def test_largest_noise_fits_16_bits_on_every_image(name: str) -> None:
    """White pixels plus the largest step stay below 2^15; the mark of unsure buckets is free."""
    _, tables, _, largest = LAWS[name]
    assert 2**14 < -tables(largest).lowest <= 2**15 - 1 - 255


@ANY_LAW
def test_larger_noise_is_refused_with_a_way_out(name: str) -> None:
    family, _, _, largest = LAWS[name]
    with pytest.raises(InputError, match=f"at most {largest:g} for uint8 images.*use [A-Z]"):
        family(1.001 * largest)


@ANY_LAW
@pytest.mark.parametrize("dtype", [torch.float32, torch.int16, torch.int64, torch.bool])
def test_only_uint8_is_accepted(name: str, dtype: torch.dtype) -> None:
    x = torch.zeros(3, dtype=dtype)
    with pytest.raises(InputError, match="needs uint8 input"):
        LAWS[name][0](0.25).sample(x, 1, rng=PhiloxStream(0, CPU))


@ANY_LAW
def test_noisy_values_lie_on_the_grid_exactly_and_are_not_clipped(name: str) -> None:
    """Bit for bit float32((x + k) / 255), with integers far below 0 and above 255."""
    image = torch.arange(256, dtype=torch.uint8).reshape(4, 8, 8)
    noise = LAWS[name][0](0.75)
    noisy = noise.sample(image, 200, rng=PhiloxStream(5, CPU))
    steps = noise.steps(PhiloxStream(5, CPU).words((200, 4, 8, 8))).long().numpy()
    whole = image.long().numpy() + steps
    assert whole.min() < -150
    assert whole.max() > 405
    assert noisy.dtype == torch.float32
    assert (noisy.numpy() == whole.astype(np.float32) / np.float32(255)).all()
    assert image.flatten().tolist() == list(range(256))


def exact_tails(name: str, scale: float) -> Callable[[int], Fraction]:
    """P(K > k), in rational numbers or with 90 digits."""
    width = 255 * Fraction(scale)

    def tail(k: int) -> Fraction:
        z = (k + Fraction(1, 2)) / width
        if name == "uniform":
            return max(Fraction(0), (1 - z) / 2)
        with mpmath.workdps(90):
            digits = mpmath.exp(-mpmath.mpf(z.numerator) / z.denominator) / 2
            return Fraction(int(mpmath.nint(digits * 10**80)), 10**80)

    return tail


@pytest.mark.parametrize("name", ["uniform", "laplace"])
@pytest.mark.parametrize("scale", [0.0005, 0.004, 0.1, 0.12, 0.25, 0.5, 1.0, 2.5])
@pytest.mark.repeats
@pytest.mark.sampled
def test_thresholds_are_the_rounded_distribution_function(name: str, scale: float) -> None:
    """Each is 2^64 P(K <= k) to the nearest integer, and the law ends where that is 0.

    At 0.5 the edge of the uniform law lies on a half step exactly (127.5 steps); at 0.1 a hair
    above one, because the nearest float64 is above 1/10; at 0.0005 it lies below the first.
    """
    table, tail = LAWS[name][1](scale), exact_tails(name, scale)
    count = -table.lowest
    assert round(2**64 * tail(count)) == 0  # nothing beyond
    words = [round(2**64 * tail(k)) for k in range(count)]
    assert all(words)
    unsigned = [int(threshold) + 2**63 for threshold in table.thresholds]
    assert unsigned == words[::-1] + [2**64 - word for word in words]
    assert unsigned == sorted(unsigned)


def test_edges_of_the_uniform_law() -> None:
    """Half-width 127.5 steps: 255 steps of one probability. 25.5 and a hair: a hair of step 26."""
    whole = uniform_table(0.5)
    assert whole.lowest == -127
    borders = [-(2**63), *whole.thresholds.tolist(), 2**63]
    words = {above - below for below, above in pairwise(borders)}
    assert words == {2**64 // 255, 2**64 // 255 + 1}  # 2^64 is 1 modulo 255
    hair = uniform_table(0.1)
    assert hair.lowest == -26
    assert int(hair.thresholds[0]) + 2**63 == 512  # 2^64 (255 float(0.1) - 25.5) / (2 * 25.5)
    assert uniform_table(0.5 / 255 * (1 - 1e-15)).lowest == 0  # below half a step: no noise


@pytest.mark.parametrize("name", ["uniform", "laplace"])
@pytest.mark.parametrize("scale", [0.12, 0.25, 0.5, 1.0])
def test_distance_to_the_exact_law(name: str, scale: float) -> None:
    """Each cumulative probability within 2^-65; in total below 5e-9 and 2e-7.

    The total is over 110 draws of 2 megapixels of three channels; it grows with the number of
    steps, which the tails of the Laplace law make large.
    """
    table, tail = LAWS[name][1](scale), exact_tails(name, scale)
    drawn = [(2**63 - int(word)) / Fraction(2**64) for word in table.thresholds[-table.lowest :]]
    gaps = [is_ - tail(k) for k, is_ in enumerate(drawn)]
    assert max(abs(gap) for gap in gaps) <= Fraction(1, 2**65)
    rest = tail(len(drawn))
    one_side = sum(abs(a - b) for a, b in zip(gaps, [*gaps[1:], -rest], strict=True)) + rest
    total_variation = one_side + abs(gaps[0])  # half of (two sides and the centre, 2 gaps[0])
    bound = {"uniform": 5e-9, "laplace": 2e-7}[name]
    assert float(total_variation) * TIMES_110_DRAWS_OF_2_MEGAPIXELS <= bound


def test_any_symmetric_law_can_be_drawn() -> None:
    """A law of three steps, by hand: P(K > 0) = 1/4, nothing beyond."""
    table = inverse_table(lambda step: mpmath.mpf("0.25") if step < 1 else mpmath.mpf(0))
    words = torch.tensor([-(2**63), -(2**62) - 1, -(2**62), 0, 2**62 - 1, 2**62, 2**63 - 1])
    assert to_steps(words, table).tolist() == [-1, -1, 0, 0, 0, 1, 1]


@pytest.mark.parametrize("name", ["uniform", "laplace"])
def test_search_and_buckets_agree(name: str) -> None:
    """What a device does and what the CPU does, also at every threshold and beside it."""
    table = LAWS[name][1](0.25)
    edges = torch.cat([table.thresholds + shift for shift in (-1, 0, 1)])
    ends = torch.tensor([-(2**63), -1, 0, 2**63 - 1])
    words = torch.cat([PhiloxStream(4, CPU).words((100_000,)), edges, ends])
    assert torch.equal(steps_by_buckets(words, table), steps_by_search(words, table))
    assert torch.equal(to_steps(words, table), steps_by_search(words, table))
    pairs = words[: len(words) // 2 * 2].reshape(-1, 2)
    assert torch.equal(steps_by_buckets(pairs.T, table), steps_by_search(pairs, table).T)


def test_a_table_is_copied_to_a_device_once() -> None:
    table = LAWS["laplace"][1](0.25)
    meta = torch.device("meta")
    assert table.to(meta) is table.to(meta)
    assert table.to(meta).step.device == meta


@ANY_LAW
def test_noise_of_large_images_does_not_repeat_from_chunk_to_chunk(name: str) -> None:
    """The chunks of one image take their words from one stream in order."""
    noise: AbstractNoise = LAWS[name][0](0.25)
    image = torch.zeros(3 * 2**18, dtype=torch.uint8)
    (noisy,) = (noise.sample(image, 1, rng=PhiloxStream(8, CPU)) * 255).round()
    parts = noisy.reshape(3, -1)
    assert all(
        float((parts[i] == parts[j]).double().mean()) < 0.05 for i in range(3) for j in range(i)
    )
    words = PhiloxStream(8, CPU).words((len(image),))
    assert torch.equal(LAWS[name][0](0.25).steps(words).float(), noisy)
