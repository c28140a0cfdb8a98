"""Repeat, count the repetitions with an error, and decide exactly whether alpha was exceeded."""

import multiprocessing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from jaxtyping import UInt16
from numpy.random import Generator
from scipy.stats import binom, binomtest

from .drawn import Answer, Drawn
from .models import Law, Truth, split
from .procedures import Procedure

FALSE_ALARM = 1e-6  # that a run in which every procedure keeps alpha flags any of them
AT_ONCE = 250  # repetitions drawn together
FIRST, LAST = 50_000, 33_000  # promises: certain; doubtful, below a margin of twice its spread


@dataclass(frozen=True)
class Tally:
    """Repetitions of one case.

    Args:
        errors: Repetitions with more false certificates than the statement allows.
        repetitions: How many there were.
        right: Components rightly certified, in all of them.
        possible: Components whose class has a probability above tau, in all of them.
    """

    errors: int
    repetitions: int
    right: int = 0
    possible: int = 0

    @property
    def interval(self) -> tuple[float, float]:
        """Exact two-sided 99% interval of the error (Clopper and Pearson)."""
        found = binomtest(self.errors, self.repetitions).proportion_ci(0.99, method="exact")
        return float(found.low), float(found.high)

    def exceeds(self, alpha: float, *, false_alarm: float) -> bool:
        """Whether so many errors have at most this probability if the error is at most alpha.

        That is: the exact one-sided lower bound of the error, at this level, is at least alpha.
        """
        return bool(binom.sf(self.errors - 1, self.repetitions, alpha) <= false_alarm)


Measure = Callable[[Generator, int], Tally]


@dataclass(frozen=True)
class Case:
    """One number of the tables.

    Args:
        table: Which table it belongs to.
        row: What is tested.
        column: The law of dependence, or the adversary in words.
        truth: The class probabilities in words.
        alpha: Allowed error.
        repetitions: How often it is measured.
        measure: Measures it.
        defect: Whether it is a negative control, which must be flagged.
    """

    table: str
    row: str
    column: str
    truth: str
    alpha: float
    repetitions: int
    measure: Measure
    defect: bool = False

    def run(self, seed: int) -> Tally:
        """Measure with a generator of its own, which no other case changes."""
        key = crc32("|".join((self.table, self.row, self.column, self.truth)).encode())
        return self.measure(np.random.default_rng([seed, key]), self.repetitions)


@dataclass(frozen=True)
class Found:
    """What a case gave.

    Args:
        case: The case.
        tally: What was counted.
        flagged: Whether alpha is exceeded, with the false alarm that falls to this case.
    """

    case: Case
    tally: Tally
    flagged: bool

    @property
    def as_it_should_be(self) -> bool:
        """Defects are flagged, procedures are not."""
        return self.flagged == self.case.defect


def find(
    cases: list[Case], seed: int, progress: Callable[[str, int, int], None], *, jobs: int = 1
) -> list[Found]:
    """Measure all cases; the false alarm is divided by their number.

    Args:
        cases: What is measured.
        seed: Of all random numbers.
        progress: Told the table, the cases done, the cases in all.
        jobs: Processes that measure side by side; each case has a generator of its own, so that
            nothing depends on their number.
    """
    found = []
    for done, (case, tally) in enumerate(zip(cases, tallies(cases, seed, jobs), strict=True)):
        progress("validate", done, len(cases))
        flagged = tally.exceeds(case.alpha, false_alarm=FALSE_ALARM / len(cases))
        found.append(Found(case, tally, flagged))
    return found


def tallies(cases: list[Case], seed: int, jobs: int) -> Iterator[Tally]:
    """Measure one case after the other, or several in forked processes, in order."""
    if jobs == 1:
        yield from (case.run(seed) for case in cases)
        return
    with multiprocessing.get_context("fork").Pool(jobs, share, (cases,)) as pool:
        yield from pool.imap(shared, ((number, seed) for number in range(len(cases))))


SHARED: list[Case] = []  # of a forked process


def share(cases: list[Case]) -> None:
    """Keep the cases, which hold functions and so cannot be sent one by one."""
    SHARED[:] = cases


def shared(at: tuple[int, int]) -> Tally:
    """Measure a case by its number, with a seed."""
    number, seed = at
    return SHARED[number].run(seed)


def measured(procedure: Procedure, law: Law, truth: Truth, *, alpha: float) -> Measure:
    """Repeat a procedure on one model."""
    tau = procedure.tau
    truth = split(truth) if procedure.splits else truth
    promise = nulls_first(truth, tau) if procedure.misled else None
    largest = node_probabilities(truth, splits=procedure.splits)
    possible = int((largest > tau).sum())

    def measure(rng: Generator, repetitions: int) -> Tally:
        answers: list[Answer] = []
        while len(answers) < repetitions:
            number = min(AT_ONCE, repetitions - len(answers))
            drawn = truth.draw(law, rng, number, procedure.n0 + procedure.n)
            answers += [
                procedure.judge(Drawn(labels, procedure.n0, truth, tau, alpha, promise))
                for labels in drawn
            ]
        return Tally(
            errors=sum(answer.wrong > procedure.allowed for answer in answers),
            repetitions=repetitions,
            right=sum(answer.right for answer in answers),
            possible=possible * repetitions,
        )

    return measure


def nulls_first(truth: Truth, tau: float) -> UInt16[np.ndarray, " m"]:
    """Promise most where nothing must be certified, and be doubtful of the rest."""
    null = truth.probabilities.max(0) <= tau
    return np.where(null, FIRST, LAST).astype(np.uint16)


def node_probabilities(truth: Truth, *, splits: bool) -> np.ndarray:
    """Largest probability of a class, or of the group that was split, at each component."""
    found: np.ndarray = truth.probabilities[:2].sum(0) if splits else truth.probabilities.max(0)
    return found
