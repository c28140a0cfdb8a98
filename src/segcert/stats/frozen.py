"""Looks at which some tests have no new draws: what may be rejected there.

Draws after a look may go to a part of the tests only. Each later look then runs the whole procedure
at its share of alpha on counts of all tests: what was drawn counts as it is, what was rejected
before counts as always hit, what was given up counts as never hit. What was rejected stays so.
Which tests go on may depend on everything that was seen. Proof: docs/decisions/0027.
"""

import numpy as np
from jaxtyping import Bool, Float64, Integer, UInt16

from segcert.errors import InputError
from segcert.stats.capped import Capped
from segcert.stats.correction import AbstractCorrection, Evidence


def reject_with_frozen(
    hits: Integer[np.ndarray, " m"],
    *,
    p_values: Float64[np.ndarray, " counts"],
    drawn: Bool[np.ndarray, " m"],
    rejected: Bool[np.ndarray, " m"],
    correction: AbstractCorrection,
    alpha: float,
    promise: UInt16[np.ndarray, " m"] | None = None,
) -> Bool[np.ndarray, " m"]:
    """Reject at one look, and keep what earlier looks rejected.

    If the shares of all looks add up to alpha, the tests that are rejected at any look are as the
    correction says with a probability of at least 1 - alpha, whatever the dependence between tests
    and looks, and whoever chose which tests are drawn.

    Args:
        hits: Count of each test after the draws of this look; of what is not drawn, anything.
        p_values: p-value of each count at this number of draws.
        drawn: Which tests have all draws of this look. A region has if all of its components do.
        rejected: By earlier looks; none at the first.
        correction: The same at each look.
        alpha: Share of this look, fixed before the draws.
        promise: What the pilot promises of each test.

    Returns:
        What is rejected at this look or before.

    Raises:
        InputError: If the correction cannot be trusted with that; see `check_may_freeze`.
    """
    check_may_freeze(correction)
    n = len(p_values) - 1
    counts = np.where(rejected, n, np.where(drawn, hits, 0))
    histogram = np.bincount(counts, minlength=n + 1).astype(np.int64)
    evidence = Evidence(p_values, histogram, counts, promise)
    found = correction.decide(evidence, alpha=alpha).mask(counts)
    kept: Bool[np.ndarray, " m"] = rejected | (found & drawn)
    return kept


def check_may_freeze(correction: AbstractCorrection) -> None:
    """Refuse what is not proved: the proof for errors that are allowed needs to know the procedure.

    Raises:
        InputError: With the way out.
    """
    if correction.controls and correction.errors_allowed:
        raise InputError(
            f"correction {correction} allows {correction.errors_allowed} errors at each look, and "
            "those of different looks add up: use holm, k-fwer, or one that controls the FWER"
        )
    if isinstance(correction, Capped) and correction.k > 1 and correction.reserve > 0.5:
        raise InputError(
            f"capped with k = {correction.k} needs a reserve of at most 0.5 where some tests are "
            f"not drawn at every look, got {correction.reserve}"
        )
