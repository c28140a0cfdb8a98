"""Brightness and contrast: their law, their composition, their radius, honest repeats."""

import math
from collections.abc import Callable

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, norm

from segcert.errors import InputError
from segcert.noise.base import AbstractNoise
from segcert.noise.brightness import BrightnessNoise
from segcert.noise.contrast import ContrastNoise
from segcert.noise.gaussian import gaussian_radius
from segcert.noise.parameter import standard_normal
from segcert.sampling.streams import PhiloxStream

CPU = torch.device("cpu")
SIGMA = 0.25
FAMILIES = (BrightnessNoise, ContrastNoise)
BOTH = pytest.mark.parametrize("family", FAMILIES)
IMAGE = torch.tensor([[0, 1, 60], [127, 128, 255]], dtype=torch.uint8)


def changed(family: type[AbstractNoise], x: np.ndarray, by: np.ndarray | float) -> np.ndarray:
    """The transformation itself, in float64."""
    return x + by if family is BrightnessNoise else 0.5 + np.exp(by) * (x - 0.5)


def parameters(family: type[AbstractNoise], noisy: torch.Tensor, x: float) -> np.ndarray:
    """The parameter of each draw, from its first value; x is the value of the image there."""
    first = noisy.reshape(len(noisy), -1)[:, 0].double().numpy()
    return first - x if family is BrightnessNoise else np.log((first - 0.5) / (x - 0.5))


@pytest.mark.parametrize("word", [0, 1, 2**10, 2**40, 2**60, 2**62 + 5, 2**63 - 1, 2**63 - 2**20])
def test_normal_number_of_a_word_is_the_exact_quantile(word: int) -> None:
    """Against 60 digits: Phi of the number is (word + 1/2) / 2^64 below 1/2, mirrored above."""
    with mpmath.workdps(60):
        tail = (mpmath.mpf(word) + 0.5) / 2**64
        exact = mpmath.sqrt(2) * mpmath.erfinv(1 - 2 * tail)
        assert abs(standard_normal(word) - exact) <= 1e-15 * (1 + exact)
    assert standard_normal(~word) == -standard_normal(word)


def test_sizes_reach_nine_deviations_and_no_further() -> None:
    assert standard_normal(0) == pytest.approx(norm.isf(2.0**-65), rel=1e-12)
    assert 9.1 < standard_normal(0) < 9.2


@settings(derandomize=True, deadline=None)
@given(st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1))
def test_normal_numbers_fall_with_the_word(one: int, other: int) -> None:
    low, high = sorted([one, other])
    assert standard_normal(low) >= standard_normal(high) >= 0


@BOTH
def test_law_of_the_parameter(family: type[AbstractNoise]) -> None:
    """Shares below seven points against the normal law; false alarm 1e-6 / 7 each.

    A sigma 10% too large or too small is missed with a probability of at most 1e-6.
    """
    n, cuts = 60_000, [-3.0, -1.5, -0.5, 0.0, 0.5, 1.5, 3.0]
    limits = {cut: binom.interval(1 - 1e-6 / 7, n, norm.cdf(cut)) for cut in cuts}
    low, high = limits[1.5]
    assert binom.sf(low - 1, n, norm.cdf(1.5 / 1.1)) <= 1e-6  # power
    assert binom.cdf(high, n, norm.cdf(1.5 / 0.9)) <= 1e-6
    noisy = family(SIGMA).sample(torch.tensor([1.0]), n, rng=PhiloxStream(1, CPU))
    drawn = parameters(family, noisy, 1.0)
    for cut, (low, high) in limits.items():
        assert low <= int((drawn < cut * SIGMA).sum()) <= high


@BOTH
def test_all_values_of_a_draw_change_by_one_parameter(family: type[AbstractNoise]) -> None:
    """Every value is that of the transformation, to float32 rounding, and none is clipped."""
    noisy = family(SIGMA).sample(IMAGE, 500, rng=PhiloxStream(2, CPU))
    drawn = np.array([SIGMA * standard_normal(int(w)) for w in PhiloxStream(2, CPU).words((500,))])
    values = (IMAGE.float() / 255).double().numpy()
    exact = changed(family, values, drawn[:, None, None])
    assert noisy.shape == (500, 2, 3)
    assert noisy.dtype == torch.float32
    assert (noisy.numpy() == exact.astype(np.float32)).mean() > 0.9999
    assert np.abs(noisy.numpy() - exact).max() <= 2**-24 * np.abs(exact).max()
    assert noisy.min() < -0.1
    assert noisy.max() > 1.1
    assert IMAGE.flatten().tolist() == [0, 1, 60, 127, 128, 255]


