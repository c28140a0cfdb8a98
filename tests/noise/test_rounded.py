"""Rounded noise: exact words, exact law at any centre, ties decided with 80 digits."""

import math

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, laplace, norm, uniform

from segcert.errors import InputError
from segcert.noise import rounded
from segcert.noise.base import PartWords, parts_of
from segcert.noise.gaussian import GaussianNoise
from segcert.noise.laws import GAUSSIAN, LAPLACE, UNIFORM, Law
from segcert.noise.rounded import (
    LARGEST,
    MARGIN,
    check_near_origin,
    exact_noise,
    grid_step,
    rounded_gaussian,
    rounded_of_parts,
)
from segcert.sampling.streams import PhiloxStream, SplitPhiloxStream

CPU = torch.device("cpu")
WORDS = st.integers(-(2**63), 2**63 - 1)


def exact_value(centre: float, sigma: float, word: int) -> mpmath.mpf:
    """``centre + sigma Phi^-1`` with 70 digits, from the definition alone."""
    tail = (mpmath.mpf(word if word >= 0 else ~word) + 0.5) / 2**64
    size = -mpmath.sqrt(2) * mpmath.erfinv(2 * tail - 1)
    return mpmath.mpf(centre) + mpmath.mpf(sigma) * (size if word >= 0 else -size)


@pytest.mark.parametrize("sigma", [1e-6, 0.01, 0.25, 0.5, 1.0, math.pi, 1e6])
def test_step_is_the_power_of_two_in_its_range(sigma: float) -> None:
    step = grid_step(sigma)
    assert math.frexp(step)[0] == 0.5
    assert sigma / 1024 < step <= sigma / 512


SIZES = {  # of a tail, from the definitions
    GAUSSIAN: lambda tail: -mpmath.sqrt(2) * mpmath.erfinv(2 * tail - 1),
    UNIFORM: lambda tail: 1 - 2 * tail,
    LAPLACE: lambda tail: -mpmath.log(2 * tail),
}


def exact_number(law: Law, word: int) -> mpmath.mpf:
    """The number of a word with 70 digits: the size on its side."""
    size = SIZES[law]((mpmath.mpf(word if word >= 0 else ~word) + 0.5) / 2**64)
    return size if word >= 0 else -size


@pytest.mark.parametrize("law", SIZES, ids=["gaussian", "uniform", "laplace"])
@given(WORDS, st.floats(-1000, 1000, width=32), st.floats(0.01, 3))
def test_value_is_the_rounded_sum_with_70_digits(
    law: Law, word: int, centre: float, sigma: float
) -> None:
    """Every law, word, centre and scale: the nearest multiple of the step, by definition."""
    step = grid_step(sigma)
    drawn = rounded.rounded(
        torch.tensor([centre], dtype=torch.float64), sigma, torch.tensor([word]), law
    )
    with mpmath.workdps(70):
        exact = (mpmath.mpf(centre) + mpmath.mpf(sigma) * exact_number(law, word)) / step
        steps = mpmath.nint(exact)
    assert float(drawn) == float(np.float32(float(steps) * step))


@pytest.mark.parametrize("law", SIZES, ids=["gaussian", "uniform", "laplace"])
def test_extreme_words_are_within_the_largest_size(law: Law) -> None:
    for word in (0, -1):
        assert abs(float(law.numbers(torch.tensor([word])))) <= law.largest
    assert float(law.numbers(torch.tensor([0]))) > 0.9 * law.largest


@given(st.floats(-3, 3), st.integers(-20, 0), st.integers(-(2**20), 2**20))
def test_multiples_are_those_of_exact_numbers(value: float, power: int, wrong: int) -> None:
    """Computed with an error of up to 2^-41: rounded as the exact numbers are, also at ties."""
    step = 2.0**power
    for centre in (value, (round(value / step) + 0.5) * step):
        off = wrong * 2.0**-62
        exact = {(0,): mpmath.mpf(centre)}
        computed = torch.tensor([centre + off], dtype=torch.float64)
        found = rounded.on_multiples(computed, step, 4.0, exact.__getitem__)
        with mpmath.workdps(70):
            assert float(found) == float(np.float32(float(mpmath.nint(centre / step)) * step))


