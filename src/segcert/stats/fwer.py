"""Corrections for many tests, on the histogram of their counts.

N tests with n draws each have only n + 1 distinct p-values, falling as the count grows. A
correction is therefore a count threshold: one pass over the histogram, whatever N is.
"""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64, Int64


@runtime_checkable
class Correction(Protocol):
    """Choose the smallest count that is rejected, at family-wise error rate alpha."""

    @property
    def __name__(self) -> str:
        """Name in certificates and on the command line."""
        ...

    def __call__(
        self,
        p_values: Float64[np.ndarray, " counts"],
        histogram: Int64[np.ndarray, " counts"],
        *,
        alpha: float,
    ) -> int:
        """Return the threshold; n + 1 if nothing is rejected."""
        ...


def bonferroni(
    p_values: Float64[np.ndarray, " counts"],
    histogram: Int64[np.ndarray, " counts"],
    *,
    alpha: float,
) -> int:
    """Reject hypotheses by Bonferroni's correction: those with a p-value of at most alpha / N.

    The probability of one or more false rejections is at most ``alpha``, whatever the
    dependence between the tests.

    Args:
        p_values: p-value of each count 0, ..., n; not increasing.
        histogram: How many tests have each count.
        alpha: Family-wise error rate (FWER), in (0, 1).

    Returns:
        The smallest count that is rejected; n + 1 if none.

    Source:
        Fischer et al. (2021), section 5.1 (FWER-controlling corrections).
    """
    return first_count_at_most(p_values, alpha / max(int(histogram.sum()), 1))


def holm(
    p_values: Float64[np.ndarray, " counts"],
    histogram: Int64[np.ndarray, " counts"],
    *,
    alpha: float,
) -> int:
    """Reject hypotheses by Holm's step-down procedure.

    The probability of one or more false rejections is at most ``alpha``, whatever the
    dependence between the tests. Equal p-values are rejected together: the level only grows
    within a tie.

    Args:
        p_values: p-value of each count 0, ..., n; not increasing.
        histogram: How many tests have each count.
        alpha: Family-wise error rate (FWER), in (0, 1).

    Returns:
        The smallest count that is rejected; n + 1 if none.

    Source:
        Holm (1979), Scand. J. Statist. 6(2):65-70.
    """
    rejected_before = histogram.sum() - np.cumsum(histogram)  # tests with a larger count
    left = np.maximum(histogram.sum() - rejected_before, 1)
    fails = (p_values > alpha / left) & (histogram > 0)
    last_failure = int(np.flatnonzero(fails)[-1]) if fails.any() else -1
    reached = np.flatnonzero(histogram[last_failure + 1 :])
    if len(reached):
        return last_failure + 1 + int(reached[0])
    return len(histogram)


def first_count_at_most(p_values: Float64[np.ndarray, " counts"], level: float) -> int:
    """Return the smallest count whose p-value is at most a level; n + 1 if none."""
    passing = np.flatnonzero(p_values <= level)
    return int(passing[0]) if len(passing) else len(p_values)


CORRECTIONS: dict[str, Correction] = {"holm": holm, "bonferroni": bonferroni}
