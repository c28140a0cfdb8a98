"""The e-process: its martingale property, its exact error at any stopping time, and its price."""

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise, product

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from segcert.errors import InputError
from segcert.stats.binomial import tails
from segcert.stats.bonferroni import bonferroni
from segcert.stats.correction import Evidence, first_count_at_most
from segcert.stats.e_process import (
    BETS,
    WEIGHTS,
    e_process_p_values,
    log_wealth,
)
from segcert.stats.holm import holm
from segcert.stats.levels import smallest_n
from segcert.stats.looks import Looks
from segcert.stats.p_values import pilot_p_values
from segcert.stats.sequential import Anytime

pytestmark = pytest.mark.repeats

Table = Callable[..., np.ndarray]  # p-values of the counts, from n and tau
TAUS = [0.5, 0.6, 0.75, 0.9, 0.95, 0.99]
reproducible = settings(derandomize=True, deadline=None)


def first_rejection(level: float, tau: float) -> int:
    """The smallest number of draws, all of them hits, that proves anything at a level."""
    return smallest_n(1, tau=tau, alpha=level, sequential=Anytime(10**7, every=1000))


def exact_wealth(hits: int, misses: int, tau: float) -> mpmath.mpf:
    """Mixture of likelihood ratios of p1 to tau, by its definition in 60 digits."""
    with mpmath.workdps(60):
        exact, total = mpmath.mpf(tau), mpmath.mpf(0)
        for u, weight in zip(BETS.tolist(), WEIGHTS.tolist(), strict=True):
            p1 = 1 - mpmath.mpf(u) * (1 - exact)
            hit, miss = p1 / exact, (1 - p1) / (1 - exact)
            total += mpmath.mpf(weight) * hit**hits * miss**misses
        return total


def test_weights_are_a_distribution_of_bets() -> None:
    """In decimals they sum to 1; each bet is a probability p1 in (tau, 1]."""
    assert sum(Fraction(repr(weight)) for weight in WEIGHTS.tolist()) == 1
    assert (WEIGHTS > 0).all()
    assert BETS[0] == 0
    assert (np.diff(BETS) > 0).all()
    assert BETS[-1] < 1


