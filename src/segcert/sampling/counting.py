"""Count one block of draws: noise, model, labels, counts, batch after batch."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from jaxtyping import Bool, Float, Float32, Int, Int16, Int64, Integer, Shaped
from torch import Tensor

from segcert.errors import SamplingError, is_out_of_memory
from segcert.inputs.kind import components_of
from segcert.models.adapter import Segmenter
from segcert.models.protocol import SegmentationModel
from segcert.models.resizing.averaging import Output
from segcert.noise.base import AbstractNoise
from segcert.sampling.fingerprints import hashes, to_numpy
from segcert.sampling.margins import Margins, no_margins
from segcert.sampling.near_ties import near_ties
from segcert.sampling.streams import Stage, Streams
from segcert.sampling.tally import DrawBlock, Run, Tally, counting_type
from segcert.sampling.team import Team
from segcert.sampling.threads import in_threads

UNLIMITED = 2**31 - 1


@dataclass(frozen=True, eq=False)
class Task:
    """One input under one model and one noise.

    Args:
        segmenter: The base model.
        x: The input, on the device.
        noise: Added to ``x``.
        streams: Where the noise comes from.
        classes: Number of classes.
        largest_batch: Draws that may go through the model together.
        tolerance: Of near ties, which are counted too if it is given; see `near_ties`.
        team: Makes passes side by side; None makes one after the other. No count depends on it.
    """

    segmenter: SegmentationModel
    x: Shaped[Tensor, " *shape"]
    noise: AbstractNoise
    streams: Streams
    classes: int
    largest_batch: int = UNLIMITED
    tolerance: float | None = None
    team: Team | None = None

    @property
    def components(self) -> tuple[int, ...]:
        """Shape of the components."""
        return components_of(self.x.shape)

    @property
    def workers(self) -> int:
        """How many batches pass the model at a time."""
        return len(self.team.members) if self.team else 1


def noisy_batch(task: Task, stage: Stage, draws: range) -> Float[Tensor, " b *shape"]:
    """Draw noisy copies of the input, each from its own stream."""

    def copy(draw: int) -> Tensor:
        return task.noise.sample(task.x, 1, rng=task.streams.of_draw(stage, draw))

    on_cpu = task.x.device.type == "cpu"
    copies = in_threads(copy, draws) if on_cpu else [copy(draw) for draw in draws]
    return torch.cat(copies) if len(copies) > 1 else copies[0]


def count_block(
    task: Task,
    block: DrawBlock,
    guess: Int16[Tensor, " *components"] | None,
    *,
    batch_size: int,
    margins: Margins | None = None,
    after_batch: Callable[[int], None] | None = None,
    ends: Callable[[], bool] | None = None,
) -> Tally:
    """Count the labels of a block of draws, halving the batch when memory runs out.

    Args:
        task: What is sampled.
        block: Which draws.
        guess: Class to count at each component; None counts every class.
        batch_size: Draws that go through the model together.
        margins: Of the pilot draws before this block.
        after_batch: Called after each batch with the number of draws of the stage so far.
        ends: Asked after each batch whether the block ends there. What is counted, and in which
            batches, does not depend on where blocks end.

    Returns:
        The counts of all draws of the block, or of the first ones if ``ends`` said so.

    Raises:
        SamplingError: If not even one draw fits into memory.
    """
    batch_size = min(batch_size, task.largest_batch)
    while True:
        try:
            return count_batches(task, block, guess, batch_size, margins, after_batch, ends)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            if batch_size == 1 and task.workers == 1:
                raise no_memory_for_one_draw(task) from error
        if batch_size == 1 and task.team:
            task = replace(task, team=task.team.of(task.workers // 2))
        batch_size = max(1, batch_size // 2)
        if task.x.device.type == "cuda":
            torch.cuda.empty_cache()


def count_batches(
    task: Task,
    block: DrawBlock,
    guess: Tensor | None,
    batch_size: int,
    margins: Margins | None,
    after_batch: Callable[[int], None] | None,
    ends: Callable[[], bool] | None,
) -> Tally:
    """Count a block with one batch size, batches one after the other or side by side.

    Counts, hashes and invalid labels stay on the device until the block ends, so that the host
    does not wait for it.
    """
    starts = range(block.start, block.stop, batch_size)
    batches = [range(start, min(start + batch_size, block.stop)) for start in starts]
    sums = Sums(task, block, guess, margins)

    def count(segmenter: SegmentationModel, draws: range) -> None:
        count_batch(task, segmenter, draws, sums)

    def after(draws: range) -> bool:
        if after_batch:
            after_batch(draws.stop)
        return bool(ends and ends())

    if task.team:
        task.team.run(count, batches, after)
    else:
        one_by_one(partial(count, task.segmenter), batches, after)
    return sums.tally(batch_size)


def one_by_one(
    work: Callable[[range], None], batches: Sequence[range], after: Callable[[range], bool]
) -> None:
    """Work on batches in their order, until ``after`` is true."""
    for draws in batches:
        work(draws)
        if after(draws):
            return


class Sums:
    """What the batches of a block add up to, in any order: all are sums of integers.

    Args:
        task: What is sampled.
        block: Which draws.
        guess: Class to count; None counts every class.
        margins: Of the pilot draws before.
    """

    def __init__(
        self, task: Task, block: DrawBlock, guess: Tensor | None, margins: Margins | None
    ) -> None:
        shape = task.components if guess is not None else (task.classes, *task.components)
        dtype, device = counting_type(block.stop - block.start), task.x.device
        self.block, self.guess, self.margins = block, guess, margins
        self.counts = torch.zeros(shape, dtype=dtype, device=device)
        self.invalid = torch.zeros((), dtype=torch.int64, device=device)
        self.ties = None if task.tolerance is None else no_ties(task)
        self.prints: dict[int, Tensor] = {}
        self._adding = threading.Lock()
        self._first_is_in = threading.Event()
        if margins is not None or block.stage is not Stage.PILOT:
            self._first_is_in.set()

    def add(self, draws: range, found: "Found") -> None:
        """Add a batch; the labels of the first pilot draw give all margins their signs."""
        if draws.start != self.block.start:
            self._first_is_in.wait()
        with self._adding:
            add_labels(self.counts, found.labels, self.guess)
            if found.margins is not None:
                self.margins = (self.margins or no_margins(found.labels)).plus(
                    found.labels, found.margins
                )
            if found.ties is not None and self.ties is not None:
                self.ties += found.ties.sum(0, dtype=self.ties.dtype)
            self.invalid += found.lost
            self.prints[draws.start] = found.hashes

    def first_is_done(self) -> None:
        """Let the others go on; called even where the first batch failed, and all is void."""
        self._first_is_in.set()

    def tally(self, batch_size: int) -> Tally:
        """Leave the device."""
        prints = to_numpy([self.prints[start] for start in sorted(self.prints)])
        run = Run(self.block.start, self.block.start + len(prints), batch_size)
        return Tally(self.counts, int(self.invalid), prints, (run,), self.margins, self.ties)


@dataclass(frozen=True, eq=False)
class Found:
    """What a batch gives, on the device.

    Args:
        hashes: Of the noisy inputs.
        labels: One for each component.
        lost: How many of them are no class.
        margins: Of pilot draws of a model that gives scores.
        ties: Which labels are near a tie, if that is asked for.
    """

    hashes: Int64[Tensor, " b"]
    labels: Int16[Tensor, " b *components"]
    lost: Int64[Tensor, ""]
    margins: Float32[Tensor, " b *components"] | None
    ties: Bool[Tensor, " b *components"] | None


def count_batch(task: Task, segmenter: SegmentationModel, draws: range, sums: Sums) -> None:
    """Count one batch; its scores and labels are freed before the next one is drawn."""
    try:
        sums.add(draws, found_in(task, segmenter, draws, sums.block.stage))
    finally:
        if draws.start == sums.block.start:
            sums.first_is_done()


def found_in(task: Task, segmenter: SegmentationModel, draws: range, stage: Stage) -> Found:
    """Draw a batch and label it."""
    batches, components = [noisy_batch(task, stage, draws)], task.components
    prints = hashes(batches[0])
    if isinstance(segmenter, Segmenter):
        output = segmenter.output_of_own(batches)
    else:
        output = segmenter.output(batches.pop())
    labels = segmenter.to_labels(output, components)
    margins = segmenter.to_margins(output, components) if stage is Stage.PILOT else None
    ties = None
    if task.tolerance is not None:
        ties = near_ties(segmenter, output, components, tolerance=task.tolerance)
    lost = (labels < 0) | (labels >= task.classes)
    return Found(prints, labels, lost.sum(), margins, ties)


def add_labels(
    counts: Integer[Tensor, " *shape"],
    labels: Int16[Tensor, " b *components"],
    guess: Tensor | None,
) -> None:
    """Add the labels of a batch to counts, in place; those of no class count for none."""
    if guess is not None:
        counts += (labels == guess).sum(0, dtype=counts.dtype)
        return
    for drawn in labels:
        valid = ((drawn >= 0) & (drawn < len(counts))).to(counts.dtype)
        counts.scatter_add_(0, drawn.clamp(0, len(counts) - 1)[None].long(), valid[None])


def add_margins(
    task: Task, margins: Margins | None, output: Output, labels: Int16[Tensor, " b *components"]
) -> Margins | None:
    """Add the margins of a batch of pilot draws; None if the model returns labels."""
    drawn = task.segmenter.to_margins(output, task.components)
    if drawn is None:
        return None
    return (margins or no_margins(labels)).plus(labels, drawn)


def no_ties(task: Task) -> Int[Tensor, " *components"]:
    """Near ties of no draw at all."""
    return torch.zeros(task.components, dtype=torch.int32, device=task.x.device)


def no_memory_for_one_draw(task: Task) -> SamplingError:
    """Say that the batch cannot be halved further."""
    return SamplingError(
        f"out of memory with a single draw of shape {tuple(task.x.shape)} on "
        f"{task.x.device}: use a smaller scale, a smaller input or another device"
    )
