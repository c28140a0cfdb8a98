"""The self-test passes here, and fails for every broken part that it is there to find."""

import hashlib
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom
from words_by_hand import words_of

from segcert.certificates import claim_files
from segcert.certificates.replayed import Replay
from segcert.doctor import checks
from segcert.doctor.checks import (
    CHECKS,
    closed_bonferroni,
    digest,
    exact_tails,
    run_check,
    run_checks,
)
from segcert.noise import grid
from segcert.noise.gaussian import LatticeGaussianNoise
from segcert.sampling.streams import Streams
from segcert.stats import binomial
from segcert.stats.bonferroni import Bonferroni
from segcert.stats.correction import AbstractCorrection, Decision, Evidence, first_count_at_most
from segcert.stats.holm import Holm

TAILS, HOLM, STREAMS, FILES = CHECKS
Breaker = Callable[[pytest.MonkeyPatch], None]


def test_all_checks_pass() -> None:
    found = run_checks()
    assert [check.name for check in found] == list(CHECKS)
    assert all(check.passed for check in found), found
    assert all(check.seconds >= 0 for check in found)


def tails_times(factor: float) -> Breaker:
    """Binomial tails that are wrong by a factor."""

    def broken(patch: pytest.MonkeyPatch) -> None:
        right = binomial.tails
        patch.setattr(binomial, "tails", lambda n, p: right(n, p) * factor)

    return broken


def tails_of_more(patch: pytest.MonkeyPatch) -> None:
    """``P(X > k)`` in place of ``P(X >= k)``."""
    right = binomial.tails
    patch.setattr(binomial, "tails", lambda n, p: np.append(right(n, p)[1:], 1e-200))


def step_up(self: AbstractCorrection, evidence: Evidence, *, alpha: float) -> Decision:  # noqa: ARG001
    """Hochberg's procedure, which dependent tests may not use."""
    histogram = evidence.histogram
    last = 1 + evidence.tests - np.cumsum(histogram) + histogram - 1
    passing = (evidence.p_values <= alpha / np.maximum(evidence.tests - last + 1, 1)) & (
        histogram > 0
    )
    return Decision(int(np.flatnonzero(passing)[0]) if passing.any() else len(histogram))


def uncorrected(self: AbstractCorrection, evidence: Evidence, *, alpha: float) -> Decision:  # noqa: ARG001
    """No correction at all."""
    return Decision(first_count_at_most(evidence.p_values, alpha))


def replaced(owner: Any, name: str, value: Any) -> Breaker:
    """Something else in place of a part."""
    return lambda patch: patch.setattr(owner, name, value)


def next_draw(self: Streams, stage: Any, draw: int, right: Any = Streams.of_draw) -> Any:
    """The stream of another draw."""
    return right(self, stage, draw + 1)


def other_steps(words: Any, table: Any, right: Any = grid.steps_of_parts) -> Any:
    """Noise that is too large by one step wherever it is large."""
    steps = right(words, table)
    return steps + (steps > 40).astype(steps.dtype)


@pytest.mark.parametrize(
    ("which", "breaker"),
    [
        (TAILS, tails_times(1 - 1e-9)),
        (TAILS, tails_times(1 + 1e-8)),
        (TAILS, tails_of_more),
        (TAILS, replaced(binomial, "tails", lambda n, p: binom.sf(np.arange(n + 1), n, p))),
        (HOLM, replaced(Holm, "decide", step_up)),
        (HOLM, replaced(Holm, "decide", uncorrected)),
        (HOLM, replaced(Holm, "decide", Bonferroni.decide)),
        (STREAMS, replaced(Streams, "of_draw", next_draw)),
        (STREAMS, replaced(grid, "steps_of_parts", other_steps)),
        (STREAMS, replaced(checks, "SEED", 2027)),
        (FILES, replaced(claim_files, "compare", lambda *_: None)),
        (FILES, replaced(checks, "replay", lambda *_: Replay(48, 48, 48, hits_differ=1))),
        (FILES, replaced(checks, "PIXELS", 255 - checks.PIXELS // 2)),
    ],
)
def test_what_is_broken_fails(
    which: str, breaker: Breaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaker(monkeypatch)
    found = run_check(which, CHECKS[which])
    assert not found.passed
    assert "\n" not in found.finding


def test_a_check_that_raises_has_failed_and_the_others_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken() -> str:
        raise ImportError("no such\nlibrary")

    monkeypatch.setitem(CHECKS, TAILS, broken)
    first, *others = run_checks()
    assert (first.passed, first.finding) == (False, "ImportError: no such library")
    assert len(others) == 3
    assert all(check.passed for check in others)


def test_the_fixed_value_is_that_of_numpy_alone() -> None:
    """Philox of NumPy by hand, keyed by hashes; steps, then the weighted sum of the words."""
    pixels = checks.PIXELS
    name = hashlib.sha256(f"uint8|{pixels.shape}|".encode() + pixels.tobytes()).hexdigest()
    weights = np.random.Philox(key=2**16).random_raw(2**16) | np.uint64(1)
    lines = np.random.Philox(key=2**20).random_raw(2**20) | np.uint64(1)
    prints = []
    for stage, draws in (("pilot", 3), ("test", 50)):
        for draw in range(draws):
            text = f"segcert noise 2|{checks.SEED}|{name}|{stage}|{draw}"
            raw = words_of(text, pixels.size, LatticeGaussianNoise(0.1).table.thresholds)
            steps = LatticeGaussianNoise(0.1).steps(torch.tensor(raw)).numpy()
            noisy = (pixels.ravel().astype(np.float32) + steps.astype(np.float32)) / np.float32(255)
            words = noisy.view(np.uint64)  # two of 32 bits each
            line = int((words * weights[: len(words)]).sum(dtype=np.uint64))
            prints.append(line * int(lines[0]) % 2**64)
    assert digest(prints) == checks.NOISE_SHA256


@given(st.integers(1, 40), st.floats(0.01, 0.99))
def test_exact_tails_are_those_of_scipy(n: int, p: float) -> None:
    exact = exact_tails(n, p)
    assert exact[0] == 1
    assert exact[-1] == Fraction(p) ** n
    np.testing.assert_allclose(
        [float(one) for one in exact], binom.sf(np.arange(n + 1) - 1, n, p), rtol=1e-9, atol=1e-300
    )


def test_the_closure_by_hand() -> None:
    """Two tests at 0.05: 0.03 and 0.04 both fail at 0.025; with 0.02 before it, 0.04 passes."""
    assert closed_bonferroni([0.03, 0.04], 0.05) == [False, False]
    assert closed_bonferroni([0.04, 0.02], 0.05) == [True, True]
    assert closed_bonferroni([0.02, 0.06], 0.05) == [True, False]
