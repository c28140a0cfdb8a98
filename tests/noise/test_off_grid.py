"""Gaussian noise around images off the grid, rounded to it: its law, and when it is chosen."""

import numpy as np
import pytest
import torch
from scipy.stats import binom, norm

from segcert.noise.gaussian import GaussianNoise, LatticeGaussianNoise
from segcert.noise.off_grid import RoundedGaussianNoise, noise_off_grid, normals
from segcert.sampling.streams import PhiloxStream

CPU = torch.device("cpu")
N, SIGMA, FALSE_ALARM = 200_000, 0.02, 1e-7


def test_words_become_the_normal_numbers_of_an_independent_quantile_function() -> None:
    words = torch.tensor([0, 1, 2**62, 2**63 - 1, -(2**63), -1, -(2**62)])
    below = (words.numpy().astype(np.uint64) & np.uint64(2**63 - 1)).astype(float) + 0.5
    expected = norm.isf(below / 2.0**64) * np.where(words.numpy() < 0, -1, 1)
    assert normals(words).numpy() == pytest.approx(expected, rel=1e-12, abs=1e-15)


def test_law_around_a_value_off_the_grid() -> None:
    """P(K > k) = Phi((255 y - k - 1/2) / (255 sigma)); three cuts, false alarm 1e-7 each.

    Defects that would be seen: rounding y to the grid first, sigma 3% larger.
    """
    y = (100 + 0.4) / 255
    noise = RoundedGaussianNoise(SIGMA)
    drawn = noise.sample(torch.full((N,), y), 1, rng=PhiloxStream(3, CPU))[0].double() * 255
    assert torch.equal(drawn.float(), drawn.round().float())
    for k in (94, 100, 106):
        low, high = binom.interval(1 - FALSE_ALARM, N, norm.sf((k + 0.5 - 100.4) / (255 * SIGMA)))
        assert low <= int((drawn > k + 0.5).sum()) <= high
    low, high = binom.interval(1 - FALSE_ALARM, N, norm.sf(0.1 / (255 * SIGMA)))
    assert binom.cdf(low - 1, N, norm.sf(0.5 / (255 * SIGMA))) >= 1 - FALSE_ALARM  # power
    far = norm.sf(6.1 / (255 * SIGMA))
    _, high = binom.interval(1 - FALSE_ALARM, N, far)
    assert binom.sf(high, N, norm.sf(6.1 / (255 * SIGMA * 1.03))) >= 1 - 1e-3  # power


def test_on_the_grid_it_is_the_certified_noise() -> None:
    """Same law at an image of the grid: chi-square of two histograms of 200,000 draws."""
    x = torch.full((N,), 7, dtype=torch.uint8)
    one = LatticeGaussianNoise(SIGMA).sample(x, 1, rng=PhiloxStream(1, CPU))[0]
    two = RoundedGaussianNoise(SIGMA).sample(x / 255, 1, rng=PhiloxStream(2, CPU))[0]
    steps = [(255 * drawn).round().long().clamp(-5, 19) + 5 for drawn in (one, two)]
    a, b = (torch.bincount(step, minlength=25).double() for step in steps)
    statistic = float(((a - b) ** 2 / (a + b)).sum())
    assert statistic < 80  # chi-square, 24 degrees of freedom: 6e-8


def test_choice_of_the_noise() -> None:
    assert noise_off_grid(LatticeGaussianNoise(0.3)) == RoundedGaussianNoise(0.3)
    assert noise_off_grid(GaussianNoise(0.3)) == GaussianNoise(0.3)
    assert RoundedGaussianNoise(0.3).radius(0.75) == GaussianNoise(0.3).radius(0.75)
