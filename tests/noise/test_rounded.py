"""Rounded Gaussian noise: exact words, exact law at any centre, ties decided with 50 digits."""

import math

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, norm

from segcert.errors import InputError
from segcert.noise import rounded
from segcert.noise.rounded import (
    LARGEST,
    MARGIN,
    check_near_origin,
    exact_noise,
    grid_step,
    rounded_gaussian,
    standard_normals,
)
from segcert.sampling.streams import PhiloxStream

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


@given(WORDS, st.floats(-1000, 1000, width=32), st.floats(0.01, 3))
def test_value_is_the_rounded_sum_with_70_digits(word: int, centre: float, sigma: float) -> None:
    """Every word, centre and sigma: the nearest multiple of the step, computed independently."""
    step = grid_step(sigma)
    if abs(centre) > LARGEST * step:
        return
    drawn = rounded_gaussian(
        torch.tensor([centre], dtype=torch.float64), sigma, torch.tensor([word])
    )
    with mpmath.workdps(70):
        steps = mpmath.nint(exact_value(centre, sigma, word) / step)
    assert float(drawn) == float(steps) * step


@pytest.mark.parametrize("word", [0, 1, -1, 2**40, -(2**50), 2**62, 2**63 - 1, -(2**63)])
def test_normal_numbers_have_far_less_error_than_the_margin(word: int) -> None:
    """1024 steps of an error of 1e-14 each are 2^-36, with a size of 9.2: below 2^-30."""
    with mpmath.workdps(70):
        exact = exact_value(0, 1, word)
        error = abs(float(standard_normals(torch.tensor([word]))) - exact)
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

    def counted(part: float, ratio: float, drawn: int) -> int:
        calls.append(drawn)
        return exact_noise(part, ratio, drawn)

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
