"""Blocks of draws: noise, labels, counts, and running out of memory."""

import weakref
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from words_by_hand import steps_by_hand

from segcert.errors import SamplingError, is_out_of_memory
from segcert.models.adapter import INVALID
from segcert.models.wrapping import as_segmenter
from segcert.noise.gaussian import LatticeGaussianNoise
from segcert.sampling import counting
from segcert.sampling.counting import Task, add_labels, count_block, noisy_batch
from segcert.sampling.fingerprints import fingerprints, hashes
from segcert.sampling.setup import make_task
from segcert.sampling.streams import Stage
from segcert.sampling.tally import DrawBlock, Run

IMAGE = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5) * 4


def bands(x: Tensor) -> Tensor:
    """Four classes by thresholds on exact grey levels: no rounding, so no batch effect."""
    return (x[:, 0] * 255).round().long().clamp(0, 255) // 64


def task_of(model: Callable[[Tensor], Tensor] = bands, seed: int = 1) -> Task:
    return make_task(
        as_segmenter(model, classes=4),
        IMAGE,
        noise=LatticeGaussianNoise(0.25),
        seed=seed,
        device="cpu",
    )


def by_hand(task: Task, block: DrawBlock) -> np.ndarray:
    """Counts of every class, draw by draw, in plain NumPy."""
    counts = np.zeros((4, 4, 5), dtype=int)
    for draw in range(block.start, block.stop):
        drawn = steps_by_hand(
            task.streams, block.stage, draw, (3, 4, 5), LatticeGaussianNoise(0.25)
        )
        steps = drawn[0, 0].numpy().astype(int)
        label = np.clip(IMAGE[0].astype(int) + steps, 0, 255) // 64
        for row, column in np.ndindex(4, 5):
            counts[label[row, column], row, column] += 1
    return counts


@pytest.mark.parametrize("stage", list(Stage))
def test_noise_of_a_draw_is_the_same_in_every_batch(stage: Stage) -> None:
    """Bit for bit: one by one, seven at a time, all at once, and from the middle."""
    task = task_of()
    whole = noisy_batch(task, stage, range(20))
    sevens = torch.cat([noisy_batch(task, stage, range(s, min(s + 7, 20))) for s in (0, 7, 14)])
    ones = torch.cat([noisy_batch(task, stage, range(draw, draw + 1)) for draw in range(20)])
    assert torch.equal(whole, sevens)
    assert torch.equal(whole, ones)
    assert torch.equal(whole[11:], noisy_batch(task, stage, range(11, 20)))
    assert len(whole.flatten(1).unique(dim=0)) == 20


def test_stages_do_not_share_noise() -> None:
    task = task_of()
    drawn = torch.cat([noisy_batch(task, stage, range(10)) for stage in Stage])
    assert len(drawn.flatten(1).unique(dim=0)) == 10 * len(Stage)


def test_number_of_threads_does_not_change_the_noise() -> None:
    task, before = task_of(), torch.get_num_threads()
    drawn = []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            drawn.append(noisy_batch(task, Stage.TEST, range(3)))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(drawn[0], drawn[1])
    assert torch.equal(drawn[0], drawn[2])


@pytest.mark.parametrize("batch_size", [1, 2, 7, 30])
def test_counts_are_those_of_plain_numpy(batch_size: int) -> None:
    task, block = task_of(), DrawBlock(Stage.TEST, 5, 25)
    expected = by_hand(task, block)
    every_class = count_block(task, block, None, batch_size=batch_size)
    assert (every_class.counts.numpy() == expected).all()
    guess = torch.from_numpy(expected.argmin(0).astype(np.int16))
    one_class = count_block(task, block, guess, batch_size=batch_size)
    assert (one_class.counts.numpy() == expected.min(0)).all()
    assert one_class.runs == (Run(5, 25, batch_size),)
    noise = noisy_batch(task, Stage.TEST, range(5, 25))
    assert (one_class.fingerprints == fingerprints(noise)).all()
    assert one_class.draws == 20


def test_after_batch_tells_how_far_the_stage_is() -> None:
    seen: list[int] = []
    block = DrawBlock(Stage.TEST, 5, 25)
    count_block(task_of(), block, None, batch_size=8, after_batch=seen.append)
    assert seen == [13, 21, 25]


