"""Uniform noise: its law on floats, and a radius that is never rounded up."""

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from segcert.errors import InputError
from segcert.noise.uniform import LatticeUniformNoise, UniformNoise, uniform_radius
from segcert.sampling.streams import PhiloxStream

CPU = torch.device("cpu")
HALF_WIDTH = 0.25


def test_law_of_the_noise() -> None:
    """Shares below eight points against the distribution function.

    False alarm at most 1e-6 / 8 each (exact binomial intervals). A half-width 10% too large or
    too small is missed with a probability of at most 1e-6.
    """
    n, cuts = 200_000, [-0.9, -0.5, -0.25, 0.0, 0.1, 0.5, 0.75, 0.95]
    shares = [(1 + cut) / 2 for cut in cuts]
    limits = [binom.interval(1 - 1e-6 / 8, n, share) for share in shares]
    assert binom.cdf(limits[-1][1], n, 1.0) == 0.0  # 10% too small: nothing is above 0.95
    assert binom.sf(limits[-1][0] - 1, n, (1 + 0.95 / 1.1) / 2) <= 1e-6  # 10% too large
    x = torch.full((n // 2,), 0.5)
    noise = UniformNoise(HALF_WIDTH).sample(x, 2, rng=PhiloxStream(1, CPU)) - 0.5
    for cut, (low, high) in zip(cuts, limits, strict=True):
        assert low <= int((noise < cut * HALF_WIDTH).sum()) <= high
    assert float(noise.abs().max()) <= HALF_WIDTH


def test_values_and_draws_are_uncorrelated() -> None:
    """Equal signs of channels, draws and neighbours; false alarm 1e-6 each.

    Signs that agree in 51% of the cases are missed with a probability of at most 1e-6.
    """
    n = 400_000
    low, high = binom.interval(1 - 1e-6, n, 0.5)
    assert binom.cdf(high, n, 0.51) <= 1e-6  # power
    up = UniformNoise(1.0).sample(torch.zeros(2, n), 2, rng=PhiloxStream(3, CPU)) > 0
    pairs = [up[0, 0] == up[0, 1], up[0, 0] == up[1, 0], up[0, 0] == up[0, 0].roll(1)]
    assert all(low <= int(pair.sum()) <= high for pair in pairs)


class Words:
    """A stream of given words."""

    def __init__(self, *words: int) -> None:
        self._words = torch.tensor(words)

    def words(self, shape: tuple[int, ...]) -> torch.Tensor:
        return self._words.reshape(shape)

    def part_words(self, count: int) -> None:  # noqa: ARG002
        return

    def normals(self, shape: tuple[int, ...]) -> torch.Tensor:
        raise AssertionError(f"uniform noise needs words only, not normals of {shape}")


def test_every_word_gives_the_exact_number() -> None:
    """Against rational numbers: (floor(w / 2^11) + 1/2) / 2^52, rounded to float32 once."""
    words = [-(2**63), -1, 0, 1, 2047, 2048, 2**62, 2**63 - 1, *PhiloxStream(2, CPU).words((99,))]
    x = torch.full((len(words),), 0.0)
    drawn = UniformNoise(1.0).sample(x, 1, rng=Words(*map(int, words)))[0]
    exact = [(Fraction(int(word) >> 11) + Fraction(1, 2)) / 2**52 for word in words]
    assert drawn.tolist() == torch.tensor([float(value) for value in exact]).tolist()
    assert all(-1 < value < 1 for value in exact)


def test_noise_is_added_not_clipped_and_leaves_the_input_alone() -> None:
    x = torch.tensor([0.0, 0.5, 1.0])
    noisy = UniformNoise(2.0).sample(x, 1000, rng=PhiloxStream(4, CPU))
    assert noisy.dtype == torch.float32
    assert noisy.shape == (1000, 3)
    assert noisy.min() < -1.5
    assert noisy.max() > 2.5
    assert x.tolist() == [0.0, 0.5, 1.0]


@pytest.mark.parametrize("half_width", [1e-3, 0.12, 0.25, 0.5, 1.0, 3.7, 1e4])
def test_radius_is_the_exact_one_never_rounded_up(half_width: float) -> None:
    """Against rational numbers: not above, within 1e-12."""
    ps = [0.5 + 2**-k for k in range(2, 53)] + [1 - 2**-k for k in range(2, 53)]
    for p in [*ps, 0.5001, 0.55, 0.6, 0.7, 0.75, 0.8, 0.9, 0.95, 0.99, 0.999]:
        exact = 2 * Fraction(half_width) * (Fraction(p) - Fraction(1, 2))
        stored = Fraction(UniformNoise(half_width).radius(p))
        assert exact * (1 - Fraction(1, 10**12)) <= stored <= exact


def test_radius_at_one_half_is_zero() -> None:
    assert uniform_radius(0.25, 0.5) == 0.0


@settings(derandomize=True, deadline=None)
@given(st.floats(0.5, 1, exclude_max=True), st.floats(0.5, 1, exclude_max=True))
def test_radius_grows_with_p(p: float, q: float) -> None:
    low, high = sorted([p, q])
    assert 0 <= uniform_radius(0.25, low) <= uniform_radius(0.25, high) < 0.25


@pytest.mark.parametrize("p", [0.0, 0.3, math.nextafter(0.5, 0), 1.0, 1.5, -0.75, math.nan])
def test_radius_refuses_probabilities_that_certify_nothing(p: float) -> None:
    with pytest.raises(InputError, match=r"p must lie in \[1/2, 1\)"):
        UniformNoise(0.25).radius(p)


@pytest.mark.parametrize("family", [UniformNoise, LatticeUniformNoise])
@pytest.mark.parametrize("half_width", [0.0, -0.25, math.nan, math.inf, -math.inf])
def test_half_width_must_be_positive(family: type, half_width: float) -> None:
    with pytest.raises(InputError, match="half_width must be a positive number"):
        family(half_width)


def test_integers_are_refused() -> None:
    x = torch.zeros(3, dtype=torch.uint8)
    with pytest.raises((InputError, TypeError)):  # TypeError: the shape checker comes first
        UniformNoise(0.25).sample(x, 1, rng=PhiloxStream(0, CPU))