@pytest.mark.parametrize("law", SIZES, ids=["gaussian", "uniform", "laplace"])
@pytest.mark.repeats
def test_the_law_is_off_by_no_more_than_is_said(law: Law) -> None:
    """The borders of a small grid, one by one: each moves a probability by at most 2^-64.

    With words of 12 bits all words can be tried: the cells that they give, against the exact law.
    """
    bits, ratio, part = 12, 40.0, 0.3
    words = range(-(2 ** (bits - 1)), 2 ** (bits - 1))
    with mpmath.workdps(50):
        drawn = [int(mpmath.nint(part + ratio * law.exactly(word, bits))) for word in words]
        cells = range(min(drawn), max(drawn) + 1)
        distance = 0.0
        for cell in cells:
            exact = tail_above(law, (cell - 0.5 - part) / ratio)
            exact -= tail_above(law, (cell + 0.5 - part) / ratio)
            distance += abs(drawn.count(cell) / 2**bits - float(exact)) / 2
        distance += 1 - sum(
            float(tail_above(law, (cell - 0.5 - part) / ratio))
            - float(tail_above(law, (cell + 0.5 - part) / ratio))
            for cell in cells
        )
    assert 0 < distance <= law.borders(ratio) * 2.0**-bits
    larger = rounded.variation(10, law)
    assert larger == 10 * law.borders(1024) * 2.0**-64


def tail_above(law: Law, number: float) -> float:
    """P(Z > number), from SciPy."""
    scipy_law = {GAUSSIAN: norm, UNIFORM: uniform(-1, 2), LAPLACE: laplace}[law]
    return float(scipy_law.sf(number))


def test_images_are_drawn_piece_by_piece_as_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.rand(3, 5, 7, generator=torch.Generator().manual_seed(0))
    whole = rounded.sample_rounded(x, 2, rng=PhiloxStream(1, CPU), scale=0.2, law=LAPLACE)
    monkeypatch.setattr(rounded, "VALUES_AT_ONCE", (8, 8))
    pieces = rounded.sample_rounded(x, 2, rng=PhiloxStream(1, CPU), scale=0.2, law=LAPLACE)
    assert torch.equal(whole, pieces)
    assert not torch.equal(whole[0], whole[1])


@pytest.mark.parametrize("step", [1.0, -(2.0**-11), 2.0**-10, math.nan])
def test_another_grid_is_refused(step: float) -> None:
    with pytest.raises(InputError, match="step must be"):
        GaussianNoise(0.25, step)
    assert GaussianNoise(0.25, 2.0**-11).step == grid_step(0.25)


@pytest.mark.parametrize("word", [0, 1, -1, 2**40, -(2**50), 2**62, 2**63 - 1, -(2**63)])
def test_normal_numbers_have_far_less_error_than_the_margin(word: int) -> None:
    """1024 steps of an error of 1e-14 each are 2^-36, with a size of 9.2: below 2^-30."""
    with mpmath.workdps(70):
        exact = exact_value(0, 1, word)
        error = abs(float(GAUSSIAN.numbers(torch.tensor([word]))) - exact)
    assert error <= 2e-15 * max(1, abs(exact))
    assert MARGIN / 16 > 1024 * 9.2 * 2e-15


