"""Ordered testing with an acceptance budget: failures are paid for, passes are free."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Bool, Float64, UInt16

from segcert.errors import InputError
from segcert.stats.correction import (
    AbstractCorrection,
    Decision,
    Evidence,
    check_whole_number,
    first_count_at_most,
    share_of,
    times_at_most,
)
from segcert.stats.promise import DOUBTFUL, promise_of_ratio


@dataclass(frozen=True)
class Ordered(AbstractCorrection):
    """Test in an order that the pilot fixed, until a budget of failures is spent.

    Until the m-th failure every test is at a mild level u, with m u = (1 - reserve) alpha; after it
    at the level of what is left, reserve alpha / (N - m). The probability of one or more false
    rejections is at most ``alpha``, whatever the dependence between the tests, if order and m
    depend on the input and the pilot draws alone.

    Proof: let the levels a(1) >= a(2) >= ... have a sum of at most alpha, and let a test be at
    level a(f + 1) after f failures. If there is a false rejection, let the first one be that of
    the j-th true null in the order. The j - 1 true nulls before it failed, so f >= j - 1 and its
    level was at most a(j): its p-value is at most a(j). By the union bound over j this has a
    probability of at most a(1) + a(2) + ... <= alpha.

    Where the draws chose when to stop, levels are those of any time (see `of_any_time`): the proof
    needs m and every a(j) before the draws that are tested, and a level snapped to the table of
    the final count would be chosen by them.

    With m = N it is Bonferroni's correction. With fewer than m failures in all it accepts every
    pass, in any order, as `Capped` with cap m - 1 does at the same count.

    Args:
        budget: About how many failures to pay for at the mild level, which is the p-value of a
            count: m is what the nearest one leaves. Exactly so many at any time. None takes a
            quarter of the tests of which the pilot is doubtful.
        by: What orders the tests: "margin" is the pilot's mean softmax margin over its spread,
            "agreement" how many pilot draws agreed (all that models that return labels offer).
        reserve: Share of ``alpha`` for the tests after the budget is spent, in [0, 1).

    Raises:
        InputError: If a parameter breaks its rule.

    Source:
        docs/guarantees.md; the proof is above. Fixed-sequence testing is m = 1 (Maurer, Hothorn &
        Lehmacher 1995).
    """

    budget: int | None = None
    by: Literal["margin", "agreement"] = "margin"
    reserve: float = 0.1

    name: ClassVar[str] = "ordered"
    needs_pilot: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Check the parameters."""
        if self.budget is not None:
            check_whole_number("budget of ordered", self.budget, smallest=1)
        if self.by not in ("margin", "agreement"):
            raise InputError(f"by of ordered must be 'margin' or 'agreement', got {self.by!r}")
        if not 0 <= self.reserve < 1:
            raise InputError(f"reserve of ordered must be in [0, 1), got {self.reserve}")

    @property
    def promised_by(self) -> str:
        """What orders the tests."""
        return self.by

    def decide(self, evidence: Evidence, *, alpha: float) -> Decision:
        """Sweep through the order; O(N), nothing is sorted.

        Raises:
            InputError: If there is no order.
        """
        hits, promise = evidence.hits, evidence.promise
        if hits is None or promise is None:
            raise InputError(
                "ordered testing needs an order from the pilot draws: use n0 >= 1, or holm"
            )
        budget = self.budget or quarter_of_doubtful(promise)
        mild = (1 - self.reserve) * alpha
        paid_by = of_any_time if evidence.any_time else of_fixed_n
        first, paid = paid_by(evidence.p_values, mild, budget)
        paid = min(paid, evidence.tests)
        left = max(evidence.tests - paid, 1)
        last = max(first, first_count_at_most(evidence.p_values, self.reserve * alpha / left))
        if paid == 0:
            return Decision(last, hits >= last)
        passed = hits >= first
        rejected = (passed & before_failure(promise, ~passed, paid)) | (hits >= last)
        return Decision(first, rejected)

    def first_level(self, tests: int, *, alpha: float) -> float:  # noqa: ARG002
        """The level of a single paid failure: the pilot may ask for that."""
        return (1 - self.reserve) * alpha


def of_fixed_n(
    p_values: Float64[np.ndarray, " counts"], mild: float, budget: int
) -> tuple[int, int]:
    """Smallest count at the mild level, and m, where n was fixed: the nearest level of the table.

    Returns:
        The count, at most n, and how many p-values of that count fit into ``mild``.
    """
    payable = min(first_count_at_most(p_values, mild), len(p_values) - 1)
    first = max(nearest_count(p_values, mild / budget), payable)
    return first, times_at_most(p_values[first], mild)


def of_any_time(
    p_values: Float64[np.ndarray, " counts"], mild: float, budget: int
) -> tuple[int, int]:
    """Smallest count at the mild level, and m, whenever the draws stop: ``mild / budget`` as it is.

    Returns:
        The count, n + 1 if none, and ``budget``.

    Source:
        docs/decisions/0010: snapped to the table, N = 256 tests at tau had an error of 3.3 alpha.
    """
    return first_count_at_most(p_values, share_of(mild, budget)), budget


def nearest_count(p_values: Float64[np.ndarray, " counts"], level: float) -> int:
    """Return the count whose p-value is nearest to a level, as a ratio; at most n."""
    above = min(first_count_at_most(p_values, level), len(p_values) - 1)
    below = max(above - 1, 0)
    nearer = p_values[below] * p_values[above] <= level**2
    return below if nearer else above


def quarter_of_doubtful(promise: UInt16[np.ndarray, " m"]) -> int:
    """A budget: doubtful components fail in part, and the last ones need not be reached."""
    return max(1, int((promise < promise_of_ratio(DOUBTFUL)).sum()) // 4)


def before_failure(
    promise: UInt16[np.ndarray, " m"], failed: Bool[np.ndarray, " m"], number: int
) -> Bool[np.ndarray, " m"]:
    """Which tests come before the failure of a given number; all if there are fewer failures.

    Tests are in the order of falling promise, equal ones in the order of the array.
    """
    failures = np.bincount(promise[failed], minlength=2**16)[::-1].cumsum()
    if failures[-1] < number:
        return np.ones(len(promise), dtype=bool)
    step = int(np.searchsorted(failures, number))  # the last promise that is looked at
    value = 2**16 - 1 - step
    still = number - (int(failures[step - 1]) if step else 0)
    equal = np.flatnonzero(promise == value)
    stop = equal[np.flatnonzero(failed[equal])[still - 1]]
    before = promise > value
    before[equal[equal < stop]] = True
    return before
