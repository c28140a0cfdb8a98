"""Draws side by side: the same bytes for any number of workers; errors; interruption."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from segcert.errors import ModelError, SamplingError
from segcert.models.wrapping import as_segmenter
from segcert.noise.gaussian import GaussianNoise
from segcert.sampling import counting, sampler, setup
from segcert.sampling.counting import Task, count_block
from segcert.sampling.counts import Counts
from segcert.sampling.partial import Keeping, Partial
from segcert.sampling.streams import Stage
from segcert.sampling.tally import DrawBlock, Tally
from segcert.sampling.team import Team

IMAGE = np.random.default_rng(0).integers(0, 256, (3, 9, 11), dtype=np.uint8)
NOISE = GaussianNoise(0.25)
BLOCK = DrawBlock(Stage.TEST, 0, 12)


class Bands(nn.Module):
    """Scores by comparisons, which do not depend on the batch."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([x[:, 0] - 0.5, 0.5 - x[:, 1], x[:, 2] - x[:, 0]], 1)


class Remembers(Bands):
    """Keeps what it sees in an attribute, and reads it when another pass has begun."""

    def forward(self, x: Tensor) -> Tensor:
        self.seen = x
        meet()
        return super().forward(self.seen)


SHARED: dict[str, Tensor] = {}
MEETING = threading.Barrier(2, timeout=60)


def meet() -> None:
    """Wait for another pass, if passes are made by other threads."""
    if threading.current_thread() is not threading.main_thread():
        MEETING.wait()


class Mixes(Bands):
    """Keeps what it sees where all copies find it."""

    def forward(self, x: Tensor) -> Tensor:
        SHARED["x"] = x
        meet()
        return super().forward(SHARED["x"])


@pytest.fixture
def hire(monkeypatch: pytest.MonkeyPatch) -> Callable[[int | None], None]:
    """Let `sample` take so many workers."""

    def hired(workers: int | None) -> None:
        monkeypatch.setattr(sampler, "make_task", partial(setup.make_task, workers=workers))

    return hired


@pytest.fixture(autouse=True)
def no_worker_is_left() -> Iterator[None]:
    """Nothing works on when a test is over, and torch has the threads that it had."""
    before = torch.get_num_threads()
    yield
    assert torch.get_num_threads() == before


def drawn(model: nn.Module | None = None, **options: object) -> Counts:
    given: dict[str, object] = {"noise": NOISE, "n0": 7, "n": 22, "seed": 3, "batch_size": 2}
    model = (model or Bands()).eval()
    return sampler.sample(model, IMAGE, **given | options)  # type: ignore[arg-type]


def task_of(model: nn.Module, workers: int) -> Task:
    return setup.make_task(
        model.eval(), IMAGE, noise=NOISE, seed=3, device="cpu", workers=workers
    )  # fmt: skip


def assert_same(one: Counts, other: Counts) -> None:
    for name in ("labels", "hits", "pilot_hits", "promise", "class_counts",
                 "pilot_fingerprints", "test_fingerprints"):  # fmt: skip
        mine, theirs = getattr(one, name), getattr(other, name)
        assert (mine is None) == (theirs is None)
        assert mine is None or (mine.dtype, mine.tobytes()) == (theirs.dtype, theirs.tobytes())
    assert (one.n0, one.n, one.invalid) == (other.n0, other.n, other.invalid)


@pytest.mark.parametrize("n0", [0, 7])
@pytest.mark.parametrize("batch_size", [1, 2, 4])
@pytest.mark.parametrize("workers", [2, 3])
def test_workers_change_no_byte(
    hire: Callable[[int | None], None], workers: int, batch_size: int, n0: int
) -> None:
    hire(1)
    alone = drawn(n0=n0, batch_size=batch_size)
    hire(workers)
    beside = drawn(n0=n0, batch_size=batch_size)
    assert_same(alone, beside)
    assert alone.provenance == beside.provenance


