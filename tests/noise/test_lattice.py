"""Gaussian noise on the 1/255 grid: exact law, exact inversion, exact values."""

import hashlib
import math
from bisect import bisect_right
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from functools import lru_cache

import numpy as np
import pytest
import torch
from scipy.stats import binom, chi2

from segcert.errors import InputError
from segcert.noise.base import LEADING_BITS
from segcert.noise.gaussian import GaussianNoise, LatticeGaussianNoise, gaussian_table
from segcert.sampling.streams import PhiloxStream, SplitPhiloxStream

CPU = torch.device("cpu")
PI = Decimal(
    "3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803"
)
SIGMAS = [0.004, 0.02, 0.25, 0.5, 1.0]


def upper_tail(z: Decimal) -> Decimal:
    """P(Z > z) for z >= 0 from the all-positive series of Phi(z) - 1/2; 80 digits, 45 are right."""
    term = total = z
    odd = 1
    while term > total * Decimal("1e-75"):
        odd += 2
        term *= z * z / odd
        total += term
    return Decimal("0.5") - (-z * z / 2).exp() / (2 * PI).sqrt() * total


@lru_cache
def exact_tails(sigma: float) -> list[Decimal]:
    """P(K > 0), P(K > 1), ... of K = round(255 sigma z), down to 2^-70."""
    with localcontext() as context:
        context.prec = 80
        scale, tails = 255 * Decimal(sigma), []
        while not tails or tails[-1] > Decimal(2) ** -70:
            tails.append(upper_tail((len(tails) + Decimal("0.5")) / scale))
        return tails


def law(sigma: float, reach: int) -> np.ndarray:
    """P(K = -reach), ..., P(K = reach)."""
    tails = [float(tail) for tail in exact_tails(sigma)] + [0.0] * (reach + 2)
    positive = [tails[k - 1] - tails[k] for k in range(1, reach + 1)]
    return np.array([*positive[::-1], 1 - 2 * tails[0], *positive])


def integer_thresholds(sigma: float) -> tuple[np.ndarray, int]:
    """What the words are compared with, and the lowest step."""
    table = gaussian_table(sigma)
    return table.thresholds.numpy(), table.lowest


@pytest.mark.parametrize("sigma", SIGMAS)
def test_thresholds_are_the_rounded_distribution_function(sigma: float) -> None:
    """Each is 2^64 P(K <= k) to the nearest integer, from another series and another library."""
    with localcontext() as context:
        context.prec = 80
        words = [
            int((2**64 * tail).to_integral_value(ROUND_HALF_EVEN)) for tail in exact_tails(sigma)
        ]
    words = [count for count in words if count]
    thresholds, lowest = integer_thresholds(sigma)
    assert lowest == -len(words)
    unsigned = [int(threshold) + 2**63 for threshold in thresholds]
    assert unsigned == words[::-1] + [2**64 - count for count in words]
    assert unsigned == sorted(unsigned)


def test_noise_of_a_tiny_sigma_is_exactly_no_noise() -> None:
    """At sigma = 1e-5 a step has a probability below 1e-40: no word gives one."""
    assert integer_thresholds(1e-5)[0].size == 0
    words = torch.tensor([-(2**63), -1, 0, 2**63 - 1])
    assert LatticeGaussianNoise(1e-5).steps(words).tolist() == [0, 0, 0, 0]


def awkward_words(thresholds: np.ndarray) -> list[int]:
    """All thresholds and bucket borders with their neighbours, and the extremes."""
    borders = range(-(2**63), 2**63, 2 ** (64 - LEADING_BITS))
    near = [word + step for word in thresholds.tolist() for step in (-1, 0, 1)]
    near += [word + step for word in borders for step in (-1, 0)]
    near += [-(2**63) + step for step in range(5)] + [2**63 - 1 - step for step in range(5)]
    return [word for word in near if -(2**63) <= word < 2**63]


