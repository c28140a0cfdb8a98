"""Gaussian noise: its law, and a radius that is never rounded up."""

import math

import mpmath
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, norm

from segcert.errors import InputError, SegcertError
from segcert.noise.gaussian import GaussianNoise, gaussian_radius
from segcert.sampling.streams import PhiloxStream

CPU = torch.device("cpu")


def test_noise_crosses_zero_as_often_as_the_closed_form() -> None:
    """``1[x + noise > 0]`` is on with probability Phi(x / sigma).

    False alarm at most 1e-6 (exact binomial interval). A sigma 10% too large or too small is
    missed with a probability of at most 1e-6.
    """
    n, x, sigma = 200_000, 0.25, 0.25
    low, high = binom.interval(1 - 1e-6, n, norm.cdf(x / sigma))
    assert binom.sf(low - 1, n, norm.cdf(x / (1.1 * sigma))) <= 1e-6  # power
    assert binom.cdf(high, n, norm.cdf(x / (0.9 * sigma))) <= 1e-6
    noisy = GaussianNoise(sigma).sample(torch.tensor([x]), n, rng=PhiloxStream(1, CPU))
    assert low <= int((noisy > 0).sum()) <= high


def test_noise_has_mean_zero_and_the_tails_of_a_gaussian() -> None:
    """Shares beyond -3, -2, ..., 3 sigma; false alarm at most 7e-6 / 7.

    A shift of the mean by sigma / 50 is missed with a probability of at most 1e-6.
    """
    n, sigma = 500_000, 0.5
    assert binom.cdf(binom.isf(5e-7, n, 0.5), n, norm.cdf(0.02)) <= 1e-6  # power
    noisy = GaussianNoise(sigma).sample(torch.full((2,), 0.5), n // 2, rng=PhiloxStream(2, CPU))
    for z in range(-3, 4):
        low, high = binom.interval(1 - 1e-6 / 7, n, norm.sf(z))
        assert low <= int((noisy > 0.5 + z * sigma).sum()) <= high


def test_values_of_one_draw_are_uncorrelated() -> None:
    """Equal signs of channels, draws and neighbours; false alarm 1e-6 each.

    A correlation of 0.03 is missed with a probability of at most 1e-6.

    For a bivariate normal the signs agree with probability 1/2 + asin(rho) / pi.
    """
    n = 400_000
    low, high = binom.interval(1 - 1e-6, n, 0.5)
    assert binom.cdf(high, n, 0.5 + math.asin(0.03) / math.pi) <= 1e-6  # power
    up = GaussianNoise(1.0).sample(torch.zeros(2, n), 2, rng=PhiloxStream(3, CPU)) > 0
    pairs = [up[0, 0] == up[0, 1], up[0, 0] == up[1, 0], up[0, 0] == up[0, 0].roll(1)]
    assert all(low <= int(pair.sum()) <= high for pair in pairs)


def test_noise_is_added_not_clipped_and_leaves_the_input_alone() -> None:
    x = torch.tensor([0.0, 0.5, 1.0])
    noisy = GaussianNoise(1.0).sample(x, 1000, rng=PhiloxStream(4, CPU))
    white = PhiloxStream(4, CPU).normals((1000, 3))
    assert noisy.dtype == torch.float32
    assert torch.equal(noisy, white + x)
    assert noisy.min() < -1
    assert noisy.max() > 2
    assert x.tolist() == [0.0, 0.5, 1.0]


@pytest.mark.parametrize("sigma", [1e-3, 0.12, 0.25, 0.5, 1.0, 3.7, 1e4])
def test_radius_is_the_exact_one_never_rounded_up(sigma: float) -> None:
    """Against sigma * sqrt(2) * erfinv(2p - 1) with 50 digits: not above, within 1e-12."""
    ps = [0.5 + 2**-k for k in range(2, 53)] + [1 - 2**-k for k in range(2, 53)]
    ps += [0.5001, 0.55, 0.6, 0.7, 0.75, 0.8, 0.85, 0.8647, 0.8648, 0.9, 0.95, 0.99, 0.999]
    with mpmath.workdps(50):
        for p in ps:
            exact = mpmath.mpf(sigma) * mpmath.sqrt(2) * mpmath.erfinv(2 * mpmath.mpf(p) - 1)
            stored = mpmath.mpf(GaussianNoise(sigma).radius(p))
            assert exact * (1 - mpmath.mpf("1e-12")) <= stored <= exact


def test_radius_at_one_half_is_zero() -> None:
    assert gaussian_radius(0.25, 0.5) == 0.0


@settings(derandomize=True, deadline=None)
@given(st.floats(0.5, 1, exclude_max=True), st.floats(0.5, 1, exclude_max=True))
def test_radius_grows_with_p(p: float, q: float) -> None:
    low, high = sorted([p, q])
    assert gaussian_radius(0.25, low) <= gaussian_radius(0.25, high)


@pytest.mark.parametrize("p", [0.0, 0.3, math.nextafter(0.5, 0), 1.0, 1.5, -0.75, math.nan])
def test_radius_refuses_probabilities_that_certify_nothing(p: float) -> None:
    with pytest.raises(InputError, match=r"p must lie in \[1/2, 1\)"):
        GaussianNoise(0.25).radius(p)


@pytest.mark.parametrize("sigma", [0.0, -0.25, math.nan, math.inf, -math.inf])
def test_sigma_must_be_positive(sigma: float) -> None:
    with pytest.raises(InputError, match="sigma must be a positive number") as caught:
        GaussianNoise(sigma)
    assert isinstance(caught.value, SegcertError)
    assert isinstance(caught.value, ValueError)


def test_integers_are_refused() -> None:
    x = torch.zeros(3, dtype=torch.uint8)
    with pytest.raises((InputError, TypeError)):  # TypeError: the shape checker comes first
        GaussianNoise(0.25).sample(x, 1, rng=PhiloxStream(0, CPU))


def test_norm_and_unit() -> None:
    assert (GaussianNoise(0.25).norm, GaussianNoise(0.25).unit) == ("l2", "input units")
