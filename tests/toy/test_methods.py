"""What the methods certify: against plain draws with SciPy and statsmodels, and closed forms."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import pairwise
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest
from statsmodels.stats.multitest import multipletests

from segcert.toy import methods
from segcert.toy.draws import Draws, hits_pmf
from segcert.toy.methods import METHODS, Method, share
from segcert.toy.model import Toy

pytestmark = pytest.mark.repeats

FALSE_ALARM = 1e-6
SMALL = Toy(
    gamma=0.12, components=5, bad=2, n0=3, n=12, tau=0.6, alpha=0.2, repetitions=4000, seed=4
)  # fmt: skip
MEAN = np.sqrt(np.log(2 / FALSE_ALARM) / (2 * SMALL.repetitions))  # Hoeffding, for shares


def lehmann_romano(p_values: np.ndarray, k: int, alpha: float) -> np.ndarray:
    """Levels k alpha / N at ranks up to k, k alpha / (N + k - i) beyond; stop at a failure."""
    rejected, tests = np.zeros(len(p_values), dtype=bool), len(p_values)
    for rank, test in enumerate(np.argsort(p_values, kind="stable"), start=1):
        if p_values[test] > k * alpha / (tests if rank <= k else tests + k - rank):
            break
        rejected[test] = True
    return rejected


@cache
def p_value(hits: int, tau: float) -> float:
    """One-sided binomial test of the small setting."""
    return float(binomtest(hits, SMALL.n, tau, alternative="greater").pvalue)


@cache
def shares_by_other_software(hits: tuple[int, ...]) -> dict[str, float]:
    """What one repetition of the small setting certifies, by SciPy and statsmodels."""
    alpha = SMALL.alpha
    p = np.array([p_value(k, SMALL.tau) for k in hits])
    with patch("gc.collect"):  # which statsmodels calls every time
        holm = multipletests(p, alpha, "holm")[0]
    return {
        "indiv_class": float(p_value(min(hits), 0.5) <= alpha / len(hits)),
        "segcertify_holm": holm.mean(),
        "segcertify_bonferroni": multipletests(p, alpha, "bonferroni")[0].mean(),
        "k_fwer_1_error": lehmann_romano(p, 2, alpha).mean(),
        "k_fwer_4_errors": lehmann_romano(p, 5, alpha).mean(),
    }


@cache
def plain_shares() -> dict[str, np.ndarray]:
    """Draw every component of every draw of the small setting."""
    toy, rng = SMALL, np.random.default_rng(11)
    wrong = np.repeat([toy.gamma, 5 * toy.gamma], [3, 2])
    draws = rng.random((toy.repetitions, toy.n0 + toy.n, 5)) >= wrong
    rows = []
    for one in draws:
        labels = np.array([np.bincount(pilot, minlength=2).argmax() for pilot in one[: toy.n0].T])
        hits = (one[toy.n0 :] == labels).sum(0)
        rows.append(shares_by_other_software(tuple(sorted(hits.tolist()))))
    return {key: np.array([row[key] for row in rows]) for key in rows[0]}


COMPARED = [
    "indiv_class", "segcertify_holm", "segcertify_bonferroni", "k_fwer_1_error", "k_fwer_4_errors",
]  # fmt: skip


@pytest.mark.parametrize("key", COMPARED)
def test_plain_draws_and_other_software_give_the_same_share(key: str) -> None:
    found, plain = share(METHODS[key], Draws(SMALL)), plain_shares()[key]
    assert abs(found.certified - plain.mean()) <= 2 * MEAN
    plain_error = plain.std(ddof=1) / np.sqrt(SMALL.repetitions)
    assert found.standard_error == pytest.approx(plain_error, rel=0.1)
    assert found.repetitions == SMALL.repetitions


def test_the_comparison_with_plain_draws_tells_the_methods_apart() -> None:
    """Power: between neighbours the shares differ by more than the test allows."""
    order = ["indiv_class", "segcertify_bonferroni", "segcertify_holm", "k_fwer_4_errors"]
    means = [plain_shares()[key].mean() for key in order]
    assert (np.diff(means) > 0).all()
    assert means[3] - means[1] > 4 * MEAN
    assert means[1] - means[0] > 4 * MEAN


@pytest.mark.parametrize("gamma", [0.02, 0.06, 0.1])
def test_bonferroni_certifies_as_many_as_the_closed_form(gamma: float) -> None:
    """All components alike: N x repetitions independent tests; a level of 2 alpha is caught."""
    toy = Toy(gamma=gamma, bad=0, repetitions=1000)
    pmf = hits_pmf(1 - gamma, n0=100, n=100)

    def chance(alpha: float) -> float:
        """Probability that a component passes, by SciPy."""
        p_values = binom.sf(np.arange(101) - 1, 100, toy.tau)
        return float(pmf[p_values <= alpha / 100].sum())

    low, high = binom.interval(1 - FALSE_ALARM, 100_000, chance(toy.alpha))
    assert binom.cdf(high, 100_000, chance(10 * toy.alpha)) <= FALSE_ALARM  # power
    certified = METHODS["segcertify_bonferroni"].certified(Draws(toy))
    assert low <= certified.sum() <= high


def test_joint_class_certifies_as_often_as_the_closed_form() -> None:
    """P(Bin(100, 0.995^96 0.975^4) >= 66), with a pilot that is right; bad ones are seen."""
    toy = Toy(gamma=0.005, bad=4, repetitions=2000)
    chance = binom.sf(65, 100, 0.995**96 * 0.975**4)
    low, high = binom.interval(1 - FALSE_ALARM, 2000, chance)
    ordinary = binom.sf(65, 100, 0.995**100)
    assert binom.cdf(high, 2000, ordinary) <= FALSE_ALARM  # power
    certified = METHODS["joint_class"].certified(Draws(toy))
    assert set(certified) == {0, 100}
    assert low <= (certified == 100).sum() <= high


def test_without_pilot_all_draws_are_tested() -> None:
    """The two-term test of Bonferroni's kind, closed form: 200 draws certify what 100 do not."""
    toy = Toy(gamma=0.08, bad=0, repetitions=500)
    k = np.arange(201)
    p_values = binom.sf(k - 1, 200, 0.75) + binom.sf(k - 1, 200, 0.25)
    chance = binom.sf(k[p_values <= toy.alpha / 100].min() - 1, 200, 0.92)
    found = share(METHODS["no_pilot_holm"], Draws(toy)).certified
    error = np.sqrt(np.log(2 / FALSE_ALARM) / (2 * 50_000))
    assert found >= chance - error  # Holm certifies at least what Bonferroni does
    assert found > share(METHODS["segcertify_holm"], Draws(toy)).certified + 0.2


