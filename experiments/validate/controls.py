"""Negative controls: defects, three of them published, that the measurement must flag.

The published ones. (1) The batch of noisy images of eth-sri/segmentation-smoothing
(base_dataset.py, multi_scale_inference_noisybatch) holds its last image as often as the batch is
large: a loop variable is shadowed. (2) Its k-FWER levels (multiclassify_utils.py, certify) are
k alpha / N up to rank k and k alpha / (N + 1 - i) beyond, where Lehmann and Romano (2005) have
k alpha / (N + k - i). (3) AlaaAnani/adaptive-certify (test_adaptivecert.py, fast_certify) counts
hits in n draws, after n0 pilot draws, and tests them as if out of n - n0.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar
from unittest.mock import patch

import numpy as np

from segcert.certificates import components
from segcert.certificates.segcertify import certify
from segcert.stats.bonferroni import bonferroni
from segcert.stats.correction import AbstractCorrection, Decision, Evidence, step_down
from segcert.stats.ordered import Ordered

from .adversaries import EVEN, EVERY, MANY, THIRD
from .cases import ALPHA, EACH, TAU, sharp
from .drawn import Answer, Drawn
from .harness import Case, measured
from .models import INDEPENDENT, Law, Truth, in_part, spaced
from .procedures import HOLM, Judge, Procedure, segcertify, until_wrong

CONTROLS = "controls"
BATCH = 4


@dataclass(frozen=True)
class LiberalKFwer(AbstractCorrection):
    """Levels k alpha / (N + 1 - i) beyond rank k: not valid."""

    k: int

    name: ClassVar[str] = "liberal k-FWER"

    def decide(self, evidence: Evidence, *, alpha: float) -> Decision:
        """Reject until the first failure."""
        tests, k = evidence.tests, self.k

        def level(rank: np.ndarray) -> np.ndarray:
            beyond = k * alpha / np.maximum(tests + 1 - rank, 1)
            return np.where(rank <= k, k * alpha / tests, beyond)

        return Decision(step_down(evidence, level))

    def first_level(self, tests: int, *, alpha: float) -> float:
        """The level of the first test."""
        return self.k * alpha / tests


def liberal(k: int) -> Judge:
    """`certify` by the liberal levels; its check, which refuses them, is off."""

    def judge(drawn: Drawn) -> Answer:
        with patch.object(components, "check_correction", lambda _: None):
            return segcertify(LiberalKFwer(k))(drawn)

    return judge


def repeated(times: int) -> Callable[[Drawn], Drawn]:
    """Feed one noise several times: only every so many draws are new."""

    def defect(drawn: Drawn) -> Drawn:
        draws = np.arange(len(drawn.labels))
        return drawn.with_labels(drawn.labels[draws - draws % times])

    return defect


def on_other_draws(judge: Judge, defect: Callable[[Drawn], Drawn]) -> Judge:
    """A procedure that is given defective draws."""
    return lambda drawn: judge(defect(drawn))


def fewer_trials(drawn: Drawn) -> Answer:
    """Hits in n draws, tested by Bonferroni as if out of n - n0."""
    counts = drawn.counts()
    n = counts.n - counts.n0
    found = certify(
        replace(counts, n=n, hits=np.minimum(counts.hits, n)),
        tau=drawn.tau, alpha=drawn.alpha, correction=bonferroni,
    )  # fmt: skip
    return drawn.judge(found.certified, found.labels)


def pilot_counted(drawn: Drawn) -> Answer:
    """The draws that chose the class counted again in the test of that class."""
    counts = drawn.counts()
    assert counts.pilot_hits is not None
    both = replace(counts, n=counts.n + counts.n0, hits=counts.hits + counts.pilot_hits)
    found = certify(both, tau=drawn.tau, alpha=drawn.alpha)
    return drawn.judge(found.certified, found.labels)


def order_from_tests(drawn: Drawn) -> Answer:
    """Ordered testing in the order of the hits themselves."""
    counts = drawn.counts()
    found = certify(
        replace(counts, promise=counts.hits.astype(np.uint16)),
        tau=drawn.tau, alpha=drawn.alpha, correction=Ordered(1),
    )  # fmt: skip
    return drawn.judge(found.certified, found.labels)


def sidak(drawn: Drawn) -> Answer:
    """Each test at 1 - (1 - alpha)^(1/N)."""
    counts = drawn.counts()
    level = 1 - (1 - drawn.alpha) ** (1 / counts.components)
    found = certify(counts, tau=drawn.tau, alpha=counts.components * level, correction=bonferroni)
    return drawn.judge(found.certified, found.labels)


def opposite(drawn: Drawn) -> Drawn:
    """Draws in pairs of noise and its negative, for a model that reads only its size."""
    return repeated(2)(drawn)


def controls(repetitions: int) -> list[Case]:
    """All of them; more repetitions and a larger alpha where the defect is small."""
    r = repetitions
    each_draw = until_wrong(None, at=range(40, 101, 2))
    sidak_n, pooled = sharp(1 - 0.5**0.5, 0.5), sharp(ALPHA / 8, 0.5)
    return [
        control(
            "one noise through each batch of 4", on_other_draws(HOLM, repeated(BATCH)), r,
            INDEPENDENT, EVERY, n=EACH // BATCH * BATCH, n0=12,
        ),
        control(
            "liberal k-FWER, k = 32", liberal(32), 6 * r, in_part(0.5), MANY, n=100, n0=51,
            alpha=0.25, allowed=31,
        ),
        control(
            "hits in n tested as out of n - n0", fewer_trials, r, INDEPENDENT, EVERY, n=100, n0=10
        ),
        control(
            "pilot draws counted again", pilot_counted, 5 * r, INDEPENDENT, EVEN,
            n=pooled - 31, n0=31, tau=0.5,
        ),
        control(
            "order taken from the tested draws", order_from_tests, r, INDEPENDENT, EVERY,
            n=sharp(0.9 * ALPHA),
        ),
        control(
            "fixed-n test asked after every 2 draws", each_draw, r, INDEPENDENT, EVERY, n=100
        ),
        control(
            "noise and its negative, model of its size", on_other_draws(HOLM, opposite), r,
            INDEPENDENT, EVERY, n=EACH // 2 * 2, n0=12,
        ),
        control(
            "Sidak's level", sidak, 8 * r, spaced(2), THIRD, n=sidak_n, n0=51, tau=0.5, alpha=0.5
        ),
    ]  # fmt: skip


def control(
    name: str,
    judge: Judge,
    repetitions: int,
    law: Law,
    truth: Truth,
    *,
    n: int,
    n0: int = 11,
    tau: float = TAU,
    alpha: float = ALPHA,
    allowed: int = 0,
) -> Case:
    """A defect that must be flagged."""
    procedure = Procedure(name, judge, n, n0=n0, tau=tau, allowed=allowed)
    measure = measured(procedure, law, truth, alpha=alpha)
    return Case(CONTROLS, name, law.name, truth.name, alpha, repetitions, measure, defect=True)
