"""Fresh draws against recorded counts: how often an honest record is refused, and a made-up one.

The shipped level is 1e-6, which no measurement sees. So the same functions run at `ALPHA`, without
the shortcut that passes over near counts; the made-up records are tested as shipped.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from unittest.mock import patch

import numpy as np
from numpy.random import Generator

from segcert.certificates import fresh_draws
from segcert.certificates.fresh_draws import check_contradiction
from segcert.errors import VerificationError
from segcert.sampling.counts import Counts
from segcert.stats import two_samples

from .adversaries import EVEN, EVERY
from .cases import ALPHA, TAU
from .controls import CONTROLS
from .drawn import Drawn
from .harness import AT_ONCE, Case, Tally
from .models import INDEPENDENT, LAWS, TOGETHER, Law, Truth

REPLAYS = "replays"
N, N0 = 60, 11
Forgery = Callable[[Counts], Counts]


@contextmanager
def at_level(alpha: float) -> Iterator[None]:
    """Test each half, hits and lost labels, at this level, near counts too."""
    with (
        patch.object(fresh_draws, "FALSE_ALARM", 2 * alpha),
        patch.object(two_samples, "FAR", 0.0),
    ):
        yield


def honest(counts: Counts) -> Counts:
    """The record as it was drawn."""
    return counts


def all_made_up(counts: Counts) -> Counts:
    """Every hit of the class that was chosen."""
    return made_up(counts, np.ones(counts.labels.shape, bool))


def one_made_up(counts: Counts) -> Counts:
    """Every hit at one component."""
    return made_up(counts, np.arange(counts.labels.size) == 0)


def made_up(counts: Counts, where: np.ndarray) -> Counts:
    """Raise the hits to the number of draws at some components."""
    return replace(counts, hits=np.where(where, counts.n, counts.hits).astype(np.int32))


def refused(drawn: Drawn, forgery: Forgery) -> bool:
    """Whether the second half of the test draws contradicts a record of the first half."""
    first = replace(drawn, labels=drawn.labels[: drawn.n0 + N])
    counts = forgery(first.counts())
    per_class = drawn.per_class(drawn.labels[-N:])
    fresh = per_class[counts.labels, np.arange(counts.components)].astype(np.int32)
    try:
        check_contradiction(counts, fresh, 0)
    except VerificationError:
        return True
    return False


def measure(law: Law, truth: Truth, n0: int, forgery: Forgery) -> Callable[[Generator, int], Tally]:
    """Count the refusals."""

    def measured(rng: Generator, repetitions: int) -> Tally:
        errors = done = 0
        while done < repetitions:
            number = min(AT_ONCE, repetitions - done)
            drawn = truth.draw(law, rng, number, n0 + 2 * N)
            runs = (Drawn(labels, n0, truth, TAU, ALPHA) for labels in drawn)
            if forgery is honest:
                with at_level(ALPHA):
                    errors += sum(refused(run, forgery) for run in runs)
            else:
                errors += sum(refused(run, forgery) for run in runs)
            done += number
        return Tally(errors, repetitions)

    return measured


def replays(repetitions: int) -> list[Case]:
    """Honest records under every law, and two that were made up."""

    def case(name: str, law: Law, truth: Truth, n0: int, forgery: Forgery = honest) -> Case:
        defect = forgery is not honest
        return Case(
            CONTROLS if defect else REPLAYS, name, law.name, truth.name, ALPHA,
            repetitions // 10 if defect else repetitions, measure(law, truth, n0, forgery),
            defect=defect,
        )  # fmt: skip

    return [
        *(case("fresh draws, honest record", law, EVERY, N0) for law in LAWS),
        *(
            case("fresh draws, honest record, no pilot", law, EVEN, 0)
            for law in (INDEPENDENT, TOGETHER)
        ),
        case("fresh draws, all hits made up", TOGETHER, EVEN, N0, all_made_up),
        case("fresh draws, one component made up", INDEPENDENT, EVEN, N0, one_made_up),
    ]
