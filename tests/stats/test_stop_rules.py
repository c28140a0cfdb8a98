"""Rules to stop: what they wait for, on curves of the certified share that are computed exactly."""

import math
from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from segcert.errors import InputError
from segcert.stats.correction import first_count_at_most
from segcert.stats.e_process import e_process_p_values
from segcert.stats.stop_rules import Look, Open, Stalls, StopRule, Target, TimeLimit, parse_stop

reproducible = settings(derandomize=True, deadline=None)
LEVEL = 1e-3 / 43_200


def history(*looks: tuple[int, float]) -> tuple[Look, ...]:
    """Draws and certified share of each look; a second a draw."""
    return tuple(Look(draws, share, float(draws)) for draws, share in looks)


def expected_shares(probabilities: np.ndarray, at: Iterable[int]) -> tuple[Look, ...]:
    """Expected certified share of components with these probabilities, tau = 0.75."""
    found = []
    for n in at:
        k = first_count_at_most(e_process_p_values(n, tau=0.75), LEVEL)
        found.append((n, float(binom.sf(k - 1, n, probabilities).mean())))
    return history(*found)


def stops_at(rule: StopRule, looks: tuple[Look, ...]) -> Look | None:
    """First look at which the rule stops."""
    for seen in range(1, len(looks) + 1):
        if rule.should_stop(looks[:seen]):
            return looks[seen - 1]
    return None


EASY = np.append(np.full(95, 0.999), np.full(5, 0.6))
STREET = np.concatenate([np.full(70, 0.998), np.linspace(0.75, 0.99, 20), np.full(10, 0.5)])
SLOW = np.linspace(0.8, 0.94, 100)
HOPELESS = np.append(np.full(999, 0.6), 0.99)


def test_easy_images_stop_soon() -> None:
    """All that can be certified is, at less than half of the 300 draws."""
    looks = expected_shares(EASY, range(4, 301, 4))
    stop = stops_at(Stalls(), looks)
    assert stop is not None
    assert stop.draws <= 120
    assert stop.share >= max(look.share for look in looks) - 0.005


@pytest.mark.parametrize("step", [1, 2, 4, 10, 20])
def test_looking_more_often_changes_little(step: int) -> None:
    """The share falls between draws at which a miss more is allowed: that is not the end."""
    looks = expected_shares(EASY, range(step, 301, step))
    drops = sum(b.share < a.share for a, b in pairwise(looks) if a.share > 0)
    assert drops >= 3 or step > 1
    stop = stops_at(Stalls(), looks)
    assert stop is not None
    assert 88 <= stop.draws <= 120
    assert stop.share > 0.945


def test_images_that_still_gain_go_on() -> None:
    for points in (0.005, 0.003):
        assert stops_at(Stalls(points), expected_shares(STREET, range(4, 201, 4))) is None
    stop = stops_at(Stalls(0.05), expected_shares(STREET, range(4, 201, 4)))
    assert stop is not None
    assert stop.share > 0.7


def test_a_slow_beginning_is_no_stall() -> None:
    """For 20 draws hardly anything is certified, later a third of the image."""
    looks = expected_shares(SLOW, range(4, 301, 4))
    begin = [look for look in looks if 0 < look.share < 0.005]
    assert begin[-1].draws > 5 / 4 * begin[0].draws
    assert looks[-1].share > 0.25
    assert stops_at(Stalls(), looks) is None


def test_a_hopeless_image_ends() -> None:
    """One component in a thousand can be certified: stop once twice the draws did not help."""
    looks = expected_shares(HOPELESS, range(4, 301, 4))
    stop = stops_at(Stalls(), looks)
    assert stop is not None
    first = next(look.draws for look in looks if look.share > 0)
    assert 2 * first <= stop.draws <= 2 * first + 4


def test_nothing_certified_is_no_stall() -> None:
    assert not Stalls().should_stop(())
    assert stops_at(Stalls(), history(*[(n, 0.0) for n in range(1, 1000)])) is None
    assert not Stalls().should_stop(history((50, 0.0), (100, 0.9)))  # all of it just now
    assert not Stalls().should_stop(history((100, 0.9)))


def test_the_window_is_a_quarter_more_draws() -> None:
    rule = Stalls(0.125)
    assert rule.should_stop(history((80, 0.5), (100, 0.5)))
    assert not rule.should_stop(history((81, 0.5), (100, 0.5)))
    assert rule.should_stop(history((80, 0.5), (100, 0.5625)))
    assert not rule.should_stop(history((80, 0.5), (100, 0.625)))  # grew by exactly the points
    assert rule.should_stop(history((80, 0.5), (90, 0.3), (100, 0.4)))
    assert not rule.should_stop(history((80, 0.5), (90, 0.7), (100, 0.5)))  # best since then
    assert rule.should_stop(history((60, 0.7), (80, 0.5), (100, 0.6)))  # best before


def test_little_is_a_stall_only_after_twice_the_draws() -> None:
    rule = Stalls(0.125)
    assert not rule.should_stop(history((80, 0.0625), (100, 0.0625)))
    assert not rule.should_stop(history((51, 0.0625), (100, 0.0625)))
    assert rule.should_stop(history((50, 0.0625), (100, 0.0625)))
    assert not rule.should_stop(history((50, 0.0625), (100, 0.1875)))
    assert rule.should_stop(history((80, 0.125), (100, 0.125)))


