"""p-values with and without pilot, against the enumeration of all outcomes."""

from itertools import product
from math import factorial, prod

import numpy as np
import pytest

from segcert.stats.binomial import tails
from segcert.stats.p_values import no_pilot_p_values, pilot_p_values

CASES = [(2, 1), (2, 2), (2, 5), (2, 12), (3, 1), (3, 3), (3, 6), (3, 9), (4, 4), (4, 6)]
TAUS = [0.5, 0.55, 0.75, 0.9]


def outcomes(classes: int, n: int) -> np.ndarray:
    """All counts of n draws from so many classes, one row each."""
    rows = [row for row in product(range(n + 1), repeat=classes) if sum(row) == n]
    return np.array(rows)


def simplex(classes: int, steps: int = 20) -> np.ndarray:
    """A grid of probability vectors, one row each."""
    return outcomes(classes, steps) / steps


def corner(classes: int, tau: float) -> np.ndarray:
    """The worst case: one class at tau, a second with the rest."""
    return np.array([[tau, 1 - tau] + [0.0] * (classes - 2)])


def chance(happens: np.ndarray, counts: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Probability of an event (a mask of outcomes), one for each probability vector."""
    ways = [factorial(int(row.sum())) // prod(factorial(int(k)) for k in row) for row in counts]
    each = (probabilities[:, None, :] ** counts[None]).prod(2) * np.array(ways, dtype=float)
    return (each * happens).sum(1)


@pytest.mark.parametrize("tau", TAUS)
@pytest.mark.parametrize(("classes", "n"), CASES)
def test_no_null_exceeds_the_two_term_p_value(classes: int, n: int, tau: float) -> None:
    """Whatever the probabilities at most tau: P(some class k times or more) <= g(k)."""
    p_values, counts = no_pilot_p_values(n, tau=tau), outcomes(classes, n)
    grid = simplex(classes)
    nulls = np.concatenate([grid[(grid <= tau).all(1)], corner(classes, tau)])
    for k in np.flatnonzero(p_values < 1):
        assert chance((counts >= k).any(1), counts, nulls).max() <= p_values[k]


@pytest.mark.parametrize("tau", TAUS)
@pytest.mark.parametrize(("classes", "n"), CASES)
def test_two_term_p_value_is_sharp_at_the_corner(classes: int, n: int, tau: float) -> None:
    """At (tau, 1 - tau) the bound is met; one term alone would be too small."""
    p_values, counts = no_pilot_p_values(n, tau=tau), outcomes(classes, n)
    for k in np.flatnonzero(p_values < 1):
        (met,) = chance((counts >= k).any(1), counts, corner(classes, tau))
        assert p_values[k] == pytest.approx(met, rel=1e-9)
        if n <= 6:
            assert tails(n, tau)[k] < met * (1 - 1e-9)


@pytest.mark.parametrize("tau", TAUS)
@pytest.mark.parametrize(("classes", "n"), CASES)
def test_another_class_than_that_above_tau_is_bounded(classes: int, n: int, tau: float) -> None:
    """If class 0 has more than tau: P(another one k times or more) <= P(Bin(n, 1 - tau) >= k)."""
    counts, grid, bound = outcomes(classes, n), simplex(classes), tails(n, 1 - tau)
    alternatives = grid[grid[:, 0] > tau]
    assert len(alternatives)
    for k in range(1, n + 1):
        wrong = (counts[:, 1:] >= k).any(1)
        assert chance(wrong, counts, alternatives).max() <= bound[k]
        (limit,) = chance(wrong, counts, corner(classes, tau))
        assert limit == pytest.approx(bound[k], rel=1e-9)  # sharp: approached from above tau


@pytest.mark.parametrize("tau", [*TAUS, 0.99])
@pytest.mark.parametrize("n", [1, 2, 9, 10, 50, 100])
def test_no_pilot_p_values_are_one_where_nothing_is_proved(n: int, tau: float) -> None:
    """Below k = tau (n - 1) + 1, or without a majority; beyond they never rise."""
    p_values = no_pilot_p_values(n, tau=tau)
    k = np.arange(n + 1)
    proved = ((k - 1) / max(n - 1, 1) >= tau - 1e-12) & (2 * k > n) & (k >= 1)
    assert (p_values[~proved] == 1).all()
    both = np.minimum(tails(n, tau) + tails(n, 1 - tau), 1)
    assert (p_values[proved] == both[proved]).all()
    assert (np.diff(p_values) <= 0).all()
    assert p_values[0] == 1


def test_pilot_p_values_are_one_binomial_tail() -> None:
    assert pilot_p_values(4, tau=0.75) == pytest.approx(
        [1, 1 - 1 / 256, 1 - 13 / 256, 189 / 256, 81 / 256], rel=1e-9
    )
