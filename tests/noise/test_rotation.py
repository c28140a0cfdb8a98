"""Brownian rotations: law of the angle, axes, composition, and the radius by quadrature."""

import math

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import binom, kstwo, norm
from worst_rotations import igso3_density, worst_probability, worst_radius

from segcert.errors import InputError
from segcert.noise.clouds import rotation_matrix, turned
from segcert.noise.igso3 import angle_cdf, angles, coefficients
from segcert.noise.rotation import RotationNoise, rotation_radius
from segcert.sampling.streams import PhiloxStream

pytestmark = pytest.mark.repeats

CPU = torch.device("cpu")
FRAME = torch.eye(3)  # its images are the columns of the rotation
FALSE_ALARM = 1e-6


def drawn_rotations(sigma: float, n: int, *, seed: int) -> np.ndarray:
    """Rotations as matrices, from the cloud of the three unit vectors."""
    noisy = RotationNoise(sigma).sample(FRAME, n, rng=PhiloxStream(seed, CPU))
    return noisy.double().numpy().transpose(0, 2, 1)


def angle_of(rotations: np.ndarray) -> np.ndarray:
    """Rotation angles, from trace and skew part: accurate near 0 and pi."""
    skew = rotations - rotations.transpose(0, 2, 1)
    sine = np.sqrt(skew[:, 2, 1] ** 2 + skew[:, 0, 2] ** 2 + skew[:, 1, 0] ** 2)
    return np.arctan2(sine, np.trace(rotations, axis1=1, axis2=2) - 1)


def distance(sample: np.ndarray, cdf: np.ndarray) -> float:
    """Kolmogorov-Smirnov distance of sorted values from their distribution function."""
    steps = np.arange(len(sample) + 1) / len(sample)
    return float(max((cdf - steps[:-1]).max(), (steps[1:] - cdf).max()))


@pytest.mark.parametrize("sigma", [0.05, 0.25, 1.0, 2.0])
def test_distribution_function_is_the_integral_of_the_density(sigma: float) -> None:
    """Against quadrature of the theta function of short times, which shares no term with it."""
    density = igso3_density(sigma)

    def of_angle(w: float) -> float:  # the uniform law has the angle density (1 - cos w) / pi
        return float(density(np.array([w]))[0]) * (1 - math.cos(w)) / math.pi

    ends = [0.3 * sigma, sigma, 2 * sigma, min(4 * sigma, 3.0)]
    for end in (e for e in ends if e <= math.pi):
        exact = quad(of_angle, 0, end, epsabs=1e-13, epsrel=1e-12, limit=200)[0]
        assert angle_cdf(np.array([end]), sigma)[0] == pytest.approx(exact, abs=1e-11)
    assert angle_cdf(np.array([0.0, math.pi]), sigma) == pytest.approx([0, 1], abs=1e-13)


@pytest.mark.parametrize("sigma", [0.01, 0.25, 2.0])
def test_distribution_function_against_the_series_with_60_digits(sigma: float) -> None:
    """The stated error: below 1e-13, truncation included, at the smallest and the largest sigma."""
    with mpmath.workdps(60):
        for w in (0.001, sigma / 2, sigma, 2.5 * sigma, 3.1):
            if w > math.pi:
                continue
            total, order = mpmath.mpf(0), 0
            while True:
                exponent = order * (order + 1) * mpmath.mpf(sigma) ** 2 / 2
                weight = (2 * order + 1) * mpmath.exp(-exponent)
                if weight < mpmath.mpf("1e-40"):
                    break
                low = mpmath.mpf(w) if order == 0 else mpmath.sin(order * mpmath.mpf(w)) / order
                total += weight * (low - mpmath.sin((order + 1) * mpmath.mpf(w)) / (order + 1))
                order += 1
            assert abs(angle_cdf(np.array([w]), sigma)[0] - total / mpmath.pi) < 1e-13


@given(st.floats(1e-9, 1 - 1e-9), st.sampled_from([0.02, 0.25, 1.0, 2.0]))
def test_angles_invert_the_distribution_function(share: float, sigma: float) -> None:
    found = angles(np.array([share]), sigma)
    assert 0 < found[0] < math.pi
    assert angle_cdf(found, sigma)[0] == pytest.approx(share, abs=1e-13)


def test_small_rotations_are_three_gaussian_numbers() -> None:
    """At sigma = 0.01 the angle has the law of the length of a Gaussian vector, to 1e-4."""
    w = np.array([0.005, 0.01, 0.02, 0.03])
    u = w / 0.01
    chi = 2 * norm.cdf(u) - 1 - np.sqrt(2 / np.pi) * u * np.exp(-(u**2) / 2)
    assert angle_cdf(w, 0.01) == pytest.approx(chi, abs=1e-4)


