"""The capped threshold: against plain counting, exact under the worst dependence, defects seen."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joint_laws import by, reject_p_values, worst_false_rejections

from segcert.errors import InputError
from segcert.stats.binomial import tails
from segcert.stats.capped import Capped
from segcert.stats.correction import AbstractCorrection
from segcert.stats.holm import holm
from segcert.stats.k_fwer import KFwer

pytestmark = pytest.mark.repeats

ALPHA, SURE = 0.1, 1e-12
reproducible = settings(derandomize=True, deadline=None)


def plain_step_down(p: np.ndarray, k: int, alpha: float) -> np.ndarray:
    """Lehmann and Romano's procedure, one test at a time."""
    k, rejected = min(k, len(p)), np.zeros(len(p), dtype=bool)
    for rank, test in enumerate(np.argsort(p, kind="stable"), 1):
        if p[test] > k * alpha / (len(p) + k - max(rank, k)):
            break
        rejected[test] = True
    return rejected


def plain(p: np.ndarray, *, cap: int, k: int, reserve: float, alpha: float) -> np.ndarray:
    """All passes at the mild level if few enough fail; and what the step-down procedure rejects."""
    passes = p <= (1 - reserve) * alpha * k / (k + cap)
    accepted = passes if (~passes).sum() <= cap else np.zeros(len(p), dtype=bool)
    return accepted | plain_step_down(p, k, reserve * alpha)


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.ndarray, Capped, float]:
    """p-values near the levels, with ties; a cap that is met, missed or larger than the family."""
    size, alpha = draw(st.integers(1, 25)), draw(st.sampled_from([0.01, 0.1, 0.4]))
    cap, k = draw(st.integers(0, 30)), draw(st.integers(1, 4))
    correction = Capped(cap, k, draw(st.sampled_from([0.0, 0.1, 0.5])))
    level = correction.level(alpha=alpha)
    special = [level, np.nextafter(level, 1), correction.reserve * alpha / size, SURE]
    value = st.sampled_from(special) | st.floats(0, 1) | st.floats(0, level)
    p = np.array(draw(st.lists(value, min_size=size, max_size=size)))
    return np.clip(p, 1e-200, 1), correction, alpha


@settings(reproducible, max_examples=300)
@given(cases())
def test_rejections_are_those_of_plain_counting(case: tuple[np.ndarray, Capped, float]) -> None:
    p, c, alpha = case
    expected = plain(p, cap=c.cap, k=c.k, reserve=c.reserve, alpha=alpha)
    assert (reject_p_values(c, p, alpha) == expected).all()


def test_cap_is_met_and_missed() -> None:
    """Level 0.1 / 3 with two failures allowed: two are accepted, three are not."""
    correction = Capped(2, reserve=0)
    p = np.array([0.03, 0.033, 0.034, 1.0])
    assert correction.level(alpha=ALPHA) == pytest.approx(ALPHA / 3)
    assert reject_p_values(correction, p, ALPHA).tolist() == [True, True, False, False]
    assert not reject_p_values(correction, np.append(p, 1.0), ALPHA).any()
    p[2] = 0.033
    assert reject_p_values(correction, np.append(p, 1.0), ALPHA).sum() == 3


def test_certifies_where_holm_cannot_start() -> None:
    """1000 components, 990 with 40 hits of 40: 0.75^40 = 1e-5 is above alpha / N, not above u."""
    table, histogram = tails(40, 0.75), np.zeros(41, dtype=np.int64)
    histogram[40], histogram[0] = 990, 10
    counts = np.repeat(np.arange(41), histogram)
    assert not by(holm, table, 1e-3)(counts).any()
    assert by(Capped(50), table, 1e-3)(counts).sum() == 990
    assert (
        Capped(50).first_level(1000, alpha=1e-3) >= table[40] > holm.first_level(1000, alpha=1e-3)
    )


@reproducible
@given(cases(), st.floats(0.001, 0.999))
def test_rejections_grow_with_alpha(case: tuple[np.ndarray, Capped, float], other: float) -> None:
    p, correction, alpha = case
    low, high = (reject_p_values(correction, p, some) for some in sorted([alpha, other]))
    assert (low <= high).all()


@reproducible
@given(cases(), st.randoms(use_true_random=False))
def test_order_of_the_tests_changes_nothing(
    case: tuple[np.ndarray, Capped, float], random: object
) -> None:
    p, correction, alpha = case
    order = sorted(range(len(p)), key=lambda _: random.random())  # type: ignore[attr-defined]
    one = reject_p_values(correction, p, alpha)[order]
    assert (one == reject_p_values(correction, p[order], alpha)).all()


def worst(
    correction: AbstractCorrection, values: set[float], *, nulls: int, passing: int, failing: int
) -> float:
    """Largest error over all joint laws of the nulls, beside tests that surely pass or fail."""
    table = np.array(sorted({1.0, SURE, *values}, reverse=True))
    others = {nulls + i: len(table) - 1 for i in range(passing)}
    others |= {nulls + passing + i: 0 for i in range(failing)}
    return worst_false_rejections(
        by(correction, table, ALPHA),
        table,
        nulls=list(range(nulls)),
        others=others,
        more_than=correction.errors_allowed,
    )