def test_near_ties_are_decided_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a centre half a step away from the noise of a word, float64 alone would be undecided."""
    sigma, word = 0.25, 2**61 + 12345
    step = grid_step(sigma)
    with mpmath.workdps(70):
        noise = exact_value(0, sigma, word) / step
        centre = float((mpmath.nint(noise) + mpmath.mpf("0.5") - noise) * step)
    calls = []

    def counted(part: mpmath.mpf, ratio: float, drawn: int, law: Law) -> int:
        calls.append(drawn)
        return exact_noise(part, ratio, drawn, law)

    monkeypatch.setattr(rounded, "exact_noise", counted)
    for shift in (0.0, 1e-17, -1e-17, 1e-15, -1e-15):
        value = centre + shift
        drawn = rounded_gaussian(
            torch.tensor([value], dtype=torch.float64), sigma, torch.tensor([word])
        )
        with mpmath.workdps(70):
            exact = mpmath.nint(exact_value(value, sigma, word) / step)
        assert float(drawn) == float(exact) * step
    assert calls == [word] * 5


def test_exact_noise_is_the_noise_of_float64_where_both_are_sure() -> None:
    """All values of a draw a second time, through the slow path."""
    words = PhiloxStream(1, CPU).words((300,))
    centre = torch.linspace(-1, 1, 300, dtype=torch.float64)
    step = grid_step(0.3)
    scaled = centre / step
    slow = [
        float(scaled[i].round() + exact_noise(float(scaled[i] - scaled[i].round()), 0.3 / step, w))
        for i, w in enumerate(words.tolist())
    ]
    assert (rounded_gaussian(centre, 0.3, words) / step).tolist() == slow


def test_law_between_the_points_of_the_grid() -> None:
    """Shares of single cells around an input off the grid; false alarm 1e-6 in all.

    Rounding the input to the grid first would be seen: the cell's probability is another one.
    """
    sigma, n, part = 1 / 512, 400_000, 0.4
    step = grid_step(sigma)
    cells = np.arange(-2, 3) * 256
    centre = torch.full((n,), part * step, dtype=torch.float64)
    drawn = (rounded_gaussian(centre, sigma, PhiloxStream(2, CPU).words((n,))) / step).numpy()
    assert (drawn == np.round(drawn)).all()
    for cell in cells:
        p = norm.cdf((cell + 0.5 - part) * step / sigma)
        low, high = binom.interval(1 - 1e-6 / len(cells), n, p)
        assert low <= int((drawn <= cell).sum()) <= high
    low, _ = binom.interval(1 - 1e-6 / len(cells), n, norm.cdf(256.1 * step / sigma))
    assert binom.sf(low - 1, n, norm.cdf(256.1 * step / (1.1 * sigma))) <= 1e-6  # power


def test_values_are_exact_in_float32_up_to_the_limit() -> None:
    sigma = 0.25
    largest = LARGEST * grid_step(sigma)
    centre = torch.tensor([largest, -largest], dtype=torch.float64)
    check_near_origin(centre, sigma)
    drawn = rounded_gaussian(centre, sigma, torch.tensor([0, -1])).double() / grid_step(sigma)
    assert (drawn == drawn.round()).all()
    assert (drawn.abs() > LARGEST).all()
    assert (drawn.abs() < 2**24).all()


@pytest.mark.parametrize("value", [1.001 * LARGEST * grid_step(0.25), math.nan])
def test_too_far_from_the_origin_is_refused(value: float) -> None:
    with pytest.raises(InputError, match="coordinates must lie within 4096 of the origin") as e:
        check_near_origin(torch.tensor([value], dtype=torch.float64), 0.25)
    assert "shift the cloud to the origin" in str(e.value)


def border_words(law: Law, centre: float, scale: float) -> list[int]:
    """Words of leading parts in which the rounded value changes, at the change and beside it."""
    found = []
    for quarter in (-(2**15), -30_000, -17_000, -300, -1, 0, 5, 4096, 31_000, 2**15 - 1):
        low, high = quarter * 2**48, quarter * 2**48 + 2**48 - 1
        found += [low, high]
        ends = [exact_point(law, centre, scale, word) for word in (low, high)]
        while high - low > 1 and ends[0] != ends[1]:  # bisection to a change
            middle = (low + high) // 2
            if exact_point(law, centre, scale, middle) == ends[0]:
                low = middle
            else:
                high = middle
        found += [low, high]
    return found


def exact_point(law: Law, centre: float, scale: float, word: int) -> int:
    """The point of the grid with 70 digits."""
    with mpmath.workdps(70):
        value = mpmath.mpf(centre) + mpmath.mpf(scale) * exact_number(law, word)
        return int(mpmath.nint(value / grid_step(scale)))


@pytest.mark.parametrize("law", SIZES, ids=["gaussian", "uniform", "laplace"])
@pytest.mark.parametrize(("centre", "scale"), [(0.0, 0.25), (0.7123, 0.4999)])
def test_leading_bits_decide_only_what_all_words_agree_on(
    law: Law, centre: float, scale: float
) -> None:
    """At the very words where the value changes, against 70 digits, and at many others."""
    words = border_words(law, centre, scale)
    words += PhiloxStream(3, CPU).words((30_000,)).tolist()
    centres = torch.full((len(words),), centre, dtype=torch.float64)
    drawn = rounded_of_parts(centres, scale, parts_of(np.array(words)), law)
    assert torch.equal(drawn, rounded.rounded(centres, scale, torch.tensor(words), law))
    exact = [exact_point(law, centre, scale, word) for word in words[:40]]
    assert (drawn[:40].double() / grid_step(scale)).tolist() == exact


@pytest.mark.parametrize("law", SIZES, ids=["gaussian", "uniform", "laplace"])
def test_few_values_are_left_open(law: Law) -> None:
    """And those only: the words that are asked for are those that an interval does not decide."""
    asked: list[int] = []
    words = PhiloxStream(5, CPU).words((50_000,)).numpy()
    parts = parts_of(words)

    def whole(places: np.ndarray) -> np.ndarray:
        asked.extend(places.tolist())
        return parts.whole(places)

    centres = torch.linspace(0, 1, len(words), dtype=torch.float64)
    rounded_of_parts(centres, 0.25, PartWords(parts.leading, whole), law)
    assert 0 < len(asked) < 0.15 * len(words)
    first = torch.from_numpy(words) >> 48 << 48
    low, high = (rounded.rounded(centres, 0.25, word, law) for word in (first, first + (2**48 - 1)))
    assert set((low != high).nonzero()[:, 0].tolist()) <= set(asked)


def test_streams_of_version_2_give_the_value_of_the_whole_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The 48 bits come in the order of the open values, in pieces of any size."""
    x = torch.rand(3, 5, 7, generator=torch.Generator().manual_seed(0))
    seen: list[int] = []
    split = SplitPhiloxStream(1, 2, CPU)
    parts = split.part_words(x.numel())
    rest = (np.random.Philox(key=2).random_raw(x.numel()) >> np.uint64(16)).tolist()

    def whole(places: np.ndarray) -> np.ndarray:
        seen.extend(places.tolist())
        return parts.whole(places)

    centres = x.double().flatten()
    drawn = rounded_of_parts(centres, 0.2, PartWords(parts.leading, whole), LAPLACE)
    leading = parts.leading.view(np.int16).tolist()
    words = [bits * 2**48 for bits in leading]
    for place, more in zip(seen, rest, strict=False):
        words[place] += more
    exact = [
        exact_point(LAPLACE, float(centre), 0.2, word) * grid_step(0.2)
        for centre, word in zip(centres, words, strict=True)
    ]
    assert drawn.tolist() == exact
    assert 0 < len(seen) < len(words) / 4
    for at_once in (1, 8, 10**6):
        monkeypatch.setattr(rounded, "VALUES_AT_ONCE", (at_once, at_once))
        rng = SplitPhiloxStream(1, 2, CPU)
        noisy = rounded.sample_rounded(x, 1, rng=rng, scale=0.2, law=LAPLACE)
        assert torch.equal(noisy.flatten(), drawn)