@reproducible
@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=20),
    st.floats(1e-3, 1),
    st.floats(1e-3, 1),
)
def test_a_stall_needs_a_share_and_little_growth(
    shares: list[float], points: float, start: float
) -> None:
    looks = history(*[(10 + 3 * i, start * share) for i, share in enumerate(shares)])
    if not Stalls(points).should_stop(looks):
        return
    recent = [look.share for look in looks if look.draws > 0.8 * looks[-1].draws]
    older = [look.share for look in looks if look.draws <= 0.8 * looks[-1].draws]
    assert max(older) > 0
    assert max(recent) - max(older) < points


def test_target_counts_the_last_look() -> None:
    assert not Target(0.9).should_stop(())
    assert not Target(0.9).should_stop(history((50, 0.95), (60, 0.89)))
    assert Target(0.9).should_stop(history((50, 0.2), (60, 0.9)))
    assert Target(1.0).should_stop(history((60, 1.0)))
    stop = stops_at(Target(0.8), expected_shares(EASY, range(1, 301)))
    assert stop is not None
    assert stop.share >= 0.8


def test_time_counts_from_the_beginning() -> None:
    assert not TimeLimit(60).should_stop(())
    looks = tuple(Look(draws, 0.0, 12.5 * draws) for draws in range(1, 10))
    stop = stops_at(TimeLimit(60), looks)
    assert stop is not None
    assert stop.seconds == 62.5
    assert TimeLimit(62.5).should_stop(looks[:5])


def test_open_asks_what_could_still_be_gained_at_the_last_look() -> None:
    assert not Open(0.01).should_stop(())
    assert not Open(0.01).should_stop(history((50, 0.9)))  # nobody asked
    assert not Open(0.01).should_stop((Look(50, 0.9, 1.0, 0.001), Look(60, 0.9, 2.0, 0.011)))
    assert Open(0.01).should_stop((Look(50, 0.9, 1.0, 0.02), Look(60, 0.9, 2.0, 0.01)))
    assert Open(0.0).should_stop((Look(50, 0.0, 1.0, 0.0),))


@pytest.mark.parametrize("gain", [-0.1, 1.1, math.nan])
def test_an_impossible_gain_is_refused(gain: float) -> None:
    with pytest.raises(InputError, match=r"gain must be in \[0, 1\]"):
        Look(1, 0.5, 1.0, gain)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("certified-share-stalls", Stalls(0.005)),
        ("certified-share-stalls=0.01", Stalls(0.01)),
        ("target=0.9", Target(0.9)),
        ("target=1", Target(1.0)),
        ("time=60", TimeLimit(60.0)),
        ("time=60s", TimeLimit(60.0)),
        ("time=2m", TimeLimit(120.0)),
        ("time=1.5h", TimeLimit(5400.0)),
        (" time=0.5 ", TimeLimit(0.5)),
        ("open=0.01", Open(0.01)),
        ("open=0", Open(0.0)),
    ],
)
def test_rules_of_the_command_line(text: str, rule: StopRule) -> None:
    assert parse_stop(text) == rule


@reproducible
@given(
    st.sampled_from([Stalls, Target, TimeLimit, Open]),
    st.floats(0, 1, exclude_min=True, exclude_max=True),
)
def test_what_a_rule_prints_is_read_back(kind: type[StopRule], value: float) -> None:
    assert parse_stop(str(kind(value))) == kind(value)


@pytest.mark.parametrize(
    "text",
    ["", "=", "stalls", "certified", "Target=0.9", "target:0.9", "share=0.9", "60", "time 60"],
)
def test_unknown_rules_are_refused_with_the_choices(text: str) -> None:
    with pytest.raises(InputError, match="unknown rule to stop") as caught:
        parse_stop(text)
    for example in (
        "certified-share-stalls=0.01",
        "target=0.9",
        "open=0.01",
        "time=60s",
        "time=2m",
    ):
        assert example in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        *("target", "target=", "target=much", "target=90%", "target=9m"),
        *("time", "time=", "time=s", "time=2d", "time=2 minutes"),
        *("certified-share-stalls=", "certified-share-stalls=1s", "open", "open=1%"),
    ],
)
def test_values_that_are_no_numbers_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="needs a number") as caught:
        parse_stop(text)
    assert repr(text) in str(caught.value)
    assert "time=60s" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("target=90", r"target must be a share in \(0, 1\], got 90.0: for example target=0.9"),
        ("target=0", "target must be"),
        ("target=nan", "target must be"),
        ("time=0", "time must be a positive number of seconds, got 0.0: .*time=60s"),
        ("time=-5s", "time must be"),
        ("time=inf", "time must be"),
        ("time=nan", "time must be"),
        ("open=1", r"open must be a share in \[0, 1\), got 1.0: try open=0.01"),
        ("open=-0.1", "open must be"),
        ("open=nan", "open must be"),
        ("certified-share-stalls=0", r"points must be in \(0, 1\], got 0.0"),
        ("certified-share-stalls=2", "points must be"),
        ("certified-share-stalls=nan", "points must be"),
    ],
)
def test_values_out_of_range_are_refused(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse_stop(text)


@pytest.mark.parametrize(
    ("draws", "share", "seconds", "words"),
    [
        (0, 0.5, 1.0, "draws must be at least 1, got 0"),
        (1, -0.1, 1.0, r"share must be in \[0, 1\], got -0.1"),
        (1, 1.1, 1.0, "share must be"),
        (1, math.nan, 1.0, "share must be"),
        (1, 0.5, -1.0, "seconds must be at least 0, got -1.0"),
        (1, 0.5, math.nan, "seconds must be"),
    ],
)
def test_impossible_looks_are_refused(draws: int, share: float, seconds: float, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Look(draws, share, seconds)
