"""Looks fixed in advance: exact level, exact error of all looks together, and their price."""

import math
from fractions import Fraction
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from segcert.errors import InputError
from segcert.stats.correction import Evidence, first_count_at_most
from segcert.stats.holm import holm
from segcert.stats.levels import levels, smallest_n
from segcert.stats.looks import Looks, even_looks
from segcert.stats.p_values import no_pilot_p_values, pilot_p_values

pytestmark = pytest.mark.repeats

reproducible = settings(derandomize=True, deadline=None)


@reproducible
@given(st.floats(1e-12, 1, exclude_max=True), st.integers(1, 50))
def test_level_is_the_largest_float_that_keeps_alpha(alpha: float, k: int) -> None:
    level = Looks(tuple(range(1, k + 1))).level(alpha=alpha)
    assert Fraction(level) * k <= Fraction(alpha)
    assert Fraction(math.nextafter(level, 1)) * k > Fraction(alpha)


def test_division_alone_would_round_up() -> None:
    """0.001 / 5 in float64 is larger than a fifth of 0.001."""
    assert Fraction(0.001 / 5) * 5 > Fraction(0.001)
    assert Looks((1, 2, 3, 4, 5)).level(alpha=0.001) < 0.001 / 5


@reproducible
@given(st.integers(1, 2000), st.integers(1, 40), st.none() | st.integers(1, 2000))
def test_even_looks_are_even(n: int, k: int, first: int | None) -> None:
    start = math.ceil(n / k) if first is None else first
    if n - start < k - 1 and k > 1:
        with pytest.raises(InputError, match=f"k = {k} looks do not fit between {start} and {n}"):
            even_looks(n, k, first=first)
        return
    looks = even_looks(n, k, first=first)
    assert len(looks.at) == k
    assert looks.n == looks.at[-1] == n
    if k > 1:
        assert looks.at[0] == start
        gaps = [after - before for before, after in pairwise(looks.at)]
        assert max(gaps) - min(gaps) <= 1


def test_examples_of_even_looks() -> None:
    assert even_looks(100, 4).at == (25, 50, 75, 100)
    assert even_looks(300, 4, first=75).at == (75, 150, 225, 300)
    assert even_looks(7, 1).at == even_looks(7, 1, first=3).at == (7,)
    assert even_looks(3, 3).at == (1, 2, 3)


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ((), "at least one number of draws, got none"),
        ((0, 5), "after 1 draw or more, got 0"),
        ((-3,), "after 1 draw or more, got -3"),
        ((5, 5), "must increase, got 5 after 5"),
        ((5, 9, 7), "must increase, got 7 after 9"),
    ],
)
def test_looks_that_do_not_increase_are_refused(at: tuple[int, ...], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Looks(at)


@pytest.mark.parametrize("k", [0, -1])
def test_no_looks_are_refused(k: int) -> None:
    with pytest.raises(InputError, match=f"k must be at least 1, got {k}"):
        even_looks(100, k)


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, math.nan])
def test_alpha_out_of_range_is_refused(alpha: float) -> None:
    with pytest.raises(InputError, match=r"alpha must be in \(0, 1\)"):
        Looks((10,)).level(alpha=alpha)


def smallest_counts(looks: Looks, tau: float, level: float, *, pilot: bool) -> dict[int, int]:
    """Smallest rejected count at each look, every look being tested at the level."""
    table = pilot_p_values if pilot else no_pilot_p_values
    return {n: first_count_at_most(table(n, tau=tau), level) for n in looks.at}


def ever_rejected(smallest: dict[int, int], p: float, *, pilot: bool = True) -> float:
    """Exact P(rejected at some look) with hit probability p, by the mass of paths not rejected.

    Without pilot there are two classes, p and 1 - p, and either may be the most frequent one.
    """
    alive = np.array([1.0])
    for n in range(1, max(smallest) + 1):
        alive = np.append(alive * (1 - p), 0) + np.append(0, alive * p)
        k = smallest.get(n, n + 1)
        alive[k:] = 0
        if not pilot:
            alive[: max(n - k + 1, 0)] = 0
    return float(1 - alive.sum())


