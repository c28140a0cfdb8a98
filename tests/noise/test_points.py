"""Noise on coordinates: what it changes, what it leaves, its law, its radius."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import binom, chi2, norm

from segcert.errors import InputError
from segcert.noise.gaussian import gaussian_radius
from segcert.noise.points import PointNoise
from segcert.noise.rounded import grid_step
from segcert.sampling.streams import PhiloxStream

CPU = torch.device("cpu")
SIGMA = 0.25


def cloud(*, points: int = 40, columns: int = 6) -> torch.Tensor:
    return torch.from_numpy(
        np.random.default_rng(0).normal(size=(points, columns)).astype(np.float32)
    )


def test_normals_stay_as_they_are_and_the_input_too() -> None:
    x = cloud()
    before = x.clone()
    noisy = PointNoise(SIGMA).sample(x, 5, rng=PhiloxStream(1, CPU))
    assert noisy.shape == (5, 40, 6)
    assert noisy.dtype == torch.float32
    assert torch.equal(noisy[:, :, 3:], x[:, 3:].expand(5, 40, 3))
    assert not (noisy[:, :, :3] == x[:, :3]).any()
    assert torch.equal(x, before)
    steps = noisy[:, :, :3].double() / grid_step(SIGMA)
    assert torch.equal(steps, steps.round())


def test_noise_does_not_depend_on_normals_nor_on_the_batch() -> None:
    x, noise = cloud(), PointNoise(SIGMA)
    with_normals = noise.sample(x, 3, rng=PhiloxStream(2, CPU))
    assert torch.equal(with_normals[:, :, :3], noise.sample(x[:, :3], 3, rng=PhiloxStream(2, CPU)))
    stream = PhiloxStream(2, CPU)
    assert torch.equal(with_normals, torch.cat([noise.sample(x, 1, rng=stream) for _ in range(3)]))


def test_all_coordinates_have_the_law_and_are_independent() -> None:
    """Sum of squares of 120,000 coordinates, and of their products; false alarm 1e-6 each.

    A sigma 10% too large or too small is missed with a probability below 1e-6.
    """
    x = cloud(points=1000, columns=3)
    noise = PointNoise(SIGMA).sample(x, 40, rng=PhiloxStream(3, CPU)).double() - x
    each = (noise / SIGMA).square().sum((0, 1))
    low, high = chi2.interval(1 - 1e-6 / 3, 40_000)
    assert chi2.cdf(high / 1.21, 40_000) <= 1e-6  # power
    assert chi2.sf(low / 0.81, 40_000) <= 1e-6
    for total in each.tolist():
        assert low <= total <= high
    a, b, c = (noise / SIGMA).unbind(2)
    for one, other in ((a, b), (a, c), (b, c), (a[:, 1:], a[:, :-1])):
        assert abs(float((one * other).mean())) <= norm.isf(1e-6) / math.sqrt(one.numel()) * 1.01


@pytest.mark.parametrize("p", [0.8, 0.95])
def test_half_space_model_attains_the_radius(p: float) -> None:
    """A model that compares one coordinate has exactly p, and 1/2 at the edge of the ball."""
    n, noise = 40_000, PointNoise(SIGMA)  # draws of one point: 200 draws of 200 points
    cut = 0.3 - SIGMA * norm.ppf(p)

    def share(by: float, seed: int) -> int:
        x = torch.tensor([[0.1, 0.3 + by, -0.2]]).expand(200, 3)
        drawn = noise.sample(x, n // 200, rng=PhiloxStream(seed, CPU))
        return int((drawn[:, :, 1] > cut).sum())

    low, high = binom.interval(1 - 1e-6, n, p)
    assert binom.sf(low - 1, n, norm.cdf(norm.ppf(p) / 1.1)) <= 1e-6  # power
    assert low <= share(0.0, 6) <= high
    low, high = binom.interval(1 - 1e-6, n, 0.5)
    assert binom.sf(low - 1, n, norm.cdf(-0.5 * norm.ppf(p))) <= 1e-6  # power
    assert low <= share(-noise.radius(p), 7) <= high
    assert share(-1.5 * noise.radius(p), 8) < low


def test_words_and_radius() -> None:
    noise = PointNoise(SIGMA)
    assert noise.radius(0.75) == gaussian_radius(SIGMA, 0.75) <= SIGMA * norm.ppf(0.75)
    assert noise.ball("0.1686") == (
        "perturbation of this input of l2 norm at most 0.1686 (units of the file) over the "
        "coordinates of all points together"
    )
    assert "normals, if the cloud has any, are trusted" in noise.assumption
    assert "0.25" in noise.description
    assert noise.repeat_probability(cloud()) == 0.0


@pytest.mark.parametrize(
    "x",
    [torch.zeros(4, 5), torch.zeros(4, 3, 3), torch.zeros(4, 3, dtype=torch.int64), torch.zeros(3)],
)
def test_what_is_no_cloud_is_refused(x: torch.Tensor) -> None:
    with pytest.raises(InputError, match=r"PointNoise needs a point cloud.*shape \(points, 3\)"):
        PointNoise(SIGMA).sample(x, 1, rng=PhiloxStream(1, CPU))


def test_far_clouds_and_bad_scales_are_refused() -> None:
    with pytest.raises(InputError, match="shift the cloud to the origin"):
        PointNoise(0.01).sample(torch.full((2, 3), 5e6), 1, rng=PhiloxStream(1, CPU))
    for sigma in (0.0, -1.0, math.nan, 1e7):
        with pytest.raises(InputError, match="in the units of the file"):
            PointNoise(sigma)
