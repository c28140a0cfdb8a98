"""Count one block of draws: noise, model, labels, counts, batch after batch."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int, Int16, Int64, Shaped
from torch import Tensor

from segcert.errors import SamplingError, is_out_of_memory
from segcert.inputs.kind import components_of
from segcert.models.protocol import SegmentationModel
from segcert.models.resizing.averaging import Output
from segcert.noise.base import AbstractNoise
from segcert.sampling.fingerprints import hashes, to_numpy
from segcert.sampling.margins import Margins, no_margins
from segcert.sampling.near_ties import near_ties
from segcert.sampling.streams import Stage, Streams
from segcert.sampling.tally import DrawBlock, Run, Tally, counting_type
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
    """

    segmenter: SegmentationModel
    x: Shaped[Tensor, " *shape"]
    noise: AbstractNoise
    streams: Streams
    classes: int
    largest_batch: int = UNLIMITED
    tolerance: float | None = None

    @property
    def components(self) -> tuple[int, ...]:
        """Shape of the components."""
        return components_of(self.x.shape)


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
            if batch_size == 1:
                raise no_memory_for_one_draw(task) from error
        batch_size //= 2
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
    """Count a block with one batch size.

    Counts, hashes and invalid labels stay on the device until the block ends, so that the host
    does not wait for it.
    """
    shape = task.components if guess is not None else (task.classes, *task.components)
    dtype = counting_type(block.stop - block.start)
    counts = torch.zeros(shape, dtype=dtype, device=task.x.device)
    invalid = torch.zeros((), dtype=torch.int64, device=task.x.device)
    ties = None if task.tolerance is None else no_ties(task)
    prints = []
    for start in range(block.start, block.stop, batch_size):
        draws = range(start, min(start + batch_size, block.stop))
        found, margins = count_batch(task, block.stage, draws, counts, guess, margins, ties)
        prints.append(found.hashes)
        invalid += found.invalid
        if after_batch:
            after_batch(draws.stop)
        if ends and ends():
            break
    runs = (Run(block.start, draws.stop, batch_size),)
    return Tally(counts, int(invalid), to_numpy(prints), runs, margins, ties)


class Found(NamedTuple):
    """What a batch leaves besides its counts, on the device."""

    hashes: Int64[Tensor, " b"]
    invalid: Int64[Tensor, ""]


def count_batch(
    task: Task,
    stage: Stage,
    draws: range,
    counts: Int[Tensor, " *shape"],
    guess: Tensor | None,
    margins: Margins | None,
    ties: Tensor | None = None,
) -> tuple[Found, Margins | None]:
    """Count one batch, in place; its scores and labels are freed before the next one is drawn."""
    batch = noisy_batch(task, stage, draws)
    prints = hashes(batch)
    output = task.segmenter.output(batch)
    labels = task.segmenter.to_labels(output, task.components)
    add_labels(counts, labels, guess)
    if stage is Stage.PILOT:
        margins = add_margins(task, margins, output, labels)
    if ties is not None:
        add_ties(task, ties, output)
    lost = (labels < 0) | (labels >= task.classes)
    return Found(prints, lost.sum()), margins


def add_labels(
    counts: Int[Tensor, " *shape"], labels: Int16[Tensor, " b *components"], guess: Tensor | None
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


def add_ties(task: Task, ties: Int[Tensor, " *components"], output: Output) -> None:
    """Add the near ties of a batch, in place; a model that returns labels shows none."""
    assert task.tolerance is not None
    found = near_ties(task.segmenter, output, task.components, tolerance=task.tolerance)
    if found is not None:
        ties += found.sum(0, dtype=ties.dtype)


def no_memory_for_one_draw(task: Task) -> SamplingError:
    """Say that the batch cannot be halved further."""
    return SamplingError(
        f"out of memory with a single draw of shape {tuple(task.x.shape)} on "
        f"{task.x.device}: use a smaller scale, a smaller input or another device"
    )
