"""p-values and radii of counts on pages: against scipy, the certificate and the radius map."""

import dataclasses
import math
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from segcert.certificates.hierarchical import certify_tree
from segcert.certificates.radius_map import radius_map
from segcert.certificates.result import Certificate
from segcert.certificates.segcertify import certify
from segcert.models.wrapping import as_segmenter
from segcert.noise.gaussian import GaussianNoise
from segcert.report.evidence import (
    MOST_COUNTS,
    evidence_data,
    listed_counts,
    make_evidence,
    p_text,
    radius_colours,
)
from segcert.report.pictures import radius_image
from segcert.sampling.counts import Counts
from segcert.sampling.sampler import sample
from segcert.stats.class_tree import ClassTree
from segcert.stats.sequential import Anytime, Sequential

TREE = ClassTree(("dark", "dim", "light", "night", "any"), (3, 3, 4, 4, 4))


def draw(*, n0: int, n: int | Sequential = 60) -> Counts:
    """Sample three bands of brightness."""
    ramp = np.linspace(20, 235, 30)
    image = np.broadcast_to(ramp[None, :, None], (10, 30, 3)).astype(np.uint8)

    def bands(batch: torch.Tensor) -> torch.Tensor:
        return (3 * batch[:, 0]).clamp(0, 2.99).long()

    model = as_segmenter(bands, classes=3, class_names=("dark", "dim", "light"))
    return sample(model, image, noise=GaussianNoise(0.1), n0=n0, n=n, seed=1)


@pytest.fixture(scope="module")
def piloted() -> Certificate:
    return certify(draw(n0=5), tau=0.6, alpha=0.1)


def test_p_values_are_those_of_scipy(piloted: Certificate) -> None:
    found = make_evidence(piloted, piloted.counts.hits)
    exact = binom.sf(found.counts - 1, 60, 0.6)
    assert (found.p_values >= exact).all()
    assert found.p_values == pytest.approx(exact, rel=1e-6)
    assert found.needed == pytest.approx(binom.sf(piloted.threshold - 1, 60, 0.6), rel=1e-6)
    assert {*piloted.counts.hits.ravel().tolist(), 0, piloted.threshold} == {*found.counts.tolist()}


def test_certified_is_a_p_value_of_at_most_what_is_needed(piloted: Certificate) -> None:
    found = make_evidence(piloted, piloted.counts.hits)
    at = np.searchsorted(found.counts, piloted.counts.hits)
    assert np.array_equal(found.p_values[at] <= found.needed, piloted.certified)


def test_radii_are_those_of_the_map(piloted: Certificate) -> None:
    found = make_evidence(piloted, piloted.counts.hits)
    expected = radius_map(piloted.counts, alpha=piloted.alpha)
    assert np.array_equal(found.radius_of(piloted.counts.hits), expected.radius)
    assert found.radius_statement == expected.statement
    assert np.array_equal(
        radius_colours(found, piloted.counts.hits.ravel()).reshape(10, 30, 3),
        np.asarray(radius_image(expected.radius)),
    )


def test_a_tree_has_p_values_of_its_nodes_and_no_map() -> None:
    found = certify_tree(draw(n0=0), TREE, tau=0.6, alpha=0.1)
    evidence = make_evidence(found, found.counts.hits)
    assert evidence.radii is None
    assert evidence.needed <= 0.1 / 300
    assert evidence_data(evidence)["radii"] is None


def test_an_e_process_has_p_values_and_no_map() -> None:
    found = certify(draw(n0=5, n=Anytime(60, 15)), tau=0.6, alpha=0.1)
    evidence = make_evidence(found, found.counts.hits)
    assert evidence.radii is None
    at = np.searchsorted(evidence.counts, found.counts.hits)
    assert (evidence.p_values[at][found.certified] <= evidence.needed).all()


def test_where_nothing_can_be_certified_nothing_is_needed(piloted: Certificate) -> None:
    none = dataclasses.replace(piloted, threshold=61)
    assert make_evidence(none, none.counts.hits).needed == 0
    assert evidence_data(make_evidence(none, none.counts.hits))["needed"] == ""


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=300), st.integers(1, 10**6 + 1))
def test_listed_counts_are_ascending_and_bounded(hits: list[int], threshold: int) -> None:
    listed = listed_counts(np.array(hits), threshold, 10**6)
    assert (np.diff(listed) > 0).all()
    assert listed[0] == 0
    assert (threshold in listed) == (threshold <= 10**6)
    assert {*hits} <= {*listed.tolist()}


def test_many_counts_are_thinned_out() -> None:
    listed = listed_counts(np.arange(10**5), 77, 10**6)
    assert MOST_COUNTS <= len(listed) <= MOST_COUNTS + 2
    assert {0, 77, 10**5 - 1} <= {*listed.tolist()}


@given(st.floats(1e-200, 1))
def test_a_printed_p_value_is_never_too_small_and_has_two_digits(p: float) -> None:
    text = p_text(p)
    assert float(text) >= p
    assert float(text) <= p * 1.1 * (1 + 1e-12) or float(text) == 1
    assert re.fullmatch(r"1|0\.\d+|\d\.\de-\d+", text)
    assert math.isfinite(float(text))
