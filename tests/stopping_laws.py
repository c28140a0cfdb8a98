"""The worst stopping: the largest error over all joint laws of the draws and all stopping times.

A second derivation of every procedure that may stop early: dynamic programming over the hits of a
few null hypotheses, each of probability exactly tau in every draw, given the past. At each state
the adversary stops, or chooses how the hypotheses depend on each other in the next draw. What it
maximises is linear in that joint law, so a vertex of the polytope of such laws is best.
"""

from collections.abc import Callable
from functools import lru_cache
from itertools import combinations, product

import numpy as np

Wrong = Callable[[int, np.ndarray], bool]  # draws so far, hits of each null -> is it an error?


@lru_cache(maxsize=8)
def extreme_laws(nulls: int, tau: float) -> np.ndarray:
    """Vertices of the laws of so many dependent coins, each with probability tau; one a row."""
    coins = np.array(list(product((0, 1), repeat=nulls)), dtype=float)
    conditions = np.vstack([coins.T, np.ones(len(coins))])
    wanted = np.append(np.full(nulls, tau), 1.0)
    found = set()
    for basis in combinations(range(len(coins)), nulls + 1):
        part = conditions[:, basis]
        if abs(np.linalg.det(part)) < 1e-9:
            continue
        weights = np.linalg.solve(part, wanted)
        if weights.min() > -1e-12:
            law = np.zeros(len(coins))
            law[list(basis)] = weights
            found.add(tuple(law.round(12)))
    laws: np.ndarray = np.array(sorted(found))
    return laws


def worst_error(wrong: Wrong, *, nulls: int, most: int, tau: float) -> float:
    """Largest probability that there is an error at a time at which the adversary stops.

    Args:
        wrong: Tells whether the statement at a number of draws, with these hits, is false.
        nulls: Number of the null hypotheses, all of probability tau.
        most: Largest number of draws.
        tau: Their probability in each draw, whatever was drawn before.
    """
    laws = extreme_laws(nulls, tau)
    steps = list(product((0, 1), repeat=nulls))
    later = np.zeros((most + 2,) * nulls)
    for draws in range(most, -1, -1):
        size = draws + 1
        moved = np.stack([
            later[tuple(slice(step, step + size) for step in steps_)] for steps_ in steps
        ])  # fmt: skip
        best = np.tensordot(laws, moved, 1).max(0)
        for hits in np.ndindex(best.shape):
            if draws and wrong(draws, np.array(hits)):
                best[hits] = 1.0
        later = np.zeros((most + 2,) * nulls)
        later[(slice(0, size),) * nulls] = best
    return float(later[(0,) * nulls])
