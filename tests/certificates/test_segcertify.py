"""Certificates from counts."""

import dataclasses
import math
from functools import partial
from pathlib import Path
from typing import ClassVar

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri
from scipy.stats import binom
from statsmodels.stats.multitest import multipletests

import segcert as sc
from segcert.stats.correction import Decision, Evidence, first_count_at_most
from segcert.stats.correction_names import check_correction, parse_correction
from segcert.text import floor_text


def with_hits(counts: sc.Counts, hits: np.ndarray) -> sc.Counts:
    """The same counts with other hits."""
    return dataclasses.replace(
        counts,
        hits=hits.astype(np.int32),
        labels=np.zeros(hits.shape, dtype=np.int16),
        pilot_hits=np.ones(hits.shape, dtype=np.uint16),
        promise=None,
    )


def test_mask_is_that_of_scipy_and_statsmodels(counts: sc.Counts) -> None:
    p_values = binom.sf(counts.hits.ravel() - 1, counts.n, 0.6)
    for correction, method in ((sc.holm, "holm"), (sc.bonferroni, "bonferroni")):
        cert = sc.certify(counts, tau=0.6, alpha=0.1, correction=correction)
        expected = multipletests(p_values, 0.1, method=method)[0]
        assert cert.certified.ravel().tolist() == expected.tolist()
        assert 0 < cert.certified.sum() < cert.certified.size  # the comparison means something


@given(st.lists(st.integers(0, 40), min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_order_of_components_does_not_matter(
    counts: sc.Counts, hits: list[int], random: object
) -> None:
    order = sorted(range(len(hits)), key=lambda _: random.random())  # type: ignore[attr-defined]
    one = sc.certify(with_hits(counts, np.array(hits)), tau=0.6, alpha=0.1).certified
    other = sc.certify(with_hits(counts, np.array(hits)[order]), tau=0.6, alpha=0.1).certified
    assert one[order].tolist() == other.tolist()


@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=30),
    st.floats(0.01, 0.4),
    st.floats(0.01, 0.4),
)
def test_more_alpha_certifies_at_least_as_much(
    counts: sc.Counts, hits: list[int], one: float, other: float
) -> None:
    given_hits = with_hits(counts, np.array(hits))
    small = sc.certify(given_hits, tau=0.6, alpha=min(one, other)).certified
    large = sc.certify(given_hits, tau=0.6, alpha=max(one, other)).certified
    assert not (small & ~large).any()


def test_radius_is_never_rounded_up() -> None:
    for tau in (0.5, 0.6, 0.75, 0.9, 0.99, 1 - 2.0**-40):
        with mpmath.workdps(50):
            exact = mpmath.sqrt(2) * mpmath.erfinv(2 * mpmath.mpf(tau) - 1) / 4
            radius = sc.LatticeGaussianNoise(0.25).radius(tau)
            assert radius <= exact
            assert radius >= exact * (1 - mpmath.mpf(10) ** -12)
            assert mpmath.mpf(floor_text(radius)) <= exact


def test_statement_holds_its_numbers(cert: sc.Certificate) -> None:
    text = cert.statement
    assert f"each of the {cert.certified.sum()} certified components of 126," in text
    assert "With confidence 0.9 " in text
    assert "l2 norm at most 0.0633" in text  # 0.25 * Phi^-1(0.6) = 0.06333...
    assert "or abstains, never another class" in text
    assert "its own error 0.1" in text


def test_abstaining_deployment_may_abstain_inside_the_ball() -> None:
    """The counter-example to the paper's Theorem 5.1, and the ball in which it does not."""
    sigma, tau, x, d = 1.0, 0.75, 0.7, -0.6
    assert ndtr(x / sigma) > tau
    assert abs(d) < sigma * ndtri(tau)
    assert 0.5 < ndtr((x + d) / sigma) < tau  # right class, below tau: it abstains
    smaller = sigma * (ndtri(ndtr(x / sigma)) - ndtri(tau))
    assert ndtr((x - smaller) / sigma) == pytest.approx(tau)


def test_radius_without_abstention(cert: sc.Certificate) -> None:
    exact = 0.25 * (ndtri(cert.tau) - ndtri(0.55))
    assert exact * (1 - 1e-9) <= cert.radius_no_abstain(0.55) <= exact
    assert cert.radius_no_abstain(cert.tau) == 0
    with pytest.raises(sc.InputError, match="deployed_tau"):
        cert.radius_no_abstain(0.7)


@pytest.mark.parametrize(
    ("tau", "alpha"), [(0.4, 0.1), (1.0, 0.1), (math.nan, 0.1), (0.6, 0.0), (0.6, 1.0)]
)
def test_range_of_tau_and_alpha(counts: sc.Counts, tau: float, alpha: float) -> None:
    with pytest.raises(sc.InputError, match="must be in"):
        sc.certify(counts, tau=tau, alpha=alpha)


