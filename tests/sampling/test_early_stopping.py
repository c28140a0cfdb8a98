"""Sampling that may stop early: looks, resumed work, replay, and what else composes with it."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

import segcert as sc
from segcert.sampling.counts import Counts
from segcert.stats.looks import even_looks

IMAGE = np.linspace(0, 255, 96).astype(np.uint8).reshape(1, 8, 12)
PLANS = [sc.Looks((20, 33, 60)), sc.Anytime(60, 25)]
ALL = pytest.mark.parametrize("n", PLANS, ids=str)


def soft(x: torch.Tensor) -> torch.Tensor:
    """Two classes by thresholds on exact grey levels."""
    red = (x[:, 0] * 255).round()
    return torch.stack([(127.5 - red) / 64, (red - 127.5) / 64], 1)


def draw(**options: object) -> Counts:
    given = {"noise": sc.LatticeGaussianNoise(0.25), "n0": 5, "seed": 3, "device": "cpu"}
    return sc.sample(soft, IMAGE, **(given | options))  # type: ignore[arg-type]


@cache
def fixed(n: int, n0: int = 5) -> Counts:
    """A run of so many draws, without looks."""
    return draw(n=n, n0=n0)


def at(*numbers: int) -> Callable[[Counts], bool]:
    """Stop after so many draws, if asked then."""
    return lambda counts: counts.n in numbers


def assert_same(one: Counts, other: Counts) -> None:
    """Equal in every bit that is not about batches or plans."""
    assert (one.n0, one.n, one.invalid) == (other.n0, other.n, other.invalid)
    for name in ("labels", "hits", "pilot_hits", "promise", "class_counts", "test_fingerprints"):
        mine, its = getattr(one, name), getattr(other, name)
        assert (mine is None) == (its is None)
        assert mine is None or (mine == its).all(), name


@ALL
@pytest.mark.parametrize("n0", [0, 5])
def test_looks_do_not_change_the_draws(n: sc.Looks | sc.Anytime, n0: int) -> None:
    """A run that stops after some draws is a run of so many draws."""
    for stop in n.at:
        counts = draw(n=n, n0=n0, stop=at(stop))
        assert counts.n == stop
        assert counts.sequential == n
        assert len(counts.test_fingerprints) == stop
        assert_same(counts, fixed(stop, n0))
    assert_same(draw(n=n, n0=n0), fixed(60, n0))


@ALL
def test_the_rule_is_asked_at_each_look_but_the_last(n: sc.Looks | sc.Anytime) -> None:
    asked: list[int] = []

    def stop(counts: Counts) -> bool:
        assert counts.sequential == n
        assert counts.hits.max() <= counts.n
        assert_same(counts, fixed(counts.n))
        asked.append(counts.n)
        return False

    assert draw(n=n, stop=stop).n == 60
    assert asked == list(n.at[:-1])


def test_a_fixed_number_has_no_plan() -> None:
    assert draw(n=40).sequential is None
    assert draw(n=40).provenance.stop_rule == ""


@ALL
@pytest.mark.parametrize("n0", [0, 5])
@pytest.mark.parametrize("batch_size", [1, 6])
@pytest.mark.sampled
def test_resuming_across_looks_changes_nothing(
    n: sc.Looks | sc.Anytime, n0: int, batch_size: int
) -> None:
    """Before, at and after looks, whether the run stops at one of them or not."""
    stopping = n.at[-2]
    for rule, goal in ((at(), 60), (at(stopping), stopping)):
        parts: list[sc.Partial] = []
        whole = draw(n=n, n0=n0, stop=rule, batch_size=1, keeping=sc.Keeping(parts.append))
        assert whole.n == goal
        seen = [part.test.draws for part in parts]
        assert set(n.at) & set(range(goal + 1)) <= set(seen)  # every look ends a block
        for part in parts[::4] + parts[-1:]:
            again = draw(n=n, n0=n0, stop=rule, batch_size=batch_size, partial=part)
            assert_same(whole, again)


def test_a_resumed_run_is_asked_again_where_it_was_interrupted() -> None:
    """The work of a look may have been stored before the rule was asked."""
    parts: list[sc.Partial] = []
    n = sc.Looks((20, 40, 60))
    draw(n=n, batch_size=10, stop=at(), keeping=sc.Keeping(parts.append))
    for draws, expected in ((20, [20, 40]), (40, [40])):
        part = next(part for part in parts if part.test.draws == draws)
        asked: list[int] = []
        draw(n=n, partial=part, stop=lambda some: asked.append(some.n) is not None)  # noqa: B023
        assert asked == expected
    (done,) = [part for part in parts if part.test.draws == 60]
    assert_same(draw(n=n, partial=done, stop=at(20)), fixed(60))


def test_progress_is_of_the_whole_plan() -> None:
    seen: list[tuple[int, int]] = []
    draw(n=sc.Looks((20, 60)), stop=at(20), progress=lambda *some: seen.append(some))
    assert seen[-1] == (25, 65)


@ALL
@pytest.mark.parametrize("stop", [None, at(20, 25)])
def test_replay_of_a_stopped_run(n: sc.Looks | sc.Anytime, stop: object) -> None:
    counts = draw(n=n, stop=stop)
    cert = sc.certify(counts, tau=0.6, alpha=0.3)
    again = sc.replay(cert, soft, IMAGE)
    assert again.identical
    forged = replace(cert, counts=replace(counts, hits=counts.hits + 1))
    with pytest.raises(sc.VerificationError, match=r"96 another count; .* do not explain 96"):
        sc.replay(forged, soft, IMAGE)


def test_a_stopped_run_is_certified_by_what_was_planned() -> None:
    """The same counts prove less if they might have been others: alpha is shared by the looks."""
    n = even_looks(60, 4)
    counts = draw(n=n, stop=at(n.at[2]))
    planned = sc.certify(counts, tau=0.6, alpha=0.1)
    at_a_quarter = sc.certify(replace(counts, sequential=None), tau=0.6, alpha=0.025)
    as_if_fixed = sc.certify(replace(counts, sequential=None), tau=0.6, alpha=0.1)
    assert planned.threshold == at_a_quarter.threshold
    assert (planned.certified == at_a_quarter.certified).all()
    assert planned.certified.sum() < as_if_fixed.certified.sum()
    e_process = sc.certify(replace(counts, sequential=sc.Anytime(60)), tau=0.6, alpha=0.1)
    assert e_process.certified.sum() < as_if_fixed.certified.sum()


def test_too_early_to_certify_is_no_error() -> None:
    """Only a plan that can never certify is refused."""
    early = draw(n=sc.Looks((3, 60)), stop=at(3))
    cert = sc.certify(early, tau=0.6, alpha=0.1)
    assert (early.n, cert.threshold) == (3, 4)
    assert not cert.certified.any()
    hopeless = draw(n=sc.Looks((3, 9)), stop=at(3))
    with pytest.raises(sc.InputError, match=r"n = 9 draws cannot certify any of 96"):
        sc.certify(hopeless, tau=0.6, alpha=0.1)


def test_stopping_at_any_time_needs_a_pilot() -> None:
    with pytest.raises(sc.InputError, match="stopping at any time needs a pilot: use n0 >= 1"):
        sc.certify(draw(n=sc.Anytime(60), n0=0), tau=0.6, alpha=0.1)


@pytest.mark.parametrize("correction", [sc.holm, sc.KFwer(3), sc.Capped(50), sc.Ordered()], ids=str)
@pytest.mark.parametrize(
    "family", [{}, {"drop_below": 0.5}, {"regions": sc.Blocks(2)}], ids=["whole", "drop", "regions"]
)
@ALL
def test_everything_composes_with_stopping(
    n: sc.Looks | sc.Anytime, family: dict, correction: object
) -> None:
    """A rule that certifies at each look, as it will be in the end; what it saw is what is made."""
    seen = {}

    def certify(counts: Counts) -> sc.Certificate:
        return sc.certify(counts, tau=0.5, alpha=0.3, correction=correction, **family)

    def stop(counts: Counts) -> bool:
        seen[counts.n] = certify(counts).certified
        return bool(seen[counts.n].mean() > 0.3)

    counts = draw(n=n, stop=stop)
    cert = certify(counts)
    assert cert.certified.any()
    if counts.n < 60:
        assert (cert.certified == seen[counts.n]).all()
        assert cert.certified.mean() > 0.3
    assert not (cert.certified & ~cert.family.tested(counts)).any()
    kind = "e-process" if isinstance(n, sc.Anytime) else f"{len(n.at)} looks"
    assert cert.method.endswith(kind)
