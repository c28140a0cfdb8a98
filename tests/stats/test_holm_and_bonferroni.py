"""Holm and Bonferroni on histograms, against other software and brute force."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from segcert.certificates.segcertify import certify
from segcert.noise.gaussian import LatticeGaussianNoise
from segcert.sampling.counts import Counts
from segcert.sampling.sampler import sample
from segcert.stats.binomial import tails
from segcert.stats.bonferroni import bonferroni
from segcert.stats.correction import AbstractCorrection, Evidence
from segcert.stats.correction_names import corrections, parse_correction
from segcert.stats.holm import holm

pytestmark = pytest.mark.repeats

BOTH = pytest.mark.parametrize("correction", [holm, bonferroni])
reproducible = settings(derandomize=True, deadline=None)


def rejected(
    correction: AbstractCorrection, p_values: np.ndarray, counts: np.ndarray, alpha: float
) -> np.ndarray:
    """Which tests are rejected, one by one."""
    histogram = np.bincount(counts, minlength=len(p_values)).astype(np.int64)
    return counts >= threshold(correction, p_values, histogram, alpha)


def threshold(
    correction: AbstractCorrection, p_values: np.ndarray, histogram: np.ndarray, alpha: float
) -> int:
    """Smallest count that is rejected."""
    return correction.decide(Evidence(p_values, histogram), alpha=alpha).threshold


@st.composite
def families(draw: st.DrawFn, most: int = 40) -> tuple[np.ndarray, np.ndarray, float]:
    """p-values of the counts (with ties and values exactly at the levels), counts, alpha."""
    n = draw(st.integers(1, 12))
    counts = np.array(draw(st.lists(st.integers(0, n), min_size=1, max_size=most)))
    alpha = draw(st.sampled_from([0.001, 0.05, 0.1, 0.3, 0.5]))
    levels = [alpha / left for left in range(1, len(counts) + 1)]
    value = st.one_of(st.sampled_from(levels), st.floats(0, 1), st.floats(0, 2 * levels[-1]))
    p_values = sorted(draw(st.lists(value, min_size=n + 1, max_size=n + 1)), reverse=True)
    return np.array(p_values), counts, alpha


@BOTH
@settings(reproducible, max_examples=25)  # statsmodels collects garbage in each call
@given(families())
def test_rejections_equal_those_of_statsmodels(
    correction: AbstractCorrection, family: tuple[np.ndarray, np.ndarray, float]
) -> None:
    p_values, counts, alpha = family
    method = correction.name
    reference = multipletests(p_values[counts], alpha=alpha, method=method)[0]
    assert (rejected(correction, p_values, counts, alpha) == reference).all()


@BOTH
@pytest.mark.parametrize("tau", [0.5, 0.75, 0.95])
def test_rejections_equal_those_of_statsmodels_on_binomial_counts(
    correction: AbstractCorrection, tau: float
) -> None:
    """Real tails, many ties; all components from surely null to surely not."""
    rng = np.random.default_rng(0)
    for n, size in [(20, 5), (60, 300), (100, 3000)]:
        counts = rng.binomial(n, rng.uniform(tau - 0.1, 1, size))
        p_values = tails(n, tau)
        reference = multipletests(p_values[counts], alpha=0.05, method=correction.name)[0]
        assert (rejected(correction, p_values, counts, 0.05) == reference).all()


def closed_bonferroni(p: np.ndarray, alpha: float) -> list[bool]:
    """Reject a hypothesis if Bonferroni rejects every intersection that contains it."""
    tests = range(len(p))
    kept = set()
    for size in range(1, len(p) + 1):
        for subset in combinations(tests, size):
            if min(p[list(subset)]) > alpha / size:
                kept |= set(subset)
    return [test not in kept for test in tests]


@reproducible
@given(families(most=6))
def test_holm_is_the_closure_of_bonferroni(family: tuple[np.ndarray, np.ndarray, float]) -> None:
    p_values, counts, alpha = family
    assert rejected(holm, p_values, counts, alpha).tolist() == closed_bonferroni(
        p_values[counts], alpha
    )


@BOTH
@reproducible
@given(families(), st.floats(0.001, 0.999))
def test_rejections_grow_with_alpha(
    correction: AbstractCorrection, family: tuple[np.ndarray, np.ndarray, float], other: float
) -> None:
    p_values, counts, alpha = family
    low, high = sorted([alpha, other])
    few, many = (rejected(correction, p_values, counts, level) for level in (low, high))
    assert (few <= many).all()


@reproducible
@given(families())
def test_holm_rejects_all_that_bonferroni_rejects(
    family: tuple[np.ndarray, np.ndarray, float],
) -> None:
    p_values, counts, alpha = family
    assert (
        rejected(bonferroni, p_values, counts, alpha) <= rejected(holm, p_values, counts, alpha)
    ).all()


@BOTH
@reproducible
@given(families())
def test_one_more_hopeless_test_never_helps(
    correction: AbstractCorrection, family: tuple[np.ndarray, np.ndarray, float]
) -> None:
    p_values, counts, alpha = family
    p_values[0] = 1.0
    more = rejected(correction, p_values, np.append(counts, 0), alpha)
    assert not more[-1]
    assert (more[:-1] <= rejected(correction, p_values, counts, alpha)).all()


@BOTH
def test_a_p_value_equal_to_its_level_is_rejected(correction: AbstractCorrection) -> None:
    """Four tests with p = alpha / 4: all go, ``<`` in place of ``<=`` would keep them."""
    histogram = np.array([0, 4], dtype=np.int64)
    assert threshold(correction, np.array([1.0, 0.1 / 4]), histogram, 0.1) <= 1
    above = np.nextafter(0.1 / 4, 1)
    assert threshold(correction, np.array([1.0, above]), histogram, 0.1) == 2


def test_holm_stops_at_the_first_failure() -> None:
    """The second smallest p-value fails alpha / 2; the largest would pass alpha / 1."""
    p_values, histogram = np.array([0.09, 0.06, 0.01]), np.array([1, 1, 1], dtype=np.int64)
    assert threshold(holm, p_values, histogram, 0.1) == 2
    assert threshold(holm, np.array([0.09, 0.05, 0.01]), histogram, 0.1) == 0


@BOTH
def test_nothing_to_test_and_nothing_to_reject(correction: AbstractCorrection) -> None:
    p_values = np.array([1.0, 0.5, 0.2])
    assert threshold(correction, p_values, np.array([3, 2, 1], dtype=np.int64), 0.1) == 3
    assert threshold(correction, p_values, np.zeros(3, dtype=np.int64), 0.1) == 3


def test_names_of_the_corrections() -> None:
    assert parse_correction("holm") == holm
    assert parse_correction("bonferroni") == bonferroni
    assert all(name == correction.name for name, correction in corrections().items())


@pytest.fixture(scope="module")
def counts() -> Counts:
    """Real counts of 400 components with all shades of probability."""
    image = np.linspace(0, 255, 400).astype(np.uint8).reshape(1, 20, 20)
    return sample(
        lambda x: torch.stack([0.5 - x[:, 0], x[:, 0] - 0.5], 1),
        image,
        noise=LatticeGaussianNoise(0.25),
        n0=5,
        n=100,
        seed=1,
        device="cpu",
    )


@BOTH
def test_order_of_the_components_changes_nothing(
    counts: Counts, correction: AbstractCorrection
) -> None:
    order = np.random.default_rng(0).permutation(400)
    shuffled = replace(
        counts,
        labels=counts.labels.ravel()[order].reshape(20, 20),
        hits=counts.hits.ravel()[order].reshape(20, 20),
        pilot_hits=counts.pilot_hits.ravel()[order].reshape(20, 20),
        promise=counts.promise.ravel()[order].reshape(20, 20),
    )
    mask = certify(counts, tau=0.75, correction=correction).certified
    other = certify(shuffled, tau=0.75, correction=correction).certified
    assert 0 < mask.sum() < 400
    assert (mask.ravel()[order] == other.ravel()).all()


@BOTH
def test_certified_components_are_those_of_statsmodels(
    counts: Counts, correction: AbstractCorrection
) -> None:
    for tau, alpha in [(0.5, 1e-3), (0.75, 1e-3), (0.75, 0.3), (0.8, 0.05)]:
        mask = certify(counts, tau=tau, alpha=alpha, correction=correction).certified
        p = tails(100, tau)[counts.hits.ravel()]
        reference = multipletests(p, alpha=alpha, method=correction.name)[0]
        assert 0 < mask.sum() < 400
        assert (mask.ravel() == reference).all()