def test_a_network_gives_the_same_bytes_with_two_and_three_workers(
    hire: Callable[[int | None], None],
) -> None:
    """Convolutions, whose last digits depend on the number of threads: it is one in each."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 64, 3, padding=1), nn.ReLU(), nn.Conv2d(64, 5, 1))
    found = []
    for workers in (2, 3):
        hire(workers)
        found.append(drawn(net))
    assert_same(*found)


@pytest.mark.parametrize("n0", [0, 7])
def test_work_goes_on_with_another_number_of_workers(
    hire: Callable[[int | None], None], n0: int
) -> None:
    parts: list[Partial] = []
    hire(3)
    whole = drawn(n0=n0, batch_size=1, keeping=Keeping(parts.append))
    assert len(parts) > 1
    hire(2)
    for part in parts[:-1]:
        assert_same(drawn(n0=n0, batch_size=1, partial=part, seed=None), whole)


def test_blocks_end_with_the_first_batches(hire: Callable[[int | None], None]) -> None:
    """What runs at a time is counted, too, and nothing is lost."""
    hire(1)
    alone = drawn(n0=0)
    hire(3)
    sizes: list[int] = []
    keeping = Keeping(lambda part: sizes.append(part.test.draws), ends_block=lambda: True)
    assert_same(drawn(n0=0, keeping=keeping), alone)
    assert sizes == sorted(set(sizes))
    assert sizes[-1] == 22


def test_progress_comes_in_order_on_the_thread_of_the_caller(
    hire: Callable[[int | None], None],
) -> None:
    hire(3)
    seen: list[tuple[int, int]] = []
    here: set[int] = set()

    def progress(done: int, total: int) -> None:
        seen.append((done, total))
        here.add(threading.get_ident())

    drawn(progress=progress)
    assert here == {threading.get_ident()}
    assert [done for done, _ in seen] == [2, 4, 6, 7, *range(9, 30, 2)]


def test_passes_at_the_same_time_do_not_see_each_other(
    hire: Callable[[int | None], None],
) -> None:
    hire(1)
    alone = drawn(Remembers(), n=20, n0=0)
    hire(2)
    assert len(task_of(Remembers(), 2).team.members) == 2  # type: ignore[union-attr]
    assert_same(drawn(Remembers(), n=20, n0=0), alone)


def test_a_model_that_mixes_passes_is_run_one_after_the_other(
    hire: Callable[[int | None], None],
) -> None:
    """Its copies share a dictionary: two passes at a time would count one draw twice."""
    assert task_of(Mixes(), 2).team is None
    hire(1)
    alone = drawn(Mixes())
    hire(2)
    assert_same(drawn(Mixes()), alone)


class Stops(Bands):
    """Breaks its rule once, or fails, in a pass of counted draws."""

    def __init__(self, error: Exception, above: int = 0) -> None:
        super().__init__()
        self.error, self.above = error, above

    def forward(self, x: Tensor) -> Tensor:
        if len(x) > max(2, self.above):
            raise self.error
        return super().forward(x)


def test_errors_of_a_worker_reach_the_caller(hire: Callable[[int | None], None]) -> None:
    hire(2)
    with pytest.raises(ModelError, match="of this size"):
        drawn(Stops(ModelError("no batch of this size")), batch_size=4)


def test_batches_are_halved_where_memory_runs_out(hire: Callable[[int | None], None]) -> None:
    hire(1)
    alone = drawn(batch_size=3)
    hire(2)
    halved = drawn(Stops(MemoryError(), above=3), batch_size=6)
    assert_same(halved, alone)
    assert {run.batch_size for run in halved.provenance.test_runs} == {3}


def counted(task: Task, batch_size: int = 1) -> Tally:
    return count_block(task, BLOCK, None, batch_size=batch_size)


def test_fewer_workers_go_on_where_memory_is_for_one_pass_only() -> None:
    task = task_of(Bands(), 2)
    assert task.team is not None
    hungry = as_segmenter(Stops(MemoryError()).eval())
    hungry.model.forward = fail  # type: ignore[union-attr]
    unlike = replace(task, team=Team((task.segmenter, hungry)))
    assert torch.equal(counted(unlike, 4).counts, counted(replace(task, team=None)).counts)
    with pytest.raises(SamplingError, match="out of memory with a single draw"):
        counted(replace(task, team=Team((hungry, hungry))))


def fail(_: Tensor) -> Tensor:
    raise MemoryError


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_interrupted_work_ends_and_goes_on(
    hire: Callable[[int | None], None], error: type[BaseException]
) -> None:
    """What was kept is the beginning of the whole."""
    model = Bands()

    def progress(done: int, _: int) -> None:
        if done == 19:
            raise error("now")

    hire(2)
    whole = drawn(model, batch_size=1)
    parts: list[Partial] = []
    with pytest.raises(error, match="now"):
        drawn(model, batch_size=1, progress=progress, keeping=Keeping(parts.append))
    assert_same(drawn(model, batch_size=1, partial=parts[-1]), whole)


def test_a_failed_first_batch_lets_the_others_go() -> None:
    """They wait for the labels that give margins their signs."""
    task = task_of(Bands(), 2)

    def broken(task: Task, stage: Stage, draws: range) -> Tensor:
        if draws.start == 0:
            raise ModelError("the first")
        return noisy(task, stage, draws)

    noisy = counting.noisy_batch
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(counting, "noisy_batch", broken)
        with pytest.raises(ModelError, match="the first"):
            count_block(task, DrawBlock(Stage.PILOT, 0, 6), None, batch_size=1)
