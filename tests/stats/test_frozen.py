"""Tests that are not drawn any more: the error over all joint laws and all choices of who goes on.

The worst case is a linear program over the counts of all null hypotheses at two looks; the
adversary sees all of them, those of the second look too, before it chooses whom to freeze.
"""

from collections.abc import Callable
from itertools import product
from typing import ClassVar

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.stats import binom

from segcert.errors import InputError
from segcert.stats.bonferroni import bonferroni
from segcert.stats.capped import Capped
from segcert.stats.correction import AbstractCorrection, Decision, Evidence
from segcert.stats.frozen import check_may_freeze, reject_with_frozen
from segcert.stats.holm import holm
from segcert.stats.k_fwer import KFwer
from segcert.stats.ordered import Ordered

TAU, AT, ALPHA = 0.5, (2, 4), 0.5
TABLES = [binom.sf(np.arange(n + 1) - 1, n, TAU) for n in AT]
PATHS = [(k, k + more) for k in range(AT[0] + 1) for more in range(AT[1] - AT[0] + 1)]
MASS = np.array([
    binom.pmf(first, AT[0], TAU) * binom.pmf(second - first, AT[1] - AT[0], TAU)
    for first, second in PATHS
])  # fmt: skip
Look = Callable[[int, np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def ours(
    correction: AbstractCorrection, promise: np.ndarray | None = None, alpha: float = ALPHA / 2
) -> Look:
    """One look: its number, hits, who is drawn, who is rejected."""

    def look(number: int, hits: np.ndarray, drawn: np.ndarray, before: np.ndarray) -> np.ndarray:
        return reject_with_frozen(
            hits, p_values=TABLES[number], drawn=drawn, rejected=before, correction=correction,
            alpha=alpha, promise=promise,
        )  # fmt: skip

    return look


def worst(look: Look, *, nulls: int, sure: int = 0, allowed: int = 0) -> float:
    """Largest probability of more than so many false rejections.

    Args:
        look: The procedure.
        nulls: True null hypotheses, each of probability tau in every draw.
        sure: Other tests, after them, which are always hit.
        allowed: False rejections that are none too many.
    """
    everyone = np.ones(nulls + sure, dtype=bool)
    outcomes = list(product(range(len(PATHS)), repeat=nulls))
    wrong = np.zeros(len(outcomes))
    for place, outcome in enumerate(outcomes):
        hits = np.array([[*(PATHS[one][k] for one in outcome), *[AT[k]] * sure] for k in (0, 1)])
        first = look(0, hits[0], everyone, ~everyone)
        for choice in product((False, True), repeat=nulls + sure):
            last = look(1, hits[1], np.array(choice), first)
            if last[:nulls].sum() > allowed:
                wrong[place] = 1
                break
    conditions = np.zeros((nulls * len(PATHS), len(outcomes)))
    for place, outcome in enumerate(outcomes):
        for null, path in enumerate(outcome):
            conditions[null * len(PATHS) + path, place] = 1
    found = linprog(-wrong, A_eq=conditions, b_eq=np.tile(MASS, nulls), method="highs")
    assert found.success, found.message
    return float(-found.fun)


ORDER = np.array([3, 2, 1], dtype=np.uint16)


@pytest.mark.parametrize(
    ("correction", "allowed"),
    [
        (holm, 0),
        (bonferroni, 0),
        (KFwer(2), 1),
        (Capped(1), 0),
        (Capped(0, k=2), 1),
        (Capped(1, k=2, reserve=0.5), 1),
        (Ordered(budget=1), 0),
        (Ordered(budget=2, reserve=0.0), 0),
    ],
)
@pytest.mark.parametrize(("nulls", "sure"), [(1, 0), (2, 0), (2, 1)])
def test_whoever_goes_on_the_error_is_at_most_alpha(
    correction: AbstractCorrection, allowed: int, nulls: int, sure: int
) -> None:
    promise = ORDER[: nulls + sure]
    found = worst(ours(correction, promise), nulls=nulls, sure=sure, allowed=allowed)
    assert found <= ALPHA + 1e-9


def test_one_null_errs_as_often_as_its_looks_allow() -> None:
    """2 of 2 are a proof at the first look, and 4 of 4 at the second, which come after 2 of 2."""
    assert worst(ours(holm), nulls=1) == pytest.approx(0.25)


FEW = 0.13  # half of it lets one test pass with 4 of 4 hits, a part of that does not


def only_who_is_drawn(
    number: int, hits: np.ndarray, drawn: np.ndarray, before: np.ndarray
) -> np.ndarray:
    """A defect: the family is those that are drawn, so that what was given up costs nothing."""
    found = before.copy()
    left = drawn & ~before
    if left.any():
        counts = hits[left]
        evidence = Evidence(TABLES[number], np.bincount(counts, minlength=AT[number] + 1), counts)
        found[left] = holm.decide(evidence, alpha=FEW / 2).mask(counts)
    return found


def test_a_family_of_those_that_are_drawn_is_too_small() -> None:
    """Freezing all tests but the lucky one would turn N tests into one."""
    assert worst(only_who_is_drawn, nulls=3) == pytest.approx(3 / 16)
    assert worst(ours(holm, alpha=FEW / 2), nulls=3) <= FEW < 3 / 16


def test_a_look_without_its_share_of_alpha_is_seen() -> None:
    assert worst(ours(holm, alpha=2 * ALPHA), nulls=2) > ALPHA + 0.01


class OneByOne(AbstractCorrection):
    """Controls 2-FWER at each look: it rejects one test, wrongly or not, by the number of draws."""

    name: ClassVar[str] = "one-by-one"
    controls: ClassVar[str] = "k-FWER"

    @property
    def errors_allowed(self) -> int:
        """One."""
        return 1

    def decide(self, evidence: Evidence, *, alpha: float) -> Decision:  # noqa: ARG002
        """Reject another test at each look."""
        mask = np.zeros(evidence.tests, dtype=bool)
        mask[AT.index(len(evidence.p_values) - 1)] = True
        return Decision(0, mask)

    def first_level(self, tests: int, *, alpha: float) -> float:  # noqa: ARG002
        """Any."""
        return alpha


def test_allowed_errors_of_ones_own_correction_would_add_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each look has one error, as it may; both looks have two, which it may not."""
    with pytest.raises(InputError, match="those of different looks add up"):
        worst(ours(OneByOne()), nulls=2, allowed=1)
    monkeypatch.setattr("segcert.stats.frozen.check_may_freeze", lambda _: None)
    assert worst(ours(OneByOne()), nulls=2, allowed=1) == pytest.approx(1.0)


def test_a_large_reserve_of_capped_is_refused_where_errors_are_allowed() -> None:
    check_may_freeze(Capped(1, k=1, reserve=0.9))
    check_may_freeze(Capped(1, k=2, reserve=0.5))
    with pytest.raises(InputError, match=r"needs a reserve of at most 0.5 .* got 0.6"):
        check_may_freeze(Capped(1, k=2, reserve=0.6))


def test_ones_own_correction_of_no_errors_is_taken() -> None:
    class Own(type(holm)):  # type: ignore[misc]
        controls: ClassVar[str] = "FWER"

    assert worst(ours(Own()), nulls=2) <= ALPHA + 1e-9


def plain_holm(hits: np.ndarray, drawn: np.ndarray, before: np.ndarray, number: int) -> np.ndarray:
    """A second derivation: one by one, at alpha over what is not rejected yet."""
    found = before.copy()
    while True:
        left = np.flatnonzero(drawn & ~found)
        if not len(left):
            return found
        best = left[hits[left].argmax()]
        if TABLES[number][hits[best]] > ALPHA / 2 / (~found).sum():
            return found
        found[best] = True


@pytest.mark.parametrize("seed", range(40))
def test_holm_goes_on_where_earlier_looks_stopped(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(20):
        tests = int(rng.integers(1, 6))
        first = rng.integers(0, AT[0] + 1, tests)
        second = first + rng.integers(0, 3, tests)
        everyone = np.ones(tests, dtype=bool)
        drawn = rng.random(tests) < 0.7
        start = ours(holm)(0, first, everyone, ~everyone)
        assert (start == plain_holm(first, everyone, ~everyone, 0)).all()
        assert (ours(holm)(1, second, drawn, start) == plain_holm(second, drawn, start, 1)).all()


def test_what_is_drawn_everywhere_is_rejected_as_without_frozen_tests() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        hits = rng.integers(0, AT[1] + 1, 5)
        evidence = Evidence(TABLES[1], np.bincount(hits, minlength=AT[1] + 1), hits)
        expected = holm.decide(evidence, alpha=ALPHA / 2).mask(hits)
        none = np.zeros(5, dtype=bool)
        assert (ours(holm)(1, hits, ~none, none) == expected).all()


def test_more_draws_for_others_never_take_a_rejection_back() -> None:
    none = np.zeros(2, dtype=bool)
    first = ours(holm)(0, np.array([2, 2]), ~none, none)
    assert not first.any()  # 2 of 2 is too little for two tests
    second = ours(holm)(1, np.array([4, 0]), np.array([True, False]), first)
    assert second.tolist() == [True, False]
    assert ours(holm)(1, np.array([0, 0]), none, second).tolist() == [True, False]