@pytest.mark.parametrize("sigma", [*SIGMAS, 10.0])
@pytest.mark.repeats
@pytest.mark.sampled
def test_steps_invert_the_distribution_on_every_kind_of_word(sigma: float) -> None:
    """Against bisection in Python integers."""
    thresholds, lowest = integer_thresholds(sigma)
    words = PhiloxStream(7, CPU).words((50_000,)).tolist() + awkward_words(thresholds)
    ascending = thresholds.tolist()
    expected = [lowest + bisect_right(ascending, word) for word in words]
    steps = LatticeGaussianNoise(sigma).steps(torch.tensor(words)).tolist()
    assert steps == expected
    assert (min(steps), max(steps)) == (lowest, -lowest)  # the tails are reached


@pytest.mark.parametrize("sigma", SIGMAS)
def test_law_is_symmetric_word_by_word(sigma: float) -> None:
    """The complement of a word has the opposite step, so no direction is preferred."""
    noise = LatticeGaussianNoise(sigma)
    words = torch.tensor(awkward_words(integer_thresholds(sigma)[0]))
    assert torch.equal(noise.steps(~words), -noise.steps(words))


STREAMS: dict[type[PhiloxStream], Callable[[int], PhiloxStream]] = {
    PhiloxStream: lambda seed: PhiloxStream(seed, CPU),
    SplitPhiloxStream: lambda seed: SplitPhiloxStream(seed, 2**100 + seed, CPU),
}


