"""The choice between side by side and one after the other, with clocks and memory made up."""

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn

from segcert.models.wrapping import as_segmenter
from segcert.sampling import trial
from segcert.sampling.team import Team, team_of
from segcert.sampling.trial import Trial, tried

DRAWS = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
MODEL = as_segmenter(nn.Sequential(nn.Conv2d(3, 2, 1)).eval())
Try = Callable[..., Trial | None]


@pytest.fixture
def trying(monkeypatch: pytest.MonkeyPatch) -> Try:
    """Try a team of so many with clocks that show these seconds."""

    def timing(workers: int, *seconds: float, batch_size: int = 1) -> Trial | None:
        clock: Iterator[float] = iter(seconds)

        def timed(function: Callable[[], object]) -> tuple[float, object]:
            return next(clock), function()

        monkeypatch.setattr(trial, "timed", timed)
        found = tried(MODEL, team(workers), DRAWS, batch_size=batch_size)
        assert next(clock, None) is None
        return found

    return timing


def team(workers: int) -> Team:
    found = team_of(MODEL, torch.device("cpu"), workers)
    assert found is not None
    return found


def chosen(found: Trial | None) -> int:
    assert found is not None
    return len(found.team.members) if found.team else 0


def test_side_by_side_is_taken_where_it_is_not_clearly_slower(trying: Try) -> None:
    assert chosen(trying(2, 1.0, 0.6)) == 2
    assert chosen(trying(2, 1.0, 1.24)) == 2
    assert chosen(trying(4, 1.0, 2.4)) == 4  # four draws against two


def test_torchs_threads_are_taken_where_they_are_clearly_faster_twice(trying: Try) -> None:
    assert chosen(trying(2, 1.0, 1.3, 1.0, 1.4)) == 0
    assert chosen(trying(2, 1.0, 1.3, 1.0, 1.1)) == 2  # something else was in the way


def test_tiny_passes_are_made_by_one_worker_if_that_is_faster(trying: Try) -> None:
    assert chosen(trying(2, 1e-3, 5e-4, 5e-4, 6e-4, 6e-4)) == 2
    found = trying(2, 1e-3, 5e-4, 6e-4, 6e-4, 3e-4)
    assert chosen(found) == 1
    assert found is not None
    assert found.team is not None
    assert found.team.threads == 1


def test_memory_limits_the_workers(trying: Try, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of what is free; 100 bytes for two draws are 50 a draw, 200 a batch of four."""
    monkeypatch.setattr(trial, "held_memory", lambda: 1000)
    monkeypatch.setattr(trial, "peak_memory", lambda: 1100)
    for free, fit in ((2400, 3), (1100, 2), (100, 1)):
        monkeypatch.setattr(trial, "free_memory", lambda free=free: free)
        assert chosen(trying(3, 1.0, 0.1, batch_size=4)) == fit
    monkeypatch.setattr(trial, "free_memory", lambda: None)
    assert chosen(trying(3, 1.0, 0.1, batch_size=4)) == 3


def test_a_draw_that_comes_out_in_two_ways_is_no_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three passes of two draws: the third must give what the first gave, bit by bit."""
    first, second = MODEL.output(DRAWS[:1]), MODEL.output(DRAWS[1:])
    for third, fine in ((first, True), (first + 1e-6, False)):
        found = [first, second, third]
        monkeypatch.setattr(Team, "map", lambda *_, found=found: found)
        assert (tried(MODEL, team(3), DRAWS, batch_size=None) is not None) is fine


def test_outputs_are_the_same_bit_by_bit() -> None:
    one = torch.tensor([1.0, torch.nan])
    assert trial.same(one, one.clone())
    assert not trial.same(one, one + 1e-6)


def wrong(x: Tensor) -> Tensor:
    return x


def test_one_worker_and_other_devices_need_no_team() -> None:
    assert team_of(MODEL, torch.device("cpu"), 1) is None
    assert team_of(MODEL, torch.device("meta"), 2) is None
    assert team_of(as_segmenter(wrong), torch.device("cpu"), 2) is None


def test_fewer_workers_have_more_threads_each() -> None:
    four = team(4)
    assert [(len(one.members), one.threads) for one in (four, four.of(9), four.of(2), four.of(0))] \
        == [(4, 1), (4, 1), (2, 2), (1, 4)]  # fmt: skip