@pytest.mark.parametrize(("alpha", "expected"), [(0.08, 0), (0.1, 1)])
def test_without_pilot_both_ways_to_be_wrong_are_counted(alpha: float, expected: int) -> None:
    """5 hits of 5 at tau = 0.6: 0.6^5 = 0.078, with 0.4^5 it is 0.088, and 0.4^5 is reserved."""
    toy = Toy(gamma=0.0, components=1, bad=0, n0=2, n=3, tau=0.6, alpha=alpha, repetitions=2)
    assert METHODS["no_pilot_holm"].certified(Draws(toy)).tolist() == [expected, expected]


@given(
    gamma=st.floats(0, 0.2),
    components=st.integers(1, 300),
    bad=st.floats(0, 1),
    n0=st.integers(1, 30),
    n=st.integers(1, 60),
    tau=st.floats(0.5, 0.95),
    alpha=st.floats(1e-4, 0.5),
)
@settings(max_examples=30, deadline=None)
def test_shares_are_ordered_on_the_same_draws(**given: float) -> None:
    """Bonferroni <= Holm <= k-FWER of 1 <= of 4 errors, in every repetition."""
    bad = int(given.pop("bad") * given["components"])
    draws = Draws(Toy(bad=bad, repetitions=20, **given))
    keys = ["segcertify_bonferroni", "segcertify_holm", "k_fwer_1_error", "k_fwer_4_errors"]
    found = [METHODS[key].certified(draws) for key in keys]
    for less, more in pairwise(found):
        assert (less <= more).all()
    for method in METHODS.values():
        certified = method.certified(draws)
        assert certified.shape == (20,)
        assert (certified >= 0).all()
        assert (certified <= given["components"]).all()
    for key in ("joint_class", "indiv_class"):
        assert set(METHODS[key].certified(draws)) <= {0, given["components"]}