@pytest.mark.parametrize("batch_size", [1, 4])
def test_noisy_inputs_are_freed_before_the_network_runs(
    batch_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it sees is a normalised copy; two batches would be held through each pass."""
    drawn, alive = [], []

    def seen(batch: Tensor) -> Tensor:
        drawn.append(weakref.ref(batch))
        return hashes(batch)

    def net(x: Tensor) -> Tensor:
        alive.extend(one() is not None for one in drawn)
        return bands(x)

    monkeypatch.setattr(counting, "hashes", seen)
    segmenter = as_segmenter(net, classes=4, mean=(0.0,) * 3, std=(1.0,) * 3)
    task = make_task(
        segmenter, IMAGE, noise=LatticeGaussianNoise(0.25), seed=1, device="cpu", workers=1
    )
    block = DrawBlock(Stage.TEST, 0, 12)
    tally = count_block(task, block, None, batch_size=batch_size)
    assert len(drawn) == 12 / batch_size
    assert alive
    assert not any(alive)
    assert (tally.counts.numpy() == by_hand(task, block)).all()


def test_invalid_labels_count_for_no_class() -> None:
    """Neither for class 0, whose number -1 is clamped to, nor for the guess."""
    labels = torch.tensor([[INVALID, 0, 1], [INVALID, INVALID, 2]]).short()
    counts = torch.zeros(3, 3, dtype=torch.int16)
    add_labels(counts, labels, None)
    assert counts.tolist() == [[0, 1, 0], [0, 0, 1], [0, 0, 1]]
    hits = torch.zeros(3, dtype=torch.int16)
    add_labels(hits, labels, torch.tensor([0, 0, 2]).short())
    assert hits.tolist() == [0, 1, 1]


def light(x: Tensor) -> Tensor:
    """Everything is of class 3."""
    return torch.full_like(x[:, 0], 3).long()


@pytest.mark.parametrize("draws", [128, 256])
@pytest.mark.parametrize("batch_size", [7, 300])
def test_more_hits_than_a_byte_holds_are_counted(draws: int, batch_size: int) -> None:
    """In one block and in one batch, of one class and of every class, in each stage."""
    task = task_of(light)
    threes = torch.full((4, 5), 3, dtype=torch.int16)
    for stage in (Stage.PILOT, Stage.TEST, Stage.PROBE):
        every = count_block(task, DrawBlock(stage, 0, draws), None, batch_size=batch_size)
        assert (every.counts[3] == draws).all()
        assert (every.counts[:3] == 0).all()
        if stage is not Stage.PILOT:
            one = count_block(task, DrawBlock(stage, 0, draws), threes, batch_size=batch_size)
            assert (one.counts == draws).all()
            assert one.counts.sum() == 20 * draws


class Hungry:
    """A model that has memory for so many draws only."""

    def __init__(self, most: int, error: Callable[[], BaseException]) -> None:
        self.most, self.error = most, error
        self.batches: list[int] = []

    def __call__(self, x: Tensor) -> Tensor:
        self.batches.append(len(x))
        if len(x) > self.most:
            raise self.error()
        return bands(x)


ERRORS = pytest.mark.parametrize(
    "error",
    [
        lambda: torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        MemoryError,
        lambda: RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    ],
)  # fmt: skip


@ERRORS
@pytest.mark.parametrize("most", [1, 2])
def test_batch_is_halved_until_it_fits(error: Callable[[], BaseException], most: int) -> None:
    """Draws counted before the failure are not counted twice."""
    model = Hungry(most, error)
    tally = count_block(task_of(model), DrawBlock(Stage.TEST, 0, 20), None, batch_size=16)
    reference = count_block(task_of(), DrawBlock(Stage.TEST, 0, 20), None, batch_size=1)
    assert torch.equal(tally.counts, reference.counts)
    assert (tally.fingerprints == reference.fingerprints).all()
    assert tally.runs == (Run(0, 20, most),)
    assert set(model.batches[-20 // most :]) == {most}


def test_largest_batch_is_kept() -> None:
    """Where draws could not be compared in pairs, none is batched."""
    single = replace(task_of(), largest_batch=1)
    tally = count_block(single, DrawBlock(Stage.TEST, 0, 6), None, batch_size=4)
    assert tally.runs == (Run(0, 6, 1),)


def test_memory_that_runs_out_in_the_middle_of_a_block() -> None:
    """The third batch of eight fails once; the block starts again with four."""

    class Once(Hungry):
        def __call__(self, x: Tensor) -> Tensor:
            self.batches.append(len(x))
            if self.batches.count(8) == 3 and self.batches[-1] == 8:
                raise self.error()
            return bands(x)

    model = Once(0, MemoryError)
    tally = count_block(task_of(model), DrawBlock(Stage.TEST, 0, 40), None, batch_size=8)
    reference = count_block(task_of(), DrawBlock(Stage.TEST, 0, 40), None, batch_size=8)
    assert torch.equal(tally.counts, reference.counts)
    assert tally.runs == (Run(0, 40, 4),)
    assert model.batches[-10:] == [4] * 10


@ERRORS
def test_no_memory_for_one_draw_is_one_clear_line(error: Callable[[], BaseException]) -> None:
    with pytest.raises(SamplingError, match="out of memory with a single draw") as caught:
        task_of(Hungry(0, error))  # found out before sampling
    assert "\n" not in str(caught.value)
    model = Hungry(2, error)
    task = task_of(model)
    model.most = 0
    with pytest.raises(SamplingError, match="out of memory with a single draw") as caught:
        count_block(task, DrawBlock(Stage.TEST, 0, 4), None, batch_size=4)
    assert "\n" not in str(caught.value)


def test_other_errors_of_the_model_are_passed_on() -> None:
    model = Hungry(2, lambda: RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        count_block(task_of(model), DrawBlock(Stage.TEST, 0, 4), None, batch_size=4)
    assert not is_out_of_memory(RuntimeError("device-side assert"))
    assert not is_out_of_memory(ValueError("x"))


def test_noise_fed_through_the_batch_leaves_equal_fingerprints(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The published defect: one noisy image, repeated as often as the batch is large."""

    def repeated(task: Task, stage: Stage, draws: range) -> Tensor:
        return noisy_batch(task, stage, draws[:1]).expand(len(draws), -1, -1, -1)

    monkeypatch.setattr(counting, "noisy_batch", repeated)
    tally = count_block(task_of(), DrawBlock(Stage.TEST, 0, 12), None, batch_size=4)
    assert len(np.unique(tally.fingerprints)) == 3