@pytest.mark.parametrize("pilot", [True, False])
@pytest.mark.parametrize("p", [0.5, 0.75])
def test_exact_error_equals_the_enumeration_of_all_paths(p: float, pilot: bool) -> None:
    """All 2^12 sequences of draws; a second derivation of `ever_rejected`."""
    smallest = smallest_counts(Looks((6, 9, 12)), 0.5, 0.2, pilot=pilot)
    total = 0.0
    for path in product([0, 1], repeat=12):
        sums = {n: sum(path[:n]) for n in smallest}
        one = any(sums[n] >= k for n, k in smallest.items())
        other = not pilot and any(n - sums[n] >= k for n, k in smallest.items())
        total += (one or other) * p ** sum(path) * (1 - p) ** (12 - sum(path))
    assert total == pytest.approx(ever_rejected(smallest, p, pilot=pilot), rel=1e-9)
    assert total > 0


@pytest.mark.parametrize("pilot", [True, False])
@pytest.mark.parametrize("tau", [0.5, 0.75, 0.9])
@pytest.mark.parametrize("k", [1, 4, 20])
@pytest.mark.parametrize("alpha", [0.2, 0.01])
def test_exact_error_over_all_looks_is_at_most_alpha(
    alpha: float, k: int, tau: float, pilot: bool
) -> None:
    """At p = tau, the worst case, and below; and alpha is not far away."""
    looks = even_looks(300, k, first=None if k == 1 else 60)
    smallest = smallest_counts(looks, tau, looks.level(alpha=alpha), pilot=pilot)
    error = ever_rejected(smallest, tau, pilot=pilot)
    assert error <= alpha
    assert error >= alpha / (8 if k == 20 else 5)
    for p in np.linspace(1 - tau, tau, 7):
        assert ever_rejected(smallest, float(p), pilot=pilot) <= error * (1 + 1e-9) + 1e-12


@pytest.mark.parametrize("pilot", [True, False])
@pytest.mark.parametrize("tau", [0.5, 0.75, 0.9])
def test_alpha_at_each_of_twenty_looks_breaks_the_level(tau: float, pilot: bool) -> None:
    looks = even_looks(300, 20, first=60)
    for alpha in (0.05, 0.01):
        peeking = smallest_counts(looks, tau, alpha, pilot=pilot)
        assert ever_rejected(peeking, tau, pilot=pilot) >= 2 * alpha


# What looks cost: 172,800 components, alpha = 0.001, tau = 0.75. Level of one component when a
# share of them is left, and smallest counts at n for all of alpha, a half, a quarter, an eighth.
PRICE = [
    (1.0, 100, (97, 97, 98, 98)),
    (0.2, 100, (96, 97, 97, 97)),
    (0.05, 100, (96, 96, 96, 97)),
    (0.01, 100, (95, 95, 95, 96)),
    (1.0, 200, (183, 183, 184, 184)),
    (0.2, 200, (181, 182, 182, 183)),
    (1.0, 1000, (826, 828, 829, 831)),
]


@pytest.mark.parametrize(("left", "n", "counts"), PRICE)
def test_looks_cost_about_one_count_at_a_hundred_draws(
    left: float, n: int, counts: tuple[int, ...]
) -> None:
    for k, count in zip([1, 2, 4, 8], counts, strict=True):
        level = even_looks(n, k).level(alpha=1e-3) / (172_800 * left)
        assert first_count_at_most(pilot_p_values(n, tau=0.75), level) == count