@pytest.mark.parametrize("key", METHODS)
@pytest.mark.parametrize("n", [100, 300])
def test_the_share_falls_with_gamma(key: str, n: int) -> None:
    shares = [
        share(METHODS[key], Draws(Toy(gamma=gamma, n0=n, n=n, repetitions=60))).certified
        for gamma in (0.0, 0.003, 0.06, 0.1)
    ]
    assert shares[0] == 1.0
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] < 1.0


def test_ordered_testing_keeps_to_the_bound_of_its_own_draws() -> None:
    """At least what the mild level with the reserve allows, at most what no correction would."""
    toy = Toy(gamma=0.06, repetitions=300)
    found = share(METHODS["ordered"], Draws(toy))
    assert found.repetitions == 300
    pmf = hits_pmf(0.94, n0=100, n=100)
    p_values = binom.sf(np.arange(101) - 1, 100, 0.75)
    floor = pmf[p_values <= 0.1 * toy.alpha / 100].sum() * 0.99
    assert floor < found.certified < 0.99 * pmf[p_values <= toy.alpha].sum()


def test_the_family_wise_error_of_a_null_is_at_most_alpha() -> None:
    """Every component at p = tau: whatever is certified is an error; at alpha each it is seen."""
    toy = Toy(
        gamma=0.1, components=20, bad=0, n0=5, n=40, tau=0.9, alpha=0.2, repetitions=4000, seed=9
    )  # fmt: skip
    most = int(binom.isf(FALSE_ALARM, toy.repetitions, toy.alpha))
    draws = Draws(toy)
    for key in ("segcertify_holm", "segcertify_bonferroni"):
        assert (METHODS[key].certified(draws) > 0).sum() <= most
    assert (METHODS["k_fwer_4_errors"].certified(draws) > 4).sum() <= most
    each = replace(toy, alpha=0.99)
    assert (METHODS["segcertify_holm"].certified(Draws(each)) > 0).sum() > most  # power


def method_of(counts: list[int]) -> Method:
    """A method that certifies given numbers of components."""
    return Method("given", lambda _: np.array(counts, dtype=np.int64))


def test_mean_and_standard_error() -> None:
    draws = Draws(Toy(components=10))
    found = share(method_of([2, 4, 9]), draws)
    assert found.certified == pytest.approx(0.5)
    assert found.standard_error == pytest.approx(np.std([0.2, 0.4, 0.9], ddof=1) / np.sqrt(3))
    assert found.repetitions == 3


def test_one_repetition_has_no_standard_error_and_none_no_share() -> None:
    draws = Draws(Toy(components=10))
    assert share(method_of([7]), draws).standard_error is None
    assert share(method_of([]), draws) is None


def test_equal_shares_have_no_error_at_all() -> None:
    found = share(method_of([7] * 600), Draws(Toy(components=10)))
    assert (found.certified, found.standard_error) == (0.7, 0.0)


def test_ordered_testing_draws_fewer_repetitions_of_many_components(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(methods, "SINGLE_DRAWS", 1000)
    found = share(METHODS["ordered"], Draws(Toy(components=200)))
    assert found.repetitions == 5
    monkeypatch.setattr(methods, "MOST_SINGLE", 199)
    assert share(METHODS["ordered"], Draws(Toy(components=200))) is None


@pytest.mark.parametrize("key", METHODS)
def test_what_a_method_certifies_does_not_depend_on_the_others(key: str) -> None:
    toy = Toy(gamma=0.06, repetitions=20)
    used = Draws(toy)
    certify: Callable[[Draws], np.ndarray] = METHODS[key].certified
    for method in METHODS.values():
        method.certified(used)
    assert (certify(used) == certify(Draws(toy))).all()