@pytest.mark.parametrize("sigma", [0.25, 1.0])
def test_drawn_angles_have_their_law(sigma: float) -> None:
    """Kolmogorov-Smirnov, false alarm 1e-6; a sigma 10% off is missed with at most 1e-6."""
    n = 6_000
    limit = kstwo.isf(FALSE_ALARM, n)
    grid = np.linspace(0, math.pi, 2000)
    for other in (0.9, 1.1):  # power: the empirical law is as surely near the wrong one
        gap = np.abs(angle_cdf(grid, sigma) - angle_cdf(grid, other * sigma)).max()
        assert gap > 2 * limit
    found = np.sort(angle_of(drawn_rotations(sigma, n, seed=1)))
    assert distance(found, angle_cdf(found, sigma)) <= limit


@pytest.mark.repeats
def test_axes_are_uniform_and_do_not_depend_on_the_angle() -> None:
    """Each coordinate of the axis is uniform on [-1, 1] (Archimedes), also given a large angle.

    False alarm 1e-6 in all. Detected: latitude instead of height drawn uniformly.
    """
    n = 6_000
    rotations = drawn_rotations(0.5, n, seed=2)
    angle = angle_of(rotations)
    skew = np.stack([rotations[:, i, j] - rotations[:, j, i] for i, j in ((2, 1), (0, 2), (1, 0))])
    axis = skew / np.sqrt((skew**2).sum(0))
    halves = [np.ones(n, dtype=bool), angle > np.median(angle), angle < np.median(angle)]
    for half in halves:
        limit = kstwo.isf(FALSE_ALARM / 9, int(half.sum()))
        latitude = np.linspace(-np.pi / 2, np.pi / 2, 1000)  # if it were uniform
        gap = np.abs((np.sin(latitude) + 1) / 2 - latitude / np.pi - 0.5).max()
        assert gap > 1.9 * limit  # power
        for heights in axis[:, half]:
            heights = np.sort(heights)
            assert distance(heights, (heights + 1) / 2) <= limit
    products = [axis[i] * axis[j] for i, j in ((0, 1), (0, 2), (1, 2))]
    for product in products:  # each has variance 1/15
        assert abs(product.mean()) <= norm.isf(FALSE_ALARM) / math.sqrt(15 * n) * 1.05


@pytest.mark.repeats
def test_two_rotations_compose_to_one_of_the_summed_variance() -> None:
    """The semigroup: Z1 Z2 with variances 0.3 and 0.6 of 0.9; false alarm and power 1e-6.

    Composing draws of the same sum of standard deviations instead would be seen.
    """
    n, first, second = 15_000, math.sqrt(0.3), math.sqrt(0.6)
    both = drawn_rotations(first, n, seed=3) @ drawn_rotations(second, n, seed=4)
    sigma = math.sqrt(0.9)
    limit = kstwo.isf(FALSE_ALARM, n)
    found = np.sort(angle_of(both))
    assert distance(found, angle_cdf(found, sigma)) <= limit
    grid = np.linspace(0, math.pi, 2000)
    wrong = angle_cdf(grid, 1.1 * sigma)
    assert np.abs(angle_cdf(grid, sigma) - wrong).max() > 2 * limit


@pytest.mark.parametrize(
    ("sigma", "p", "quadrature"), [(0.25, 0.75, 0.1699), (0.5, 0.95, 0.8493), (1.0, 0.75, 0.8300)]
)
@pytest.mark.repeats
@pytest.mark.sampled
def test_radius_against_the_worst_model(sigma: float, p: float, quadrature: float) -> None:
    """Certified is at most the radius of the worst model, and close to it where sigma is small.

    The density of the oracle is the theta function; its radius is by quadrature over rotations.
    """
    certified = rotation_radius(sigma, p)
    worst = worst_radius(igso3_density(sigma), p)
    assert worst == pytest.approx(quadrature, abs=2e-4)
    assert certified <= worst + 1e-5  # the error of the quadrature
    assert certified >= worst * (1 - sigma**2 / 10)


@pytest.mark.parametrize("sigma", [0.25, 1.0, 2.0])
@pytest.mark.parametrize("p", [0.55, 0.75, 0.9, 0.99])
def test_no_model_loses_the_class_within_the_radius(sigma: float, p: float) -> None:
    radius = rotation_radius(sigma, p)
    for share in (0.5, 1.0):
        if share * radius <= math.pi:
            assert worst_probability(igso3_density(sigma), p, share * radius) >= 0.5 - 2e-5


def test_a_larger_radius_would_be_refuted() -> None:
    """At small sigma the radius is sharp: 1% more, and the worst model loses the class."""
    radius = rotation_radius(0.25, 0.75)
    assert worst_probability(igso3_density(0.25), 0.75, 1.01 * radius) < 0.5 - 1e-3