def test_too_few_draws_name_the_smallest_that_work(counts: sc.Counts) -> None:
    with pytest.raises(sc.InputError, match=r"n = 40 draws cannot certify any of 126.*n >= 229"):
        sc.certify(counts, tau=0.95, alpha=1e-3)
    assert 0.95**229 <= 1e-3 / 126 < 0.95**228


@pytest.mark.parametrize("said", ["holm", "Bonferroni", "capped:cap=30", "ordered:budget=9"])
def test_corrections_are_taken_by_their_names(counts: sc.Counts, said: str) -> None:
    """As the command line spells them, wherever one is taken."""
    correction = parse_correction(said)
    cert = sc.certify(counts, tau=0.6, alpha=0.1, correction=said)
    same = sc.certify(counts, tau=0.6, alpha=0.1, correction=correction)
    assert cert.correction == correction
    assert (cert.certified == same.certified).all()
    radii = sc.radius_map(counts, alpha=0.1, taus=(0.6,), correction=said)
    assert radii.method == f"grid of tau (0.6,), {correction}"
    needed = sc.smallest_n(99, tau=0.6, alpha=0.1, correction=said)
    assert needed == sc.smallest_n(99, tau=0.6, alpha=0.1, correction=correction)


def test_names_of_invalid_corrections_are_refused(counts: sc.Counts) -> None:
    for call in (
        partial(sc.certify, counts, tau=0.6),
        partial(sc.radius_map, counts, taus=(0.6,)),
        partial(sc.smallest_n, 99, tau=0.6),
    ):
        with pytest.raises(sc.InputError, match="correction 'hommel' is refused: it needs"):
            call(alpha=0.1, correction="hommel")
        with pytest.raises(sc.InputError, match="correction must be one of holm, bonferroni"):
            call(alpha=0.1, correction="sc.holm")


def test_invalid_corrections_are_refused() -> None:
    """By `certify` too; here directly, since types are checked in tests."""

    def hochberg(p_values: np.ndarray, histogram: np.ndarray, *, alpha: float) -> int:  # noqa: ARG001
        return 0

    with pytest.raises(sc.InputError, match=r"hochberg.*is refused.*independence"):
        check_correction(hochberg)
    with pytest.raises(sc.InputError, match=r"correction must be sc\.holm"):
        check_correction(np.minimum)


@dataclasses.dataclass(frozen=True)
class Doubled(sc.AbstractCorrection):
    """Bonferroni's correction of somebody who allows one error."""

    name: ClassVar[str] = "doubled"
    controls: ClassVar[str] = "k-FWER"

    @property
    def errors_allowed(self) -> int:
        return 1

    def decide(self, evidence: Evidence, *, alpha: float) -> Decision:
        level = self.first_level(evidence.tests, alpha=alpha)
        return Decision(first_count_at_most(evidence.p_values, level))

    def first_level(self, tests: int, *, alpha: float) -> float:
        return 2 * alpha / max(tests, 2)


def test_a_correction_of_ones_own_is_named_as_unproved(counts: sc.Counts, tmp_path: Path) -> None:
    """It decides, the statement says whose word it is, and it is not saved."""
    cert = sc.certify(counts, tau=0.6, alpha=0.1, correction=Doubled())
    ours = sc.certify(counts, tau=0.6, alpha=0.2, correction=sc.bonferroni)
    assert cert.certified.tolist() == ours.certified.tolist()
    said = (
        "The correction 'doubled' is none of segcert's: that it controls the k-FWER under any "
        "dependence is the word of its author, unproved here. Nothing is said about the other"
    )
    assert said in cert.statement
    assert "at all but at most 1 of" in cert.statement
    radii = sc.radius_map(counts, alpha=0.1, taus=(0.6, 0.7), correction=Doubled())
    assert said in radii.statement
    assert "author" not in ours.statement
    with pytest.raises(sc.InputError, match=r"Doubled\(\) cannot be saved: correction must be one"):
        cert.save(tmp_path / "cert")
    assert not (tmp_path / "cert" / "certificate.json").exists()
    with pytest.raises(sc.InputError, match=r"plans with Doubled\(\) cannot be written"):
        sc.Plan(correction=Doubled()).to_json()


def test_certificate_is_frozen(cert: sc.Certificate) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        cert.radius = 1.0  # type: ignore[misc]


def test_no_pilot_needs_more_hits_than_pilot(cert_no_pilot: sc.Certificate) -> None:
    counts = cert_no_pilot.counts
    assert counts.class_counts is not None
    assert (counts.class_counts.sum(0) == counts.n).all()
    agreed = np.full_like(counts.labels, 5, dtype=np.uint16)
    pilot = dataclasses.replace(counts, n0=5, class_counts=None, pilot_hits=agreed)
    with_pilot = sc.certify(pilot, tau=0.6, alpha=0.1, correction=sc.bonferroni)
    assert with_pilot.threshold <= cert_no_pilot.threshold <= with_pilot.threshold + 1
    assert 0 < cert_no_pilot.certified.sum() < counts.components
