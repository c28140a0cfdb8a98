"""Promises: what pilot draws let expect of each component, as increasing 16-bit numbers.

A promise is a mean margin over (its standard deviation + 0.1), in steps of 2^-11. It only orders,
groups or drops tests; it is computed from the input and the pilot draws alone.
"""

import numpy as np
from jaxtyping import Float64, Integer, UInt16

FLOOR = 0.1  # added to the spread; on CamVid 0.03 to 0.3 do alike
STEPS_PER_UNIT, ZERO, LARGEST = 2**11, 2**15, 2**16 - 1
DOUBTFUL = 2.0  # a mean margin below twice its spread
SMALLEST_RATIO, LARGEST_RATIO = -ZERO / STEPS_PER_UNIT, (LARGEST - ZERO) / STEPS_PER_UNIT


def promise_of_ratio(ratio: float) -> int:
    """The 16-bit number of a ratio."""
    return int(promises_of_ratios(np.array([ratio], dtype=np.float64))[0])


def promises_of_ratios(ratios: Float64[np.ndarray, " m"]) -> UInt16[np.ndarray, " m"]:
    """The 16-bit numbers of ratios."""
    found: np.ndarray = np.clip(np.rint(ratios * STEPS_PER_UNIT) + ZERO, 0, LARGEST)
    return found.astype(np.uint16)


def promise_of_agreement(
    pilot_hits: Integer[np.ndarray, " *components"], n0: int
) -> UInt16[np.ndarray, " *components"]:
    """Promise of plain agreement: every draw has margin 1 if it gave the class, else -1.

    Args:
        pilot_hits: How many pilot draws gave the class that they chose.
        n0: Number of pilot draws, at least 1.
    """
    mean = 2 * np.arange(n0 + 1) / n0 - 1
    ratio = mean / (np.sqrt(1 - mean**2) + FLOOR)
    promise: np.ndarray = promises_of_ratios(ratio)[pilot_hits]
    return promise