@BOTH
def test_grey_levels_and_their_floats_get_the_same_noise(family: type[AbstractNoise]) -> None:
    noise = family(SIGMA)
    levels = torch.full((), 255.0)
    of_bytes = noise.sample(IMAGE, 20, rng=PhiloxStream(3, CPU))
    assert torch.equal(of_bytes, noise.sample(IMAGE / levels, 20, rng=PhiloxStream(3, CPU)))


@BOTH
def test_draws_one_by_one_are_the_draws_of_a_batch(family: type[AbstractNoise]) -> None:
    noise, stream = family(SIGMA), PhiloxStream(4, CPU)
    together = noise.sample(IMAGE, 3, rng=PhiloxStream(4, CPU))
    assert torch.equal(together, torch.cat([noise.sample(IMAGE, 1, rng=stream) for _ in range(3)]))


@BOTH
@settings(derandomize=True, deadline=None)
@given(st.floats(-0.5, 0.5))
def test_noise_on_a_changed_image_is_a_larger_change(
    family: type[AbstractNoise], by: float
) -> None:
    """T_z(T_b(x)) = T_(b+z)(x) to float32 rounding: what the radius rests on."""
    values = (IMAGE.float() / 255).double().numpy()
    attacked = torch.from_numpy(changed(family, values, by)).float()
    noisy = family(SIGMA).sample(attacked, 5, rng=PhiloxStream(5, CPU)).double().numpy()
    drawn = np.array([SIGMA * standard_normal(int(w)) for w in PhiloxStream(5, CPU).words((5,))])
    exact = changed(family, values, by + drawn[:, None, None])
    assert np.abs(noisy - exact).max() <= 1e-6


@BOTH
@pytest.mark.parametrize("p", [0.8, 0.95])
def test_half_line_model_attains_the_radius(family: type[AbstractNoise], p: float) -> None:
    """A model that compares one value has exactly p, and exactly 1/2 at the edge of the ball.

    Drawn through the sampler on the attacked image: the share is within the binomial limits of
    1/2 at -R (false alarm 1e-6). A sigma 10% larger than claimed is seen in the share at p, and
    at -1.5 R the class is lost, both with a probability of at least 1 - 1e-6.
    """
    n, x = 40_000, 0.8
    noise = family(SIGMA)
    cut = changed(family, x, -SIGMA * norm.ppf(p))  # P(T_z(x) > cut) = p

    def share(by: float, seed: int) -> int:
        attacked = torch.tensor([changed(family, x, by)], dtype=torch.float32)
        return int((noise.sample(attacked, n, rng=PhiloxStream(seed, CPU)) > cut).sum())

    radius = noise.radius(p)
    low, high = binom.interval(1 - 1e-6, n, p)
    assert binom.sf(low - 1, n, norm.cdf(norm.ppf(p) / 1.1)) <= 1e-6  # power
    assert low <= share(0.0, 6) <= high
    low, high = binom.interval(1 - 1e-6, n, 0.5)
    assert low <= share(-radius, 7) <= high
    lost = norm.cdf(-0.5 * norm.ppf(p))
    assert binom.sf(low - 1, n, lost) <= 1e-6  # power
    assert share(-1.5 * radius, 8) < low


@BOTH
@pytest.mark.parametrize("p", [0.0, math.nextafter(0.5, 0), 1.0, math.nan])
def test_radius_is_that_of_one_gaussian_number(family: type[AbstractNoise], p: float) -> None:
    for good in (0.5, 0.75, 0.999):
        assert family(SIGMA).radius(good) == gaussian_radius(SIGMA, good)
    with pytest.raises(InputError, match=r"p must lie in \[1/2, 1\)"):
        family(SIGMA).radius(p)


@BOTH
@pytest.mark.parametrize("sigma", [0.0, -0.25, 9e-4, 1001.0, math.nan, math.inf])
def test_sigma_must_be_in_range(family: type[AbstractNoise], sigma: float) -> None:
    with pytest.raises(InputError, match="sigma must be a positive number in"):
        family(sigma)