@pytest.mark.parametrize("tau", TAUS)
@pytest.mark.parametrize("n", [0, 1, 2, 7, 30, 100, 500, 2000])
def test_p_values_enclose_those_of_sixty_digits(n: int, tau: float) -> None:
    """Never too small, and too large by at most 1e-9 (as a ratio)."""
    table = e_process_p_values(n, tau=tau)
    assert table.shape == (n + 1,)
    around = range(int(n * tau), n + 1, max(1, n // 100))
    for k in sorted({0, n, max(n - 1, 0), *around}):
        exact = min(1 / exact_wealth(k, n - k, tau), mpmath.mpf(1))
        assert exact <= table[k] <= exact * (1 + mpmath.mpf("1e-9")) + mpmath.mpf("2e-200")


@pytest.mark.parametrize("tau", [0.5, 0.75, 0.99])
def test_p_values_of_a_hundred_thousand_draws(tau: float) -> None:
    n, table = 100_000, e_process_p_values(100_000, tau=tau)
    k = int(first_count_at_most(table, 0.5))
    for count in (k - 1, k, k + 50, k + 200):
        exact = 1 / exact_wealth(count, n - count, tau)
        assert min(exact, 1) <= table[count] <= exact * (1 + mpmath.mpf("1e-7"))


@reproducible
@given(st.integers(0, 3000), st.floats(0.5, 0.999))
def test_p_values_fall_and_exceed_those_of_a_fixed_n(n: int, tau: float) -> None:
    """Markov at the likelihood ratio: P(Bin >= k) = P(W_n >= W(k)) <= 1 / W(k)."""
    table = e_process_p_values(n, tau=tau)
    assert table[0] == 1.0
    assert (np.diff(table) <= 0).all()
    assert (table > 0).all()
    if n:
        assert (binom.sf(np.arange(n + 1) - 1, n, tau) <= table).all()


@pytest.mark.parametrize("tau", TAUS)
def test_wealth_is_a_martingale_at_tau_and_falls_below(tau: float) -> None:
    """The mean after one more draw, from each of 3,321 states."""
    total = np.repeat(np.arange(81), np.arange(1, 82))
    hits = np.concatenate([np.arange(n + 1) for n in range(81)])
    now = log_wealth(hits, total - hits, tau=tau)
    up = np.exp(log_wealth(hits + 1, total - hits, tau=tau) - now)
    down = np.exp(log_wealth(hits, total - hits + 1, tau=tau) - now)
    assert tau * up + (1 - tau) * down == pytest.approx(1, abs=1e-11)
    for p in (0.0, 0.3, tau - 0.05, tau - 1e-6):
        assert (p * up + (1 - p) * down < 1).all()
    above = (1 + tau) / 2
    assert (above * up + (1 - above) * down > 1).all()  # every bet is against p <= tau


@pytest.mark.parametrize("tau", TAUS)
@pytest.mark.parametrize("n", [1, 10, 100, 1000])
def test_mean_wealth_is_one_at_tau(n: int, tau: float) -> None:
    k = np.arange(n + 1)
    with np.errstate(divide="ignore"):
        logarithms = log_wealth(k, n - k, tau=tau)
    for p, mean in [(tau, 1.0), (tau - 0.01, None)]:
        found = np.exp(logarithms + binom.logpmf(k, n, p)).sum()
        assert found == pytest.approx(1, abs=1e-8) if mean else found < 1


def threshold(table: Table, n: int, tau: float, level: float) -> int:
    """Smallest count that is rejected after n draws; n + 1 if none."""
    return first_count_at_most(table(n, tau=tau), level)


def thresholds(table: Table, until: int, tau: float, level: float) -> list[int]:
    """Smallest rejected count after each of n = 1, 2, ... draws."""
    return [threshold(table, n, tau, level) for n in range(1, until + 1)]


def ever_rejected(smallest: list[int], p: float) -> np.ndarray:
    """Exact P(rejected at n or before), n = 1, 2, ...: mass of paths that stayed below."""
    below, found, total = np.array([1.0]), [], 0.0
    for k in smallest:
        below = np.append(below * (1 - p), 0) + np.append(0, below * p)
        total += below[k:].sum()
        below[k:] = 0
        found.append(total)
    return np.array(found)


@pytest.mark.parametrize("tau", [0.5, 0.6, 0.75])
@pytest.mark.parametrize("level", [0.5, 0.2])
def test_exact_error_equals_the_enumeration_of_all_paths(tau: float, level: float) -> None:
    """All 2^12 sequences of draws; a second derivation of `ever_rejected`."""
    smallest = thresholds(e_process_p_values, 12, tau, level)
    total = 0.0
    for path in product([0, 1], repeat=12):
        if any(sum(path[:n]) >= k for n, k in enumerate(smallest, 1)):
            total += tau ** sum(path) * (1 - tau) ** (12 - sum(path))
    assert total == pytest.approx(ever_rejected(smallest, tau)[-1], rel=1e-12)
    assert 0 < total <= level


@pytest.mark.parametrize("tau", [0.5, 0.75, 0.9, 0.95])
@pytest.mark.parametrize("level", [0.1, 1e-2, 1e-4, 1e-6])
def test_stopping_at_the_first_rejection_keeps_the_level(tau: float, level: float) -> None:
    """The worst stopping rule at the worst p, exactly, over 500 draws; and not far below."""
    smallest = thresholds(e_process_p_values, 500, tau, level)
    error = ever_rejected(smallest, tau)[-1]
    assert error <= level
    if 500 * np.log(tau) < 2 * np.log(level):  # enough draws to come near
        assert error >= 0.15 * level
    for p in (tau - 0.01, tau - 0.1):
        assert ever_rejected(smallest, p)[-1] < error


@pytest.mark.parametrize("tau", [0.5, 0.75, 0.9])
def test_p_values_of_a_fixed_n_break_the_level_at_a_stopping_time(tau: float) -> None:
    """The mistake that the e-process is there to prevent, in the same exact arithmetic."""
    for level in (0.01, 1e-4):
        peeking = ever_rejected(thresholds(pilot_p_values, 300, tau, level), tau)[-1]
        assert peeking >= 4 * level


def most_extra_draws(tau: float, level: float, most_misses: int) -> tuple[float, float]:
    """Largest relative excess over the smallest fixed n: without a miss; with some misses."""
    misses = np.arange(most_misses + 1)
    fixed, always = np.zeros_like(misses), np.zeros_like(misses)
    n = 1
    while not (fixed.all() and always.all()):
        for found, table in ((fixed, tails(n, tau)), (always, e_process_p_values(n, tau=tau))):
            reached = misses <= n - first_count_at_most(table, level)
            found[reached & (found == 0)] = n
        n += 1
    excess = always / fixed - 1
    return float(excess[0]), float(excess.max())


@pytest.mark.parametrize(("level", "none", "some"), [(5e-9, 0.06, 0.105), (1e-6, 0.07, 0.13)])
@pytest.mark.parametrize(("tau", "misses"), [(0.75, 40), (0.9, 12), (0.95, 4)])
def test_extra_draws(tau: float, misses: int, level: float, none: float, some: float) -> None:
    """Draws until a number of misses is forgiven, against the best fixed n (decision 9)."""
    without_miss, most = most_extra_draws(tau, level, misses)
    assert 0 < without_miss <= none
    assert most <= some


# tau, level; smallest n of hits only: fixed n, e-process; smallest counts at n = 100, ..., 1000
PRICE = [
    (0.75, 1e-6, (49, 52), [(94, 96), (178, 182), (420, 430), (814, 831)]),
    (0.75, 5e-9, (67, 70), [(97, 98), (183, 186), (428, 436), (827, 840)]),
    (0.9, 1e-6, (132, 140), [(101, 101), (198, 199), (480, 483), (943, 951)]),
    (0.9, 5e-9, (182, 192), [(101, 101), (200, 200), (485, 487), (951, 957)]),
    (0.95, 1e-6, (270, 288), [(101, 101), (201, 201), (495, 497), (980, 984)]),
    (0.95, 5e-9, (373, 394), [(101, 101), (201, 201), (498, 499), (985, 988)]),
]


@pytest.mark.parametrize(("tau", "level", "first", "counts"), PRICE)
def test_table_of_decision_9(
    tau: float, level: float, first: tuple[int, int], counts: list[tuple[int, int]]
) -> None:
    assert tau ** first[0] <= level < tau ** (first[0] - 1)
    assert first_rejection(level, tau) == first[1]
    for n, (fixed, always) in zip([100, 200, 500, 1000], counts, strict=True):
        assert threshold(pilot_p_values, n, tau, level) == fixed
        assert threshold(e_process_p_values, n, tau, level) == always


@pytest.mark.parametrize(
    ("p", "most", "at"),
    [(0.8, 0.001, None), (0.9, 0.091, 252), (0.97, 0.078, 84), (0.99, 0.068, 73)],
)
def test_a_running_supremum_would_add_little(p: float, most: float, at: int | None) -> None:
    """P(rejected at any time so far) less P(rejected now), exactly, at each n up to 300."""
    smallest = thresholds(e_process_p_values, 300, 0.75, 1e-7)
    now = binom.sf(np.array(smallest) - 1, np.arange(1, 301), p)
    gain = ever_rejected(smallest, p) - now
    assert gain.max() <= most
    assert at is None or int(gain.argmax()) + 1 == at
    assert gain.min() >= -1e-12


@pytest.mark.parametrize("tau", TAUS)
@pytest.mark.parametrize("level", [0.3, 1e-3, 1e-6, 5e-9])
def test_first_rejection_is_the_first_table_that_rejects(level: float, tau: float) -> None:
    n = first_rejection(level, tau)
    assert e_process_p_values(n, tau=tau)[n] <= level
    assert e_process_p_values(n - 1, tau=tau)[n - 1] > level
    alone = np.bincount([n], minlength=n + 1).astype(np.int64)
    for correction in (holm, bonferroni):
        evidence = Evidence(e_process_p_values(n, tau=tau), alone)
        assert correction.decide(evidence, alpha=level).threshold == n


def test_a_tau_out_of_reach_is_refused_at_once() -> None:
    with pytest.raises(InputError, match="more than 10000000 draws: lower tau"):
        first_rejection(1e-6, 1 - 1e-9)


# The guarantee with Holm over dependent components and an adversary that stops the image as soon
# as something false is certified. p = tau: every certificate of a null component is a false one.
COMPONENTS, ALPHA, TAU, REPETITIONS, FALSE_ALARM = 8, 0.1, 0.75, 2000, 1e-6
TIMES = Looks(tuple(range(4, 121, 4)))  # how often the adversary looks
MOST = int(binom.isf(FALSE_ALARM, REPETITIONS, ALPHA))  # errors of a procedure that keeps alpha


def wrong(table: Table, *, independent: int, certain: int = 0, seed: int) -> int:
    """Images, of REPETITIONS, in which the adversary finds a false certificate.

    The null components fall into so many independent blocks; ``certain`` others always hit.
    """
    rng = np.random.default_rng(seed)
    draws = rng.random((REPETITIONS, TIMES.n, independent)) < TAU
    hits = np.repeat(draws.cumsum(1), (COMPONENTS - certain) // independent, axis=2)
    still = np.full(REPETITIONS, True)
    for n in TIMES.at:
        p_values = table(n, tau=TAU)
        best = p_values[hits[:, n - 1].max(1)]
        for image in np.flatnonzero(still & (best <= ALPHA)):  # Holm cannot reject the others
            counts = np.append(hits[image, n - 1], np.full(certain, n))
            histogram = np.bincount(counts, minlength=n + 1).astype(np.int64)
            k = holm.decide(Evidence(p_values, histogram), alpha=ALPHA).threshold
            still[image] = not (hits[image, n - 1] >= k).any()
    return int((~still).sum())


def exact_rate(table: Table, *, independent: int, certain: int = 0) -> float:
    """Probability of a false certificate of one image, by enumeration of one component's paths."""
    smallest = [n + 1 for n in range(1, TIMES.n + 1)]
    for n in TIMES.at:
        at_first = threshold(table, n, TAU, ALPHA / COMPONENTS)
        if n >= at_first:  # only then do the certain ones go
            smallest[n - 1] = threshold(table, n, TAU, ALPHA / (COMPONENTS - certain))
    one = ever_rejected(smallest, TAU)[-1]
    return float(1 - (1 - one) ** independent)


@pytest.mark.parametrize(("independent", "certain"), [(1, 0), (4, 0), (8, 0), (1, 4), (4, 4)])
def test_family_wise_error_under_adversarial_stopping(independent: int, certain: int) -> None:
    """Fully dependent, in blocks and independent; alone and beside certain components.

    Detected: p-values of a fixed n used at every look.
    """
    design = {"independent": independent, "certain": certain}
    rate = exact_rate(e_process_p_values, **design)
    low, high = binom.interval(1 - FALSE_ALARM, REPETITIONS, rate)
    assert rate <= ALPHA
    mutant = exact_rate(pilot_p_values, **design)
    assert binom.cdf(min(high, MOST), REPETITIONS, mutant) <= FALSE_ALARM  # power

    errors = wrong(e_process_p_values, **design, seed=independent)
    assert errors <= MOST
    assert low <= errors <= high
    assert wrong(pilot_p_values, **design, seed=independent) > high


def test_independent_components_exceed_alpha_with_p_values_of_a_fixed_n() -> None:
    """Peeking breaks the guarantee itself, not only the closed form."""
    rate = exact_rate(pilot_p_values, independent=8)
    assert binom.cdf(MOST, REPETITIONS, rate) <= FALSE_ALARM
    assert wrong(pilot_p_values, independent=8, seed=9) > MOST


def test_power_of_the_whole_procedure() -> None:
    """Components of p = 0.999 at the level of 172,800: none at 66 draws, 93% at 70, 99% at 90."""
    level = 1e-3 / 172_800
    shares = [
        binom.sf(threshold(e_process_p_values, n, 0.75, level) - 1, n, 0.999) for n in (66, 70, 90)
    ]
    assert shares[0] == 0.0
    assert shares[1] == pytest.approx(0.999**70, rel=1e-12)
    assert shares[2] >= 0.996
    assert all(before < after for before, after in pairwise(shares))