def drawn_steps(
    sigma: float, n: int, *, seed: int, family: type[PhiloxStream] = PhiloxStream
) -> np.ndarray:
    """Steps that the public sampler took, from its noisy values."""
    image = torch.full((1000,), 100, dtype=torch.uint8)
    rng = STREAMS[family](seed)
    noisy = LatticeGaussianNoise(sigma).sample(image, n // 1000, rng=rng)
    return (noisy.double() * 255).round().long().flatten().numpy() - 100


@pytest.mark.parametrize("family", STREAMS)
def test_law_of_the_noise(family: type[PhiloxStream]) -> None:
    """Every cell of round(255 sigma z) at sigma = 0.25, and all cells together.

    False alarm: 1e-6 for the wide tail, 1e-6 over all cells (Bonferroni), 1e-6 for chi-square.
    A sigma wrong by 2% is missed by the tail alone with a probability of at most 1e-6.
    """
    n, sigma, cut, reach = 500_000, 0.25, 96, 150
    assert math.isclose(law(sigma, 2000).sum(), 1, abs_tol=1e-12)

    def tail(scale: float) -> float:
        return 2 * float(upper_tail(Decimal(cut - 0.5) / (255 * Decimal(scale))))

    low, high = binom.interval(1 - 1e-6, n, tail(sigma))
    assert binom.cdf(high, n, tail(1.02 * sigma)) <= 1e-6  # power
    assert binom.sf(low - 1, n, tail(0.98 * sigma)) <= 1e-6
    steps = drawn_steps(sigma, n, seed=11, family=family)
    assert low <= int((abs(steps) >= cut).sum()) <= high

    cells = law(sigma, reach)
    observed = np.bincount(steps[abs(steps) <= reach] + reach, minlength=2 * reach + 1)
    low, high = binom.interval(1 - 1e-6 / len(cells), n, cells)
    assert ((low <= observed) & (observed <= high)).all()
    rest = 1 - cells.sum()
    expected = n * np.append(cells, rest)
    gaps = np.append(observed, n - observed.sum()) - expected
    assert (gaps**2 / expected).sum() < chi2.isf(1e-6, len(cells))


def test_noise_is_rounded_to_the_nearest_step_not_down() -> None:
    """P(K >= 1) and P(K >= 0) at sigma = 0.02; false alarm 1e-6 each.

    Noise rounded down (half a grey level of bias) is missed with a probability below 1e-6.
    """
    n, sigma = 200_000, 0.02
    up = float(exact_tails(sigma)[0])
    low, high = binom.interval(1 - 1e-6, n, [up, 1 - up])
    floor_is_up = float(upper_tail(1 / (255 * Decimal(sigma))))
    assert binom.sf(low[0] - 1, n, floor_is_up) <= 1e-6  # power
    assert binom.sf(low[1] - 1, n, 0.5) <= 1e-6
    steps = drawn_steps(sigma, n, seed=12)
    assert low[0] <= (steps >= 1).sum() <= high[0]
    assert low[1] <= (steps >= 0).sum() <= high[1]


@pytest.mark.parametrize("sigma", [0.12, 0.25, 0.5, 1.0])
def test_distance_to_the_exact_law(sigma: float) -> None:
    """Each cumulative probability within 2^-64; in total below 3e-8 for 110 draws of 2 megapixels.

    Three channels each. The total grows with sigma; 3e-8 is claimed up to sigma = 1.
    """
    with localcontext() as context:
        context.prec = 60
        tails = exact_tails(sigma)
        thresholds, lowest = integer_thresholds(sigma)
        drawn = [Decimal(int(thresholds[-lowest - 1 - k]) + 2**63) / 2**64 for k in range(-lowest)]
        drawn += [Decimal(0)] * (len(tails) - len(drawn))
        gaps = [is_ - should for is_, should in zip(drawn, tails, strict=True)]
        assert max(abs(gap) for gap in gaps) <= Decimal(2) ** -64
        one_side = sum(abs(a - b) for a, b in zip(gaps, [*gaps[1:], Decimal(0)], strict=True))
        total_variation = one_side + abs(gaps[0])  # half of (two sides and the centre, 2 gaps[0])
        assert float(total_variation) * 3 * 2**21 * 110 <= 3e-8


def test_noisy_values_lie_on_the_grid_exactly_and_are_not_clipped() -> None:
    """Bit for bit float32((x + k) / 255), with integers far below 0 and above 255."""
    image = torch.arange(256, dtype=torch.uint8)
    noise = LatticeGaussianNoise(0.5)
    noisy = noise.sample(image, 200, rng=PhiloxStream(5, CPU))
    steps = noise.steps(PhiloxStream(5, CPU).words((200, 256))).long().numpy()
    whole = image.long().numpy() + steps
    assert whole.min() < -200
    assert whole.max() > 455
    assert noisy.dtype == torch.float32
    assert (noisy.numpy() == whole.astype(np.float32) / np.float32(255)).all()


GOLDEN = {  # SHA-256 of the int16 steps that release 0.1.0 drew, before other laws were added
    0.02: "15e891caedbd3ba4b58f6b035961ce034cb8afca3a24aa1e1880e38a160e49d5",
    0.25: "fe88d25abee09989287949c33d0cfd8542db26959810dda704ba6a56b0d85c17",
    1.0: "c176b036493cd5ce4fd7dc41aed1bfc0668da697b9e25b521e0b8fb48f853af4",
}


@pytest.mark.parametrize(("sigma", "digest"), GOLDEN.items())
def test_bits_never_change(sigma: float, digest: str) -> None:
    """Recorded certificates are replayed bit for bit; the image spans several chunks."""
    image = torch.arange(256, dtype=torch.uint8).repeat(1200)
    noisy = LatticeGaussianNoise(sigma).sample(image, 2, rng=PhiloxStream(123, CPU))
    grey = (noisy.double() * 255).round().to(torch.int16).numpy()
    assert hashlib.sha256(grey.astype("<i2").tobytes()).hexdigest() == digest


def test_sample_keeps_the_input_and_its_shape() -> None:
    image = torch.full((3, 4, 5), 7, dtype=torch.uint8)
    noisy = LatticeGaussianNoise(0.25).sample(image, 6, rng=PhiloxStream(6, CPU))
    assert noisy.shape == (6, 3, 4, 5)
    assert (image == 7).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.int16, torch.int64, torch.bool])
def test_only_uint8_is_accepted(dtype: torch.dtype) -> None:
    with pytest.raises(InputError, match="needs uint8 input"):
        LatticeGaussianNoise(0.25).sample(torch.zeros(3, dtype=dtype), 1, rng=PhiloxStream(0, CPU))


@pytest.mark.parametrize("sigma", [0.0, -1.0, math.nan, math.inf, 10.001, 255.0])
def test_sigma_must_be_in_range(sigma: float) -> None:
    with pytest.raises(InputError, match="sigma must be"):
        LatticeGaussianNoise(sigma)


def test_radius_is_that_of_gaussian_noise() -> None:
    assert LatticeGaussianNoise(0.25).radius(0.75) == GaussianNoise(0.25).radius(0.75)
    assert (LatticeGaussianNoise(0.25).norm, LatticeGaussianNoise(0.25).unit) == (
        "l2",
        "input units",
    )
