"""Ordered testing: against a plain loop, exact under the worst dependence, defects seen."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joint_laws import by, worst_false_rejections

from segcert.errors import InputError
from segcert.stats.binomial import tails
from segcert.stats.bonferroni import bonferroni
from segcert.stats.capped import Capped
from segcert.stats.correction import AbstractCorrection, Decision, Evidence, times_at_most
from segcert.stats.holm import holm
from segcert.stats.ordered import Ordered, before_failure, quarter_of_doubtful
from segcert.stats.promise import promise_of_ratio

pytestmark = pytest.mark.repeats

ALPHA, SURE = 0.1, 1e-12
reproducible = settings(derandomize=True, deadline=None)


def evidence(table: np.ndarray, hits: np.ndarray, promise: np.ndarray) -> Evidence:
    """Counts of single tests as evidence."""
    histogram = np.bincount(hits, minlength=len(table)).astype(np.int64)
    return Evidence(table, histogram, hits.astype(np.int32), promise.astype(np.uint16))


def mask(
    correction: AbstractCorrection, table: np.ndarray, hits: np.ndarray, promise: np.ndarray
) -> np.ndarray:
    """Which tests are rejected."""
    return correction.decide(evidence(table, hits, promise), alpha=ALPHA).mask(hits)


def falling(promise: np.ndarray) -> list[int]:
    """Tests in the order of falling promise, equal ones as they come."""
    return sorted(range(len(promise)), key=lambda i: -int(promise[i]))


def level_by_level(
    p: np.ndarray, promise: np.ndarray, *, mild: float, paid: int, strict: float
) -> list[bool]:
    """The loop of the docstring: a test is at the level of the failures before it."""
    rejected, failures = [False] * len(p), 0
    for test in falling(promise):
        level = mild if failures < paid else min(mild, strict)
        rejected[test] = bool(p[test] <= level)
        failures += not p[test] <= mild if failures < paid else 0
    return rejected


def level_count(table: np.ndarray, share: float, asked: float) -> int:
    """The count whose p-value is nearest to what is asked for, but payable; n if none is."""
    payable = [k for k in range(len(table)) if table[k] <= share]
    if not payable:
        return len(table) - 1
    return min(payable, key=lambda k: (abs(np.log(table[k] / asked)), k))


def as_documented(
    table: np.ndarray, hits: np.ndarray, promise: np.ndarray, c: Ordered
) -> list[bool]:
    """Levels from the parameters, in rational arithmetic, and the loop."""
    budget = c.budget or max(1, sum(int(some) < promise_of_ratio(2.0) for some in promise) // 4)
    share = (1 - c.reserve) * ALPHA
    mild = float(table[level_count(table, share, share / budget)])
    paid = min(len(hits), Fraction(share) // Fraction(mild))
    strict = c.reserve * ALPHA / max(len(hits) - paid, 1)
    return level_by_level(table[hits], promise, mild=mild, paid=paid, strict=strict)


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, Ordered]:
    """Tails of a binomial or any table, hits, promises with many ties, parameters."""
    n, size = draw(st.integers(1, 12)), draw(st.integers(1, 25))
    values = st.floats(1e-6, 0.9) | st.sampled_from([ALPHA / i for i in range(1, 9)])
    some = sorted(draw(st.sets(values, min_size=n, max_size=n)), reverse=True)
    table = tails(n, 0.6) if draw(st.booleans()) else np.array([1.0, *some])
    hits = np.array(draw(st.lists(st.integers(0, n), min_size=size, max_size=size)))
    few = st.sampled_from([0, 1, 30000, promise_of_ratio(2.0), 2**16 - 1])
    promise = np.array(draw(st.lists(few, min_size=size, max_size=size)), dtype=np.uint16)
    budget = draw(st.none() | st.integers(1, 30))
    reserve = draw(st.sampled_from([0.0, 0.1, 0.5, 0.9]))
    return table, hits, promise, Ordered(budget, "margin", reserve)


@settings(reproducible, max_examples=200)
@given(cases())
def test_rejections_are_those_of_the_loop(
    case: tuple[np.ndarray, np.ndarray, np.ndarray, Ordered],
) -> None:
    table, hits, promise, correction = case
    found = mask(correction, table, hits, promise)
    assert found.tolist() == as_documented(table, hits, promise, correction)
    threshold = correction.decide(evidence(table, hits, promise), alpha=ALPHA).threshold
    assert (hits[found] >= threshold).all()


@reproducible
@given(
    st.lists(
        st.tuples(st.sampled_from([0, 1, 2, 65534, 65535]) | st.integers(0, 65535), st.booleans()),
        min_size=1,
        max_size=40,
    ),
    st.integers(1, 45),
)
def test_before_failure_is_a_walk(tests: list[tuple[int, bool]], number: int) -> None:
    promise = np.array([value for value, _ in tests], dtype=np.uint16)
    failed = np.array([fails for _, fails in tests])
    expected, failures = [False] * len(tests), 0
    for test in falling(promise):
        failures += failed[test]
        if failures == number:
            break
        expected[test] = True
    assert before_failure(promise, failed, number).tolist() == expected


def test_an_example() -> None:
    """Order 4, 3, 0, 1, 2; the second failure stops; ties in the order of the array."""
    table = np.array([1.0, 0.3, ALPHA / 2])
    hits, promise = np.array([2, 1, 2, 1, 2]), np.array([5, 5, 0, 7, 9])
    found = mask(Ordered(2, reserve=0), table, hits, promise)
    assert found.tolist() == [True, False, False, False, True]


def with_level(table: np.ndarray, level: float) -> np.ndarray:
    """The table with one more count, whose p-value is exactly a level."""
    return np.array(sorted([*table, level], reverse=True))


@reproducible
@given(cases())
def test_a_budget_for_all_is_bonferroni(
    case: tuple[np.ndarray, np.ndarray, np.ndarray, Ordered],
) -> None:
    """Where alpha / N is the p-value of a count; else the level is the nearest one."""
    table, hits, promise, _ = case
    table = with_level(table, ALPHA / len(hits))
    by_all = mask(Ordered(len(hits), reserve=0), table, hits, promise)
    reference = bonferroni.decide(evidence(table, hits, promise), alpha=ALPHA).mask(hits)
    exact = times_at_most(ALPHA / len(hits), ALPHA) == len(hits)  # not so if it is rounded up
    assert (by_all == reference).all() or not exact
    assert (by_all <= reference).all()


@reproducible
@given(cases(), st.integers(1, 25))
def test_with_fewer_failures_than_paid_it_does_what_a_cap_does(
    case: tuple[np.ndarray, np.ndarray, np.ndarray, Ordered], budget: int
) -> None:
    table, hits, promise, _ = case
    level = float(np.nextafter(ALPHA / budget, 0))
    table = with_level(table[(table > level * 1.001) | (table < level / 1.001)], level)
    hits = np.minimum(hits, len(table) - 1)
    ordered = mask(Ordered(budget, reserve=0), table, hits, promise)
    capped = mask(Capped(budget - 1, reserve=0), table, hits, promise)
    assert (capped <= ordered).all()
    if (table[hits] > level).sum() < budget:
        assert (capped == ordered).all()
        assert (capped == (table[hits] <= level)).all()


@reproducible
@given(cases(), st.floats(0.2, 5))
def test_order_within_the_array_matters_for_ties_only(
    case: tuple[np.ndarray, np.ndarray, np.ndarray, Ordered], shift: float
) -> None:
    table, hits, _, correction = case
    promise = np.random.default_rng(int(shift * 1000)).permutation(len(hits)).astype(np.uint16)
    order = np.random.default_rng(1).permutation(len(hits))
    one = mask(correction, table, hits, promise)[order]
    assert (one == mask(correction, table, hits[order], promise[order])).all()


@reproducible
@given(cases())
def test_levels_along_the_order_sum_to_alpha_at_most(
    case: tuple[np.ndarray, np.ndarray, np.ndarray, Ordered],
) -> None:
    """In rational arithmetic; one failure more could not be paid for."""
    table, hits, promise, c = case
    budget = c.budget or quarter_of_doubtful(promise)
    share = (1 - c.reserve) * ALPHA
    mild = float(table[level_count(table, share, share / budget)])
    paid = min(times_at_most(mild, share), len(hits))
    assert paid * Fraction(mild) <= Fraction(share)
    assert paid == len(hits) or (paid + 1) * Fraction(mild) > Fraction(share)


@reproducible
@given(st.floats(1e-200, 1), st.floats(1e-12, 1))
def test_paid_failures_are_counted_exactly(p_value: float, level: float) -> None:
    times = times_at_most(p_value, level)
    assert times * Fraction(p_value) <= Fraction(level) < (times + 1) * Fraction(p_value)


def test_division_alone_would_pay_for_too_many() -> None:
    """0.001 / 5 in floats is more than a fifth: it fits four times, division says five."""
    level, times = 0.001, 5
    p_value = level / times
    assert Fraction(p_value) * times > Fraction(level)
    assert int(level / p_value) == times
    assert times_at_most(p_value, level) == times - 1


def worst(
    correction: Ordered,
    values: set[float],
    *,
    nulls: list[int],
    tests: int,
    hopeless: tuple[int, ...] = (),
    promise: np.ndarray | None = None,
) -> float:
    """Largest error over all joint laws of the nulls; other tests pass, but for hopeless ones."""
    table = np.array(sorted({1.0, SURE, *values}, reverse=True))
    others = {
        place: 0 if place in hopeless else len(table) - 1
        for place in range(tests)
        if place not in nulls
    }
    order = np.arange(tests, 0, -1) if promise is None else promise
    reject = by(correction, table, ALPHA, order.astype(np.uint16))
    return worst_false_rejections(reject, table, nulls=nulls, others=others, more_than=0)


@pytest.mark.parametrize("budget", [1, 2, 3, 4])
def test_worst_dependence_costs_alpha_and_no_more(budget: int) -> None:
    """Exactly one of the first m nulls is falsely rejected: the union bound is an equality."""
    level, correction = ALPHA / budget, Ordered(budget, reserve=0)
    assert worst(correction, {level}, nulls=[0, 1, 2, 3], tests=6) == pytest.approx(ALPHA)
    for nulls in ([0], [3], [1, 2], [0, 2, 4], [1, 2, 3, 5]):
        for hopeless in ((), (0,), (4,), (0, 4)):
            places = tuple(place for place in hopeless if place not in nulls)
            found = worst(correction, {level}, nulls=nulls, tests=6, hopeless=places)
            assert found <= ALPHA + 1e-9


@settings(reproducible, max_examples=25)
@given(
    st.integers(1, 5),
    st.sampled_from([0.0, 0.1, 0.5, 0.9]),
    st.lists(st.floats(0.001, 0.3), max_size=2),
    st.sets(st.integers(0, 5), min_size=1, max_size=4),
    st.sets(st.integers(0, 5), max_size=2),
    st.lists(st.integers(0, 2), min_size=6, max_size=6),
)
@pytest.mark.repeats
def test_no_dependence_exceeds_alpha(
    budget: int,
    reserve: float,
    values: list[float],
    nulls: set[int],
    hopeless: set[int],
    promise: list[int],
) -> None:
    correction = Ordered(budget, reserve=reserve)
    strict = {reserve * ALPHA / left for left in range(1, 7)}
    special = {(1 - reserve) * ALPHA / budget, *values, max(strict), min(strict)} - {0.0}
    found = worst(
        correction,
        special,
        nulls=sorted(nulls),
        tests=6,
        hopeless=tuple(hopeless - nulls),
        promise=np.array(promise),
    )
    assert found <= ALPHA + 1e-9


def test_mild_and_strict_levels_together_cost_alpha() -> None:
    """One of two nulls at the mild level, or one of the two after them at the strict level."""
    correction = Ordered(2, reserve=0.5)
    special = {0.25 * ALPHA}  # 0.5 alpha / 2 before and after
    assert worst(correction, special, nulls=[0, 1, 2, 3], tests=4) == pytest.approx(ALPHA)


@dataclass(frozen=True)
class Unstoppable(Ordered):
    """Every pass counts, however many failures came before."""

    def decide(self, evidence: Evidence, *, alpha: float) -> Decision:
        """Reject at the mild level to the end."""
        level = (1 - self.reserve) * alpha / (self.budget or 1)
        return Decision(int(np.flatnonzero(evidence.p_values <= level)[0]))


@dataclass(frozen=True)
class OneMore(Ordered):
    """Stops one failure too late."""

    def decide(self, evidence: Evidence, *, alpha: float) -> Decision:
        """Pay for one failure more than the level allows."""
        assert evidence.hits is not None
        assert evidence.promise is not None
        level = (1 - self.reserve) * alpha / (self.budget or 1)
        passed = evidence.p_values[evidence.hits] <= level
        more = (self.budget or 1) + 1
        return Decision(0, passed & before_failure(evidence.promise, ~passed, more))


def test_no_stop_breaks_the_guarantee() -> None:
    found = worst(Unstoppable(1, reserve=0), {ALPHA}, nulls=[0, 1, 2, 3], tests=4)
    assert found == pytest.approx(4 * ALPHA)


@pytest.mark.parametrize("budget", [1, 2, 3])
def test_a_stop_one_failure_too_late_breaks_the_guarantee(budget: int) -> None:
    special = {ALPHA / budget}
    found = worst(OneMore(budget, reserve=0), special, nulls=[0, 1, 2, 3], tests=4)
    assert found == pytest.approx(ALPHA * (budget + 1) / budget)


def test_order_by_the_tested_draws_breaks_the_guarantee() -> None:
    """Sorted by their own hits, passes come before failures and are never stopped."""
    table = np.array([1.0, ALPHA, SURE])

    def reject(counts: np.ndarray) -> np.ndarray:
        return mask(Ordered(1, reserve=0), table, counts, counts)

    found = worst_false_rejections(reject, table, nulls=[0, 1, 2, 3], others={}, more_than=0)
    assert found == pytest.approx(4 * ALPHA)


def test_certifies_where_holm_cannot_start() -> None:
    """10,000 components, 9,900 of them with 40 hits of 40 and a high promise."""
    table, hits = tails(40, 0.75), np.full(10_000, 40)
    hits[::100] = 20
    promise = np.where(hits == 40, 50_000, 30_000)
    some = evidence(table, hits, promise)
    assert holm.decide(some, alpha=1e-3).mask(hits).sum() == 0
    assert Ordered().decide(some, alpha=1e-3).mask(hits).sum() == 9_900


def test_automatic_budget_is_a_quarter_of_the_doubtful() -> None:
    doubtful, sure = promise_of_ratio(2.0) - 1, promise_of_ratio(2.0)
    assert quarter_of_doubtful(np.array([doubtful] * 43 + [sure] * 99, dtype=np.uint16)) == 10
    assert quarter_of_doubtful(np.array([sure] * 5, dtype=np.uint16)) == 1
    assert quarter_of_doubtful(np.array([], dtype=np.uint16)) == 1


def test_no_draws_are_enough_for_the_budget() -> None:
    """Even n hits of n are above the mild level: what is left is Bonferroni with the reserve."""
    table = np.array([1.0, 0.5])
    hits, promise = np.array([1, 1, 0]), np.array([1, 2, 3])
    assert not mask(Ordered(1), table, hits, promise).any()
    table = np.array([1.0, 0.08])
    assert mask(Ordered(100, reserve=0), table, hits, promise).tolist() == [False] * 3
    assert mask(Ordered(100, reserve=0), table, hits, promise[::-1]).tolist() == [True, True, False]


def test_a_failure_is_paid_for_if_any_count_can_pay() -> None:
    """Asked for one at 0.1, the nearest p-value is 0.11, of which not one fits: 0.08 is taken."""
    table = np.array([1.0, 0.11, 0.08])
    hits, promise = np.array([2, 1, 2]), np.array([3, 2, 1])
    assert mask(Ordered(1, reserve=0), table, hits, promise).tolist() == [True, False, False]


def test_the_level_is_that_of_the_nearest_count() -> None:
    """Asked for three at 0.0333: 0.045 is nearer than 0.02 and pays for two; 0.06 is not."""
    hits, promise = np.array([1, 0, 1, 0, 1]), np.array([5, 4, 3, 2, 1])
    for value, count in ((0.045, 2), (0.06, 1)):
        table = np.array([1.0, value, 0.02, 0.0001])
        decision = Ordered(3, reserve=0).decide(evidence(table, hits, promise), alpha=ALPHA)
        assert decision.threshold == 3 - count
    assert mask(Ordered(3, reserve=0), np.array([1.0, 0.045, 0.02]), hits, promise).tolist() == [
        True, False, True, False, False
    ]  # fmt: skip


def test_nothing_to_test() -> None:
    nothing = np.array([], dtype=np.int64)
    assert mask(Ordered(3), tails(20, 0.6), nothing, nothing).shape == (0,)


@pytest.mark.parametrize("missing", ["hits", "promise"])
def test_an_order_is_needed(missing: str) -> None:
    hits, promise = np.array([1], dtype=np.int32), np.array([1], dtype=np.uint16)
    given_arrays = {"hits": hits, "promise": promise} | {missing: None}
    some = Evidence(np.array([1.0, 0.01]), np.array([0, 1], dtype=np.int64), **given_arrays)
    with pytest.raises(InputError, match="needs an order from the pilot draws: use n0 >= 1"):
        Ordered().decide(some, alpha=ALPHA)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"budget": 0}, "budget of ordered must be an integer >= 1, got 0"),
        ({"budget": True}, "budget of ordered must be an integer >= 1, got True"),
        ({"reserve": 1.0}, r"reserve of ordered must be in \[0, 1\), got 1.0"),
        ({"reserve": float("nan")}, r"reserve of ordered must be in \[0, 1\), got nan"),
    ],
)
def test_parameters_out_of_range_are_refused(parameters: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Ordered(**parameters)


def test_first_level_is_that_of_one_paid_failure() -> None:
    assert Ordered(1000).first_level(10**6, alpha=ALPHA) == pytest.approx(0.9 * ALPHA)