@pytest.mark.parametrize(("high", "low"), [(0.95, 0.75), (0.75, 0.6)])
def test_difference_of_radii_keeps_the_lower_probability(high: float, low: float) -> None:
    shift = rotation_radius(0.5, high) - rotation_radius(0.5, low)
    assert worst_probability(igso3_density(0.5), high, shift) >= low - 2e-5


@pytest.mark.repeats
def test_half_space_of_rotations_attains_nearly_the_radius() -> None:
    """A model of one point: class 1 if the point is not turned too far to one side.

    Its probability at the radius is at least 1/2 (4,000 draws, false alarm 1e-6), and below it
    at twice the radius, seen with a probability of at least 1 - 1e-6.
    """
    n, sigma, p = 4_000, 0.25, 0.85
    x = torch.tensor([[1.0, 0.0, 0.0]])
    noise = RotationNoise(sigma)
    start = np.sort(noise.sample(x, n, rng=PhiloxStream(5, CPU))[:, 0, 1].numpy())
    cut = float(start[int(n * (1 - p)) + 1])  # share p of the draws lies above

    def share(by: float, seed: int) -> int:
        attacked = turned(x, rotation_matrix((0.0, 0.0, 1.0), by)).float()
        return int((noise.sample(attacked, n, rng=PhiloxStream(seed, CPU))[:, 0, 1] > cut).sum())

    radius = noise.radius(p - 0.04)  # the cut is that of a sample: p is known to 0.04
    assert binom.cdf(int((1 - p) * n) + 1, n, 1 - p + 0.04) <= FALSE_ALARM
    low, _ = binom.interval(1 - FALSE_ALARM, n, 0.5)
    assert low <= share(-radius, 6)
    assert share(-2 * radius, 7) < low


def test_normals_turn_with_the_points_and_lengths_stay() -> None:
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(30, 3)).astype(np.float32))
    both = torch.cat([x, x], 1)
    noisy = RotationNoise(0.5).sample(both, 4, rng=PhiloxStream(8, CPU))
    assert torch.equal(noisy[:, :, :3], noisy[:, :, 3:])
    assert noisy.dtype == torch.float32
    torch.testing.assert_close(noisy[:, :, :3].norm(dim=2), x.norm(dim=1).expand(4, 30))
    assert not torch.equal(noisy[0], noisy[1])
    assert np.linalg.det(drawn_rotations(0.5, 50, seed=9)) == pytest.approx(1, abs=1e-5)


@given(st.floats(0.01, 2.0), st.floats(0.5, 0.9999))
def test_radius_grows_and_is_never_rounded_up(sigma: float, p: float) -> None:
    """Against 40 digits."""
    with mpmath.workdps(40):
        quantile = mpmath.sqrt(2) * mpmath.erfinv(2 * mpmath.mpf(p) - 1)
        exact = quantile * mpmath.sqrt(2 * (mpmath.exp(mpmath.mpf(sigma) ** 2 / 2) - 1))
        found = rotation_radius(sigma, p)
        assert found <= exact
        assert found >= exact * (1 - mpmath.mpf(2) ** -40) - mpmath.mpf(10) ** -18


def test_words() -> None:
    noise = RotationNoise(0.25)
    assert noise.ball("0.1699") == (
        "rotation of this input about any axis through the origin by an angle of at most "
        "0.1699 (radians)"
    )
    assert "0.25" in noise.description
    assert (noise.norm, noise.unit) == ("rotation angle", "radians")
    assert "rounded after the rotation" in noise.assumption


def test_repeats_are_bounded_by_the_density_at_angle_zero() -> None:
    x = torch.tensor([[0.3, 0.0, 0.4], [0.0, 0.1, 0.0]])
    for sigma in (0.01, 0.25, 2.0):
        densest = float(igso3_density(sigma)(np.array([1e-6]))[0])
        bound = RotationNoise(sigma).repeat_probability(x)
        assert bound == pytest.approx(densest * 4 * 0.75 * 2.0**-46, rel=1e-3)
        assert len(coefficients(sigma)) < 1200
    assert RotationNoise(0.25).repeat_probability(x * 0) == 1.0


@pytest.mark.parametrize("sigma", [0.0, -0.25, 0.009, 2.1, math.nan])
def test_sigma_must_be_in_range(sigma: float) -> None:
    with pytest.raises(InputError, match="rotations, in radians per axis"):
        RotationNoise(sigma)


@pytest.mark.parametrize("p", [0.4999, 1.0, math.nan])
def test_probability_must_certify_something(p: float) -> None:
    with pytest.raises(InputError, match=r"p must lie in \[1/2, 1\)"):
        rotation_radius(0.25, p)
