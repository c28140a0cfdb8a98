"""The bound of a count: against plain loops, exact under the worst dependence, defects seen."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joint_laws import worst_error
from scipy.stats import binom

from segcert.errors import InputError
from segcert.stats.binomial import tails
from segcert.stats.count import (
    CountBound,
    count_levels,
    fewest_draws_to_count,
    fitted,
    planned_count,
)

reproducible = settings(derandomize=True, deadline=None)


def plain(failed: int, level: float, alpha: float) -> int:
    """The largest V of which V nulls among V + F could pass without an error, by trying."""
    found = 0
    while Fraction(found + 1) * Fraction(alpha) < Fraction(level) * (found + 1 + failed):
        found += 1
    return found


@settings(reproducible, max_examples=200)
@given(
    st.integers(0, 300), st.integers(0, 300),
    st.sampled_from([0.001, 0.05, 0.25, 0.3]), st.floats(1e-6, 0.95),
)  # fmt: skip
def test_it_is_the_largest_number_that_the_proof_leaves_open(
    passed: int, failed: int, alpha: float, part: float
) -> None:
    level = alpha * part
    found = CountBound(3, level, alpha).wrong(passed=passed, failed=failed)
    assert found == min(plain(failed, level, alpha), passed)


def test_a_whole_number_is_not_among_those_below_it() -> None:
    """F g / (alpha - g) = 3: fewer than 3."""
    assert CountBound(1, 0.125, 0.5).wrong(passed=99, failed=9) == 2
    assert CountBound(1, 0.125, 0.5).wrong(passed=99, failed=10) == 3
    assert CountBound(1, 0.125, 0.5).wrong(passed=1, failed=10) == 1
    assert CountBound(1, 0.125, 0.5).wrong(passed=99, failed=0) == 0


def exceeded(bound: CountBound, others: tuple[int, ...] = ()) -> object:
    """Whether more nulls pass than the bound says, beside other tests with these counts."""

    def wrong(outcome: tuple) -> bool:
        right = sum(hits >= bound.k for hits in outcome)
        passed = right + sum(hits >= bound.k for hits in others)
        failed = len(outcome) + len(others) - passed
        return right > bound.wrong(passed=passed, failed=failed)

    return wrong


@pytest.mark.parametrize(("nulls", "v"), [(4, 1), (4, 2), (6, 3), (8, 2), (9, 3)])
def test_the_worst_law_reaches_alpha_exactly(nulls: int, v: int) -> None:
    """Where N0 g / alpha is whole: exactly so many nulls pass at a time."""
    alpha = 0.25
    level = alpha * v / nulls
    table = np.array([1.0, level])
    found = worst_error(table, nulls, exceeded(CountBound(1, level, alpha)))  # type: ignore[arg-type]
    assert found == pytest.approx(alpha, abs=1e-9)


@settings(reproducible, max_examples=40)
@given(
    st.integers(1, 5), st.lists(st.integers(0, 3), max_size=4),
    st.floats(0.05, 0.5), st.lists(st.floats(0.05, 0.95), min_size=3, max_size=3),
)  # fmt: skip
def test_no_law_exceeds_alpha(
    nulls: int, others: list[int], alpha: float, steps: list[float]
) -> None:
    table = np.cumprod([1.0, *steps])
    able = np.flatnonzero(table < alpha)
    for k in able:
        bound = CountBound(int(k), float(table[k]), alpha)
        found = worst_error(table, nulls, exceeded(bound, tuple(others)))  # type: ignore[arg-type]
        assert found <= alpha + 1e-9


def test_defects_exceed_alpha() -> None:
    """``>`` for ``>=``, the bound of Markov alone turned round, and k chosen afterwards."""
    alpha, nulls = 0.25, 4
    table = np.array([1.0, 0.125])
    honest = CountBound(1, 0.125, alpha)

    def one_fewer(outcome: tuple) -> bool:
        right = sum(outcome)
        allowed = honest.wrong(passed=right, failed=nulls - right)
        return right > max(allowed - 1, 0)

    assert worst_error(table, nulls, one_fewer) > alpha + 0.05

    def best_of_two(outcome: tuple) -> bool:
        least = 0
        for bound in (CountBound(1, 0.1875, alpha), CountBound(2, 0.0625, alpha)):
            passed = sum(hits >= bound.k for hits in outcome)
            least = max(least, passed - bound.wrong(passed=passed, failed=len(outcome) - passed))
        return least > 0  # all are nulls

    chosen = worst_error(np.array([1.0, 0.1875, 0.0625]), 4, best_of_two)
    assert chosen > alpha + 0.05


@pytest.mark.parametrize(
    ("tau", "alpha", "n"),
    [(0.75, 0.001, 25), (0.95, 0.001, 135), (0.5, 0.05, 5), (0.99, 0.01, 459)],
)
def test_it_starts_at_so_many_draws_whatever_the_number_of_components(
    tau: float, alpha: float, n: int
) -> None:
    for components in (1, 10**7):
        assert fewest_draws_to_count(components, tau=tau, alpha=alpha) == n
    assert tau**n < alpha <= tau ** (n - 1)
    levels = count_levels(7, n, tau=tau, alpha=alpha, pilot=True)
    assert planned_count(levels) == n
    with pytest.raises(InputError, match="use more draws"):
        planned_count(count_levels(7, n - 1, tau=tau, alpha=alpha, pilot=True))


def test_without_pilot_a_part_of_alpha_is_set_aside() -> None:
    found = count_levels(1000, 60, tau=0.75, alpha=0.001, pilot=False)
    for k in (50, 55, 60):
        both = binom.sf(k - 1, 60, 0.75) + binom.sf(k - 1, 60, 0.25)
        assert found.levels[k] == pytest.approx(both, rel=1e-6)
        assert found.alphas[k] == pytest.approx(0.001 - 1000 * binom.sf(k - 1, 60, 0.25))
    assert found.alphas[30] == 0
    even = count_levels(10, 60, tau=0.5, alpha=0.001, pilot=False)
    aside = 10 * binom.sf(np.arange(60), 60, 0.5)  # of k = 1, 2, ...
    felt = np.flatnonzero((aside > 1e-5) & (aside < 0.001 / 3)) + 1
    assert len(felt) > 1
    assert even.alphas[felt] == pytest.approx(0.001 - aside[felt - 1], rel=1e-6)
    assert fewest_draws_to_count(10**6, tau=0.75, alpha=0.001, pilot=False) >= 25
    fewest = fewest_draws_to_count(10**6, tau=0.5, alpha=0.001, pilot=False)
    assert fewest > fewest_draws_to_count(10**6, tau=0.5, alpha=0.001)


def test_a_count_at_which_nothing_follows_is_refused() -> None:
    found = count_levels(7, 40, tau=0.75, alpha=0.001, pilot=True)
    first = int(np.flatnonzero(tails(40, 0.75) < 0.001)[0])
    assert found.bound(first).level == tails(40, 0.75)[first]
    for k in (first - 1, -1, 41):
        with pytest.raises(InputError, match=f"use k >= {first}"):
            found.bound(k)


def expected_number(k: int, p: np.ndarray, n: int, level: float, alpha: float) -> float:
    passes = binom.sf(k - 1, n, p).mean()
    return float(passes - min(passes, (1 - passes) * level / (alpha - level)))


@pytest.mark.parametrize("pilot", [None, (5, 5, 10, 80, 900), (300, 0, 0, 0, 700)])
def test_the_count_is_the_best_of_what_is_expected(pilot: tuple[int, ...] | None) -> None:
    n, alpha = 60, 0.001
    given = count_levels(1000, n, tau=0.75, alpha=alpha, pilot=True)
    chosen = planned_count(given, None if pilot is None else np.array(pilot))
    p = 1 - np.geomspace(1e-4, 1, 48, endpoint=False)
    shares = np.full(48, 1 / 48) if pilot is None else fitted(np.array(pilot), p)
    assert shares.sum() == pytest.approx(1)
    weighted = np.repeat(p, np.round(shares * 10**5).astype(int))
    numbers = {
        k: expected_number(k, weighted, n, float(given.levels[k]), alpha)
        for k in range(chosen - 3, min(chosen + 4, n + 1))
        if given.levels[k] < alpha
    }
    assert numbers[chosen] >= max(numbers.values()) - 1e-4


def test_the_fit_follows_the_pilot() -> None:
    p = 1 - np.geomspace(1e-4, 1, 48, endpoint=False)
    sure, unsure = fitted(np.array([0, 0, 0, 0, 100]), p), fitted(np.array([0, 50, 50, 0, 0]), p)
    assert sure @ p > 0.97
    assert 0.3 < unsure @ p < 0.5
    assert np.isfinite(fitted(np.array([0] * 1000 + [1]), p)).all()
