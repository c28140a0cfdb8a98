"""Noise around an attacked image, and the gradient averaged over it."""

import numpy as np
import pytest
import torch
from scipy.stats import binom, norm
from torch import Tensor

from segcert.attacks.objective import objective
from segcert.attacks.rounded import RoundedGaussianNoise, is_gaussian, noise_off_grid, normals
from segcert.attacks.smoothed import look_at_smoothed
from segcert.errors import InputError
from segcert.models.wrapping import as_segmenter
from segcert.noise.gaussian import GaussianNoise
from segcert.noise.laplace import LatticeLaplaceNoise
from segcert.noise.lattice import LatticeGaussianNoise
from segcert.sampling.streams import PhiloxStream, Stage, Streams

CPU = torch.device("cpu")
N, SIGMA, FALSE_ALARM = 200_000, 0.02, 1e-7


def streams(seed: int = 1) -> Streams:
    return Streams(seed, "image", CPU, "cpu")


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
    assert is_gaussian(LatticeGaussianNoise(0.3))
    assert not is_gaussian(LatticeLaplaceNoise(0.3))


def bent(x: Tensor) -> Tensor:
    """Scores whose gradient differs from point to point."""
    return torch.cat([torch.sin(9 * x), torch.cos(7 * x)], 1)


def test_gradient_is_the_mean_over_the_draws_of_the_attack() -> None:
    """By finite differences of the mean loss over the same noise, without rounding."""
    x = torch.rand(1, 2, 3, generator=torch.Generator().manual_seed(0))
    goal = objective(torch.tensor([[0, 1, 0], [1, 255, 0]]), device=CPU)
    noise = GaussianNoise(0.1)
    look = look_at_smoothed(as_segmenter(bent), goal, noise, streams(), draws=5)
    shifts = [
        noise.sample(0 * x, 1, rng=streams().of_draw(Stage.ATTACK, draw)).double()
        for draw in range(5)
    ]

    def mean_gain(at: Tensor) -> float:
        return sum(float(goal.gain(bent(at + shift)).mean()) for shift in shifts) / 5

    found = look(x)
    assert found.gain == pytest.approx(mean_gain(x.double()), rel=1e-5)
    for where in np.ndindex(1, 2, 3):
        step = torch.zeros(1, 2, 3, dtype=torch.float64)
        step[where] = 1e-5
        slope = (mean_gain(x + step) - mean_gain(x - step)) / 2e-5
        assert float(found.gradient[where]) == pytest.approx(slope, abs=2e-5)
    assert float(found.gradient[0, 1, 1]) == 0  # ignored


def test_each_look_takes_fresh_draws_of_the_stage_of_attacks() -> None:
    opened = []

    class Watched(Streams):
        def of_draw(self, stage: Stage, draw: int) -> PhiloxStream:
            opened.append((stage, draw))
            return super().of_draw(stage, draw)

    goal = objective(torch.zeros(2, 3, dtype=torch.int64), device=CPU)
    look = look_at_smoothed(
        as_segmenter(bent), goal, GaussianNoise(0.1), Watched(1, "image", CPU, "cpu"), draws=2
    )
    x = torch.rand(1, 2, 3)
    assert look(x).gain != look(x).gain
    assert opened == [(Stage.ATTACK, draw) for draw in range(4)]
    words = [streams().of_draw(stage, 0).words((1,)).item() for stage in Stage]
    assert len(set(words)) == len(Stage)


def test_no_draws_are_refused() -> None:
    goal = objective(torch.zeros(2, 3, dtype=torch.int64), device=CPU)
    with pytest.raises(InputError, match="draws >= 1"):
        look_at_smoothed(as_segmenter(bent), goal, GaussianNoise(0.1), streams(), draws=0)