def test_looks_cost_draws_before_anything_can_be_certified() -> None:
    """66 draws with one look, 71 with four, 74 with eight: a factor of K is ln K / ln(1 / tau)."""
    found = []
    for k in (1, 4, 8):
        level = even_looks(300, k).level(alpha=1e-3)
        found.append(smallest_n(172_800, tau=0.75, alpha=level))
    assert found == [66, 71, 74]


# The guarantee with Holm over dependent components and an adversary that stops the image as soon
# as something false is certified. p = tau: every certificate of a null component is a false one.
COMPONENTS, ALPHA, TAU, REPETITIONS, FALSE_ALARM = 8, 0.1, 0.75, 2500, 1e-6
LOOKS = even_looks(230, 20, first=40)
MOST = int(binom.isf(FALSE_ALARM, REPETITIONS, ALPHA))  # errors of a procedure that keeps alpha


def wrong(level: float, *, independent: int, pilot: bool, seed: int) -> int:
    """Images, of REPETITIONS, in which the adversary finds a false certificate.

    The components fall into so many independent blocks; each look is tested at the level.
    """
    rng = np.random.default_rng(seed)
    draws = rng.random((REPETITIONS, LOOKS.n, independent)) < TAU
    hits = np.repeat(draws.cumsum(1), COMPONENTS // independent, axis=2)
    still = np.full(REPETITIONS, True)
    for n in LOOKS.at:
        top = hits[:, n - 1] if pilot else np.maximum(hits[:, n - 1], n - hits[:, n - 1])
        given_levels = levels(COMPONENTS, n, tau=TAU, alpha=level, pilot=pilot)
        best = given_levels.p_values[top.max(1)]
        for image in np.flatnonzero(still & (best <= level)):  # Holm cannot reject the others
            histogram = np.bincount(top[image], minlength=n + 1).astype(np.int64)
            evidence = Evidence(given_levels.p_values, histogram)
            k = holm.decide(evidence, alpha=given_levels.alpha).threshold
            still[image] = not (top[image] >= k).any()
    return int((~still).sum())


def exact_rate(level: float, *, independent: int, pilot: bool) -> float:
    """Probability of a false certificate of one image, by enumeration of one component's paths."""
    smallest = {}
    for n in LOOKS.at:
        given_levels = levels(COMPONENTS, n, tau=TAU, alpha=level, pilot=pilot)
        one = given_levels.alpha / COMPONENTS  # Holm rejects a null component here or nowhere
        smallest[n] = first_count_at_most(given_levels.p_values, one)
    return float(1 - (1 - ever_rejected(smallest, TAU, pilot=pilot)) ** independent)


@pytest.mark.parametrize("pilot", [True, False])
@pytest.mark.parametrize("independent", [1, 4, 8])
def test_family_wise_error_under_adversarial_stopping(independent: int, pilot: bool) -> None:
    """Fully dependent, in blocks and independent components, 20 looks.

    Detected: all of alpha at each look.
    """
    level = LOOKS.level(alpha=ALPHA)
    rate = exact_rate(level, independent=independent, pilot=pilot)
    low, high = binom.interval(1 - FALSE_ALARM, REPETITIONS, rate)
    assert rate <= ALPHA
    mutant = exact_rate(ALPHA, independent=independent, pilot=pilot)
    assert binom.cdf(min(high, MOST), REPETITIONS, mutant) <= FALSE_ALARM  # power

    errors = wrong(level, independent=independent, pilot=pilot, seed=independent)
    assert errors <= MOST
    assert low <= errors <= high
    assert wrong(ALPHA, independent=independent, pilot=pilot, seed=independent) > high


def test_all_of_alpha_at_each_look_breaks_the_guarantee() -> None:
    """Not only the closed form: more than alpha of the images hold a false certificate."""
    rate = exact_rate(ALPHA, independent=8, pilot=True)
    assert binom.cdf(MOST, REPETITIONS, rate) <= FALSE_ALARM
    assert wrong(ALPHA, independent=8, pilot=True, seed=9) > MOST
