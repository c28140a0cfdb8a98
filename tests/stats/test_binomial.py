"""Binomial tails: never too small, and never more than 2e-10 too large."""

from fractions import Fraction
from math import comb

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from segcert.stats.binomial import tails

SLACK = 1 + Fraction(2, 10**10)
TINY = Fraction(2, 10**200)  # tails that no level reaches are rounded up to about this


def exact_tails(n: int, p: float) -> list[Fraction]:
    """P(Bin(n, p) >= k) in rational arithmetic, p being exactly the given float."""
    hit, scale = p.as_integer_ratio()
    total, found = 0, []
    for k in range(n, -1, -1):
        total += comb(n, k) * hit**k * (scale - hit) ** (n - k)
        found.append(Fraction(total, scale**n))
    return found[::-1]


PROBABILITIES = [0.01, 0.05, 0.1, 0.25, 0.3, 0.5, 0.55, 0.6, 0.75, 0.85, 0.95, 0.99, 0.9999]


@pytest.mark.parametrize("p", PROBABILITIES)
@pytest.mark.parametrize("n", [1, 2, 3, 7, 25, 100, 133, 250])
def test_tails_enclose_exact_rational_arithmetic(n: int, p: float) -> None:
    table = tails(n, p)
    assert table.shape == (n + 1,)
    for stored, exact in zip(table, exact_tails(n, p), strict=True):
        assert exact <= Fraction(stored) <= exact * SLACK + TINY


@pytest.mark.parametrize("p", [0.5, 0.75, 0.95])
def test_tails_of_five_hundred_draws(p: float) -> None:
    for stored, exact in zip(tails(500, p), exact_tails(500, p), strict=True):
        assert exact <= Fraction(stored) <= exact * SLACK + TINY


def test_tails_far_below_any_level_are_not_too_small() -> None:
    """SciPy's incomplete beta function is 6% too small at 1e-282."""
    for stored, exact in zip(tails(350, 0.1), exact_tails(350, 0.1), strict=True):
        assert exact <= Fraction(stored)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.integers(1, 40), st.floats(1e-3, 1, exclude_max=True))
def test_tails_of_any_probability(n: int, p: float) -> None:
    for stored, exact in zip(tails(n, p), exact_tails(n, p), strict=True):
        assert exact <= Fraction(stored) <= exact * SLACK + TINY


@pytest.mark.parametrize(
    ("n", "p"), [(2000, 0.75), (2000, 0.25), (2136, 0.99), (20_000, 0.5), (20_000, 0.999)]
)
def test_tails_of_many_draws_against_mpmath(n: int, p: float) -> None:
    """Sums of 60-digit terms, at counts around the mean, the level of a certificate, and n."""
    table = tails(n, p)
    with mpmath.workdps(60):
        odds = mpmath.mpf(p) / (1 - mpmath.mpf(p))
        term = total = mpmath.mpf(p) ** n
        exact = {n: total}
        for k in range(n - 1, -1, -1):
            term *= mpmath.mpf(k + 1) / (n - k) / odds
            total += term
            exact[k] = total
        slack, tiny = 1 + mpmath.mpf("2e-10"), mpmath.mpf("2e-200")
        for k in [1, n // 2, int(n * p), *np.flatnonzero(table < 1e-2)[::20].tolist(), n]:
            assert min(exact[k], 1) <= table[k] <= exact[k] * slack + tiny


@pytest.mark.parametrize("p", PROBABILITIES)
def test_tails_agree_with_scipy(p: float) -> None:
    for n in (1, 10, 100, 1000):
        reference = binom.sf(np.arange(n + 1) - 1, n, p)
        np.testing.assert_allclose(tails(n, p), reference, rtol=1e-9, atol=1e-199)


@pytest.mark.parametrize("p", [0.05, 0.5, 0.75, 0.99])
def test_tails_start_at_one_and_never_rise(p: float) -> None:
    table = tails(300, p)
    assert table[0] == 1.0
    assert (np.diff(table) <= 0).all()
    assert (table > 0).all()