@pytest.mark.parametrize("law", SIZES, ids=["gaussian", "uniform", "laplace"])
def test_law_of_version_2_is_the_continuous_one_up_to_the_grid(law: Law) -> None:
    """Kolmogorov-Smirnov over 200,000 draws, false alarm 1e-6; a scale wrong by 5% is caught.

    Rounding moves the distribution function by at most half a step, 1/1024 of the scale, hence by
    at most half of that times the largest density (1/2 of all three laws).
    """
    n, scale = 200_000, 0.25
    x = torch.zeros(n)
    rng = SplitPhiloxStream(7, 8, CPU)
    drawn = np.sort(rounded.sample_rounded(x, 1, rng=rng, scale=scale, law=law)[0].double().numpy())
    scipy_law = {GAUSSIAN: norm, UNIFORM: uniform(-1, 2), LAPLACE: laplace}[law]

    def gap(assumed: float) -> float:
        expected = scipy_law.cdf(drawn / assumed)
        steps = np.arange(n + 1) / n
        return float(max((steps[1:] - expected).max(), (expected - steps[:-1]).max()))

    allowed = math.sqrt(math.log(2 / 1e-6) / (2 * n)) + 0.5 * 0.5 / 512  # Massart's bound
    # equal values lie on one point of the grid: one cell more or less
    assert gap(scale) <= allowed + 0.5 / 512
    assert gap(1.05 * scale) > allowed + 0.5 / 512
