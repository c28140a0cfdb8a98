"""Count certificates: wrong if more is said to be robust than is, in the whole or in any region.

The region that is asked for is the worst one, all components at or below tau, of which none is
robust: what holds there holds in every region.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from jaxtyping import Int16
from numpy.random import Generator
from scipy.stats import binom

from segcert.certificates.count_chosen import Parts
from segcert.certificates.counted import certify_count
from segcert.stats.count import CountLevels, count_levels

from .cases import ALPHA, TAU
from .controls import CONTROLS
from .drawn import Answer, Drawn
from .harness import Case, Measure, Tally, measured
from .models import LAWS, Law
from .models import of_class_0 as two
from .procedures import Judge, Procedure

COUNTED = "counts"
N, N0, SIZE = 60, 11, 64
HALF = two(f"{SIZE // 2} at {TAU:g}, {SIZE // 2} at 0.97", (SIZE // 2, TAU), (SIZE // 2, 0.97))
NULLS = two(f"{SIZE} at {TAU:g}", (SIZE, TAU))
COUPLED = "as few pass at a time as make an error"
Chosen = Callable[[Drawn], int | None]


def counted(parts: Parts = "whole", *, k: Chosen = lambda _: None) -> Judge:
    """`certify_count`; its error is one of all regions at once."""

    def judge(drawn: Drawn) -> Answer:
        found = certify_count(
            drawn.counts(), tau=drawn.tau, alpha=drawn.alpha, parts=parts, k=k(drawn)
        )
        null = drawn.of_label(found.counts.labels) <= drawn.tau
        return Answer(found.at_least(null), found.at_least())

    return judge


def best_afterwards(drawn: Drawn) -> int:
    """The k of the largest number, chosen after the counts were seen: not valid."""
    hits, given = drawn.counts().hits, levels()

    def number(k: int) -> int:
        passed = int((hits >= k).sum())
        return passed - given.bound(k).wrong(passed=passed, failed=hits.size - passed)

    return max(map(int, given.possible), key=number)


@lru_cache(maxsize=1)
def levels() -> CountLevels:
    """Levels of all counts."""
    return count_levels(SIZE, N, tau=TAU, alpha=ALPHA, pilot=True)


def coupled(procedure: Procedure) -> Measure:
    """Repeat a procedure where nulls pass together, as few at each k as make an error there.

    Each component has a count of Bin(n, tau). Of the counts from k to the next, all mass lies in
    one event in which exactly so many components have count k as the bound does not allow. So each
    k has an error of nearly alpha, at another time.
    """

    def measure(rng: Generator, repetitions: int) -> Tally:
        errors = 0
        for _ in range(repetitions):
            drawn = Drawn(labels_of(hits_together(rng), rng), N0, NULLS, TAU, ALPHA)
            errors += procedure.judge(drawn).wrong > 0
        return Tally(errors, repetitions, 0, 0)

    return measure


def hits_together(rng: Generator) -> np.ndarray:
    """Counts of all components, each with the law Bin(n, tau)."""
    ks = levels().possible
    tail = binom.sf(ks - 1, N, TAU)
    mass = tail - np.append(tail[1:], 0.0)
    together = np.ceil(SIZE * levels().levels[ks] / ALPHA).astype(int)
    chance = SIZE * mass / together
    below = binom.pmf(np.arange(ks[0]), N, TAU)
    hits = rng.choice(ks[0], size=SIZE, p=below / below.sum())
    event = int(rng.choice(len(ks) + 1, p=np.append(chance, 1 - chance.sum())))
    if event < len(ks):
        hits[rng.permutation(SIZE)[: together[event]]] = ks[event]
    return hits


def labels_of(hits: np.ndarray, rng: Generator) -> Int16[np.ndarray, "draws m"]:
    """Labels with these counts of class 0, after a pilot that saw nothing else."""
    tested = (np.arange(N)[:, None] >= hits).astype(np.int16)
    pilot = np.zeros((N0, SIZE), dtype=np.int16)
    return np.concatenate([pilot, rng.permuted(tested, axis=0)])


def counts(repetitions: int, broken: int, laws: tuple[Law, ...] = LAWS) -> list[Case]:
    """What is shipped under every law, and the one made against it; and k chosen afterwards.

    Args:
        repetitions: Of each claim.
        broken: Of the defect.
        laws: Of dependence.
    """
    shipped = (
        Procedure("count", counted(), N, n0=N0),
        Procedure("count, each class", counted("classes"), N, n0=N0),
        Procedure("count, no pilot", counted(), N, n0=0),
        Procedure("count, k = 54", counted(k=lambda _: 54), N, n0=N0),
    )
    found = [
        Case(
            COUNTED, one.name, law.name, HALF.name, ALPHA, repetitions,
            measured(one, law, HALF, alpha=ALPHA),
        )
        for one in shipped
        for law in laws
    ]  # fmt: skip
    found.append(
        Case(COUNTED, shipped[0].name, COUPLED, NULLS.name, ALPHA, repetitions, coupled(shipped[0]))
    )
    afterwards = Procedure("count, k chosen after the counts", counted(k=best_afterwards), N, n0=N0)
    found.append(
        Case(
            CONTROLS, afterwards.name, COUPLED, NULLS.name, ALPHA, broken, coupled(afterwards),
            defect=True,
        )
    )  # fmt: skip
    return found