@pytest.mark.parametrize(("cap", "k"), [(0, 1), (1, 1), (2, 1), (3, 1), (2, 2), (1, 3)])
def test_worst_dependence_costs_alpha_and_no_more(cap: int, k: int) -> None:
    """k + cap nulls of which exactly k pass: Markov's inequality is an equality."""
    correction = Capped(cap, k, reserve=0)
    level = correction.level(alpha=ALPHA)
    assert worst(correction, {level}, nulls=k + cap, passing=2, failing=0) == pytest.approx(ALPHA)
    for nulls in range(1, 5):
        for failing in (0, 1):
            found = worst(correction, {level}, nulls=nulls, passing=1, failing=failing)
            assert found <= ALPHA + 1e-9


@settings(reproducible, max_examples=25)
@given(
    st.integers(0, 4),
    st.integers(1, 2),
    st.sampled_from([0.0, 0.1, 0.5]),
    st.lists(st.floats(0.001, 0.3), max_size=2),
    st.integers(1, 4),
    st.integers(0, 2),
    st.integers(0, 2),
)
def test_no_dependence_exceeds_alpha(
    cap: int, k: int, reserve: float, values: list[float], nulls: int, passing: int, failing: int
) -> None:
    """Also with the step-down procedure on top: the union is paid for."""
    correction = Capped(cap, k, reserve)
    tests = nulls + passing + failing
    mild, strict = correction.level(alpha=ALPHA), min(k, tests) * reserve * ALPHA / tests
    special = {some for some in (mild, strict, *values) if some > SURE}
    found = worst(correction, special, nulls=nulls, passing=passing, failing=failing)
    assert found <= ALPHA + 1e-9


def test_reserve_and_rest_together_come_close_to_alpha() -> None:
    """Two disjoint errors: one null below the strict level, or one below the mild one."""
    correction = Capped(2, reserve=0.5)
    strict = 0.5 * ALPHA / 4
    found = worst(
        correction, {correction.level(alpha=ALPHA), strict}, nulls=4, passing=0, failing=0
    )
    assert 0.5 * ALPHA < found <= ALPHA + 1e-9


@dataclass(frozen=True)
class WithoutCap(Capped):
    """The mild level without the factor 1 + cap."""

    def level(self, *, alpha: float) -> float:
        """Level as if no failure were allowed."""
        return (1 - self.reserve) * alpha


@dataclass(frozen=True)
class ReserveForNothing(Capped):
    """The whole of alpha for the mild level, and a reserve on top."""

    def level(self, *, alpha: float) -> float:
        """Level of all of alpha."""
        return alpha * self.k / (self.k + self.cap)


def test_level_without_the_cap_breaks_the_guarantee() -> None:
    correction = WithoutCap(2, reserve=0)
    assert worst(correction, {ALPHA}, nulls=3, passing=1, failing=0) == pytest.approx(3 * ALPHA)


def test_reserve_on_top_of_alpha_breaks_the_guarantee() -> None:
    correction = ReserveForNothing(1, reserve=0.9)
    special = {ALPHA / 2, 0.9 * ALPHA / 3, 0.9 * ALPHA / 2, 0.9 * ALPHA}
    assert worst(correction, special, nulls=3, passing=0, failing=0) > 1.2 * ALPHA


def test_cap_chosen_after_the_counts_breaks_the_guarantee() -> None:
    """The smallest cap that fits, level alpha / (1 + failures): why it has to be fixed before."""

    def reject(counts: np.ndarray) -> np.ndarray:
        tried = [by(Capped(cap, reserve=0), table, ALPHA)(counts) for cap in range(4)]
        return np.any(tried, axis=0)

    table = np.array(sorted({1.0, *(ALPHA / (1 + cap) for cap in range(4)), SURE}, reverse=True))
    given_tests = {"nulls": [0, 1, 2, 3], "others": {}, "more_than": 0}
    assert worst_false_rejections(reject, table, **given_tests) > 1.2 * ALPHA


def test_k_errors_are_allowed_and_no_more() -> None:
    assert Capped(5, 3).errors_allowed == 2
    assert Capped(5).errors_allowed == 0
    assert Capped(7, 3, reserve=0).level(alpha=ALPHA) == pytest.approx(ALPHA * 3 / 10)


def test_first_level_is_the_larger_of_both() -> None:
    assert Capped(1000).first_level(2, alpha=ALPHA) == pytest.approx(0.1 * ALPHA / 2)
    assert Capped(10).first_level(10**6, alpha=ALPHA) == pytest.approx(0.9 * ALPHA / 11)
    fallback = KFwer(3).first_level(2, alpha=0.1 * ALPHA)
    assert Capped(1000, 3).first_level(2, alpha=ALPHA) == max(
        fallback, Capped(1000, 3).level(alpha=ALPHA)
    )


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"cap": -1}, "cap of capped must be an integer >= 0, got -1"),
        ({"cap": True}, "cap of capped must be an integer >= 0, got True"),
        ({"cap": 1, "k": 0}, "k of capped must be an integer >= 1, got 0"),
        ({"cap": 1, "reserve": 1.0}, r"reserve of capped must be in \[0, 1\), got 1.0"),
        ({"cap": 1, "reserve": -0.1}, r"reserve of capped must be in \[0, 1\), got -0.1"),
        ({"cap": 1, "reserve": float("nan")}, r"reserve of capped must be in \[0, 1\), got nan"),
    ],
)
def test_parameters_out_of_range_are_refused(parameters: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Capped(**parameters)