def test_strongest_contrast_stays_finite() -> None:
    x = torch.tensor([0.0, 1.0])

    class Extreme:
        def words(self, shape: tuple[int, ...]) -> torch.Tensor:
            return torch.zeros(shape, dtype=torch.int64)

        def part_words(self, count: int) -> None:  # noqa: ARG002
            return

        def normals(self, shape: tuple[int, ...]) -> torch.Tensor:
            return torch.zeros(shape)

    assert bool(torch.isfinite(ContrastNoise(2.0).sample(x, 1, rng=Extreme())).all())


def cell_probability(
    family: type[AbstractNoise], sigma: float, x: float, number: np.float32
) -> float:
    """Probability that the noisy value rounds to one float32 number, from its two borders."""
    value = float(number)
    low = (float(np.nextafter(number, np.float32(-np.inf))) + value) / 2
    high = (float(np.nextafter(number, np.float32(np.inf))) + value) / 2
    with mpmath.workdps(40):
        ends = sorted(parameter(family, x, mpmath.mpf(end)) / sigma for end in (low, high))
        return float(mpmath.ncdf(ends[1]) - mpmath.ncdf(ends[0]))


def parameter(family: type[AbstractNoise], x: float, value: mpmath.mpf) -> mpmath.mpf:
    """The parameter that turns x into a value; none does for contrast beyond mid-grey."""
    if family is BrightnessNoise:
        return value - mpmath.mpf(x)
    ratio = (value - 0.5) / (mpmath.mpf(x) - 0.5)
    return mpmath.log(ratio) if ratio > 0 else mpmath.mpf("-inf")


@BOTH
@pytest.mark.parametrize("sigma", [1e-3, 0.03, 0.25, 2.0])
@pytest.mark.parametrize("x", [0.0, 1 / 255, 127 / 255, 0.5 + 2**-20, 0.5 + 2**-24, 0.9, 1.0])
def test_no_float_is_more_probable_than_the_bound(
    family: type[AbstractNoise], sigma: float, x: float
) -> None:
    """Exact probabilities of single float32 numbers, near everything special.

    Around mid-grey, 0, 1, powers of two (where the spacing changes) and random draws.
    """
    x = float(np.float32(x))
    bound = family(sigma).repeat_probability(torch.tensor([x]))
    random = changed(family, np.array([x]), sigma * np.random.default_rng(0).normal(size=40))
    special = [0.5, 0.25, 1.0, x, *(0.5 + step * 2.0**-24 for step in range(-3, 4)), *random]
    cells = [cell_probability(family, sigma, x, np.float32(value)) for value in special]
    assert max(cells) > 0
    assert max(cells) <= bound


def test_bound_is_not_much_larger_than_needed() -> None:
    """Brightness: within a factor 20 of the most probable float32 number near 1 and 0.5."""
    for sigma in (0.01, 0.25):
        bound = BrightnessNoise(sigma).repeat_probability(IMAGE)
        worst = max(cell_probability(BrightnessNoise, sigma, x, np.float32(x)) for x in (0.5, 1.0))
        assert worst <= bound <= 20 * worst


def test_image_that_no_contrast_changes_repeats_for_sure() -> None:
    assert ContrastNoise(SIGMA).repeat_probability(torch.full((2, 2), 0.5)) == 1.0
    assert ContrastNoise(SIGMA).repeat_probability(IMAGE) < 2e-6


SAY: dict[str, Callable[[str], str]] = {
    "brightness": lambda radius: (
        "change of brightness (the same number added to every value, before any clipping) of at "
        f"most {radius} in size (input units)"
    ),
    "contrast": lambda radius: (
        "change of contrast (every value v becomes 0.5 + exp(c) (v - 0.5), before any clipping) "
        f"with c of at most {radius} in size (natural logarithm of the factor)"
    ),
}


@BOTH
def test_words_of_the_statement(family: type[AbstractNoise]) -> None:
    noise = family(SIGMA)
    assert noise.ball("0.1686") == SAY[noise.kind]("0.1686")
    assert "clips or rounds" in noise.assumption
    assert noise.assumption.endswith(".")
    assert "0.25" in noise.description
