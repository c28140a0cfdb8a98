"""What every correction for many tests is given, and what it answers.

N tests with n draws each have only n + 1 distinct p-values, falling as the count grows. A
correction therefore works on the histogram of the counts, whatever N is.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float64, Int64, Integer, UInt16

from segcert.errors import InputError


@dataclass(frozen=True, eq=False)
class Evidence:
    """The outcome of many tests.

    Args:
        p_values: p-value of each count 0, ..., n; not increasing.
        histogram: How many tests have each count.
        hits: Count of each test; only procedures that look at single tests need it.
        promise: What the pilot promises of each test, larger is tested earlier; never computed
            from the draws that are tested.
        any_time: Whether the draws chose when to stop, so that the p-values hold at any time:
            then not even the table may choose a level, since it is that of the final count.
    """

    p_values: Float64[np.ndarray, " counts"]
    histogram: Int64[np.ndarray, " counts"]
    hits: Integer[np.ndarray, " m"] | None = None
    promise: UInt16[np.ndarray, " m"] | None = None
    any_time: bool = False

    @property
    def tests(self) -> int:
        """Number of tests."""
        return int(self.histogram.sum())


@dataclass(frozen=True, eq=False)
class Decision:
    """Which tests are rejected.

    Args:
        threshold: Smallest count that can be rejected; n + 1 if none.
        rejected: Which tests are, if the count alone does not tell.
    """

    threshold: int
    rejected: Bool[np.ndarray, " m"] | None = None

    def mask(self, hits: Integer[np.ndarray, " m"]) -> Bool[np.ndarray, " m"]:
        """Which tests are rejected, given their counts."""
        return hits >= self.threshold if self.rejected is None else self.rejected


@dataclass(frozen=True)
class AbstractCorrection(ABC):
    """A procedure that bounds the probability of false rejections among many dependent tests.

    A class of one's own is taken by `certify` if it says in ``controls`` what it controls, whatever
    the dependence between the tests; the certificate then says that this is unproved by segcert.

    Attributes:
        name: Name on the command line and in records.
        controls: "FWER": more than 0 false rejections have a probability of at most alpha;
            "k-FWER": more than ``errors_allowed``. Ours have a proof in its place.
        needs_pilot: Whether it needs a promise of each test.
    """

    name: ClassVar[str]
    controls: ClassVar[str] = ""
    needs_pilot: ClassVar[bool] = False

    @property
    def promised_by(self) -> str:
        """What the promise of a test is: its "margin" in the pilot, or plain "agreement"."""
        return "margin"

    @property
    def errors_allowed(self) -> int:
        """False rejections that the statement allows: 0 for the family-wise error rate."""
        return 0

    @abstractmethod
    def decide(self, evidence: Evidence, *, alpha: float) -> Decision:
        """Reject hypotheses; more than ``errors_allowed`` falsely with probability <= alpha."""

    @abstractmethod
    def first_level(self, tests: int, *, alpha: float) -> float:
        """Largest level at which the first of so many hypotheses may be rejected."""

    def __str__(self) -> str:
        """Name and parameters, as on the command line."""
        given = ",".join(f"{field.name}={getattr(self, field.name)}" for field in fields(self))
        return f"{self.name}:{given}" if given else self.name


def first_count_at_most(p_values: Float64[np.ndarray, " counts"], level: float) -> int:
    """Return the smallest count whose p-value is at most a level; n + 1 if none."""
    passing = np.flatnonzero(p_values <= level)
    return int(passing[0]) if len(passing) else len(p_values)


def step_down(
    evidence: Evidence, level_of_rank: Callable[[Int64[np.ndarray, " counts"]], np.ndarray]
) -> int:
    """Reject from the largest count down, until a test fails at the level of its rank.

    The level may only grow with the rank, so that equal counts are rejected together.

    Args:
        evidence: The tests.
        level_of_rank: Level of the tests at given ranks, 1 being the largest count.

    Returns:
        The smallest count that is rejected; n + 1 if none.
    """
    histogram = evidence.histogram
    rank = 1 + evidence.tests - np.cumsum(histogram)  # of the first test with each count
    fails = (evidence.p_values > level_of_rank(rank)) & (histogram > 0)
    last_failure = int(np.flatnonzero(fails)[-1]) if fails.any() else -1
    reached = np.flatnonzero(histogram[last_failure + 1 :])
    return last_failure + 1 + int(reached[0]) if len(reached) else len(histogram)


def share_of(level: float, parts: int) -> float:
    """Divide a level evenly: the largest float64 of which ``parts`` times is at most ``level``."""
    share = level / parts
    fits = Fraction(share) * parts <= Fraction(level)
    return share if fits else math.nextafter(share, 0)


def times_at_most(p_value: float, level: float) -> int:
    """How often a p-value fits into a level, exactly."""
    return int(Fraction(float(level)) / Fraction(float(p_value)))


def check_whole_number(name: str, value: int, *, smallest: int) -> None:
    """Refuse a parameter that is no integer, or too small.

    Raises:
        InputError: With name, rule and value.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < smallest:
        raise InputError(f"{name} must be an integer >= {smallest}, got {value!r}")
