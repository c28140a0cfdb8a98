"""Stopping by what is certified: a real sampler, real certificates, and a clock of our own."""

from collections.abc import Callable

import numpy as np
import pytest

import segcert as sc
from segcert.certificates.stopping import StopWhen, all_hits, later_looks
from segcert.stats.looks import even_looks
from segcert.stats.stop_rules import Look, Open, Stalls, Target, TimeLimit

TAU, ALPHA, N = 0.6, 0.1, 120
IMAGE = np.linspace(0, 255, 96).astype(np.uint8).reshape(1, 8, 12)
STEP = sc.as_segmenter(lambda x: (x[:, 0] > 0.5).long(), classes=2)


def certify(counts: sc.Counts) -> sc.Certificate:
    return sc.certify(counts, tau=TAU, alpha=ALPHA)


def draw(**options: object) -> sc.Counts:
    given = {"noise": sc.LatticeGaussianNoise(0.25), "n0": 5, "seed": 3, "device": "cpu"}
    return sc.sample(STEP, IMAGE, **(given | options))  # type: ignore[arg-type]


@pytest.mark.parametrize("n", [even_looks(N, 6), sc.Anytime(N, 10)])
def test_stops_at_the_first_look_that_meets_the_target(n: sc.Looks | sc.Anytime) -> None:
    shares = {}
    draw(n=n, stop=lambda some: shares.update({some.n: certify(some).certified.mean()}) or False)
    target = float(shares[80])
    expected = min(draws for draws, share in shares.items() if share >= target)
    assert n.at[0] < expected < N  # in the middle
    stop = StopWhen(Target(target), certify)
    counts = draw(n=n, stop=stop)
    assert counts.n == expected
    assert certify(counts).certified.mean() >= target
    assert [look.draws for look in stop.history] == [d for d in shares if d <= expected]
    assert [look.share for look in stop.history] == pytest.approx(
        [share for draws, share in shares.items() if draws <= expected]
    )
    assert counts.provenance.stop_rule == stop.name == f"target={target}"
    assert counts.sequential == n


def test_no_target_is_met_before_the_end() -> None:
    counts = draw(n=even_looks(N, 4), stop=StopWhen(Target(1.0), certify))
    assert counts.n == N


def clock(*times: float) -> Callable[[], float]:
    """A clock that shows given times, one after another."""
    left = list(times)
    return lambda: left.pop(0)


def test_time_runs_from_the_beginning() -> None:
    stop = StopWhen(TimeLimit(60), certify, clock=clock(1000.0, 1010.0, 1030.0, 1060.0))
    counts = draw(n=even_looks(N, 6), stop=stop)
    assert counts.n == 60
    assert [look.seconds for look in stop.history] == [10, 30, 60]


def test_time_goes_on_after_an_interruption() -> None:
    """40 seconds were spent before; the clock of the new process starts anywhere."""
    history = (Look(20, 0.0, 15.0), Look(40, 0.1, 40.0))
    stop = StopWhen(TimeLimit(60), certify, history, clock=clock(5.0, 20.0, 25.0, 30.0))
    assert not stop(draw(n=50))
    assert stop(draw(n=60))
    assert [look.seconds for look in stop.history] == [15, 40, 55, 60]


def test_a_look_is_not_taken_twice() -> None:
    """After a resume the sampler asks again at the look where it was interrupted."""
    calls: list[int] = []

    def counted(counts: sc.Counts) -> sc.Certificate:
        calls.append(counts.n)
        return certify(counts)

    stop = StopWhen(Stalls(), counted, clock=clock(0.0, 1.0, 2.0, 3.0))
    first, second = draw(n=40), draw(n=60)
    answers = [stop(some) for some in (first, first, second, second, first)]
    assert calls == [40, 60]
    assert len(stop.history) == 2
    assert answers[0] == answers[1]
    assert answers[2] == answers[3]


def test_stalls_stops_a_run_that_has_converged() -> None:
    stop = StopWhen(Stalls(0.02), certify)
    counts = draw(n=sc.Anytime(1000, 10), stop=stop)
    assert 50 < counts.n < 1000
    assert stop.name == "certified-share-stalls=0.02"
    last, before = stop.history[-1], [k for k in stop.history if k.draws <= 0.8 * counts.n]
    assert last.share - before[-1].share < 0.02


@pytest.mark.parametrize("n0", [0, 5])
@pytest.mark.parametrize("n", [even_looks(N, 6), sc.Anytime(N, 10)])
@pytest.mark.parametrize("open_share", [0.0, 0.1, 0.3])
def test_open_loses_at_most_what_it_says(
    n: sc.Looks | sc.Anytime, n0: int, open_share: float
) -> None:
    """What every later look of the same draws certifies is at most so much more."""
    if not n0 and isinstance(n, sc.Anytime):
        return  # needs a pilot
    shares = {}
    whole = draw(
        n=n, n0=n0, stop=lambda c: shares.update({c.n: certify(c).certified.mean()}) or False
    )
    shares[N] = certify(whole).certified.mean()
    stop = StopWhen(Open(open_share), certify)
    counts = draw(n=n, n0=n0, stop=stop)
    assert stop.name == f"open={open_share}"
    reached = shares[counts.n]
    assert all(share <= reached + open_share + 1e-12 for d, share in shares.items() if d > counts.n)
    for look in stop.history:
        assert look.gain is not None
        later = [share for d, share in shares.items() if d > look.draws]
        assert max(later) - shares[look.draws] <= look.gain + 1e-12
    if open_share == 0.3:
        assert counts.n < N


def test_open_stops_where_nothing_can_come() -> None:
    """Grey at the threshold, a class is a coin: soon no later look could certify anything."""
    grey = np.full((1, 8, 12), 128, dtype=np.uint8)
    stop = StopWhen(Open(0.0), certify)
    counts = sc.sample(
        STEP, grey, noise=sc.LatticeGaussianNoise(0.25), n0=5, n=even_looks(N, 6), stop=stop,
        seed=3, device="cpu",
    )  # fmt: skip
    assert counts.n < N
    assert not certify(counts).certified.any()
    assert stop.history[-1].gain == 0


def test_the_best_case_has_all_draws_to_come_as_hits() -> None:
    counts = draw(n=even_looks(N, 6), stop=lambda c: c.n >= 60)
    assert later_looks(counts) == (80, 100, 120)
    best = all_hits(counts, 100)
    assert best.n == 100
    assert (best.hits == counts.hits + 40).all()
    assert later_looks(draw(n=sc.Anytime(N, 10), stop=lambda c: c.n >= 60)) == (N,)
    assert later_looks(draw(n=even_looks(N, 6))) == ()
