"""Sample a model under noise: the only place where draws are made."""

import math
from bisect import bisect_left
from collections.abc import Callable

import numpy as np
from jaxtyping import Int16
from torch import Tensor

from segcert.errors import InputError
from segcert.inputs.input import Source
from segcert.models.adapter import Model
from segcert.models.protocol import SegmentationModel
from segcert.noise.base import AbstractNoise
from segcert.sampling.conclude import most_frequent, to_counts
from segcert.sampling.counting import Task, count_block
from segcert.sampling.counts import Counts
from segcert.sampling.fingerprints import check_distinct
from segcert.sampling.partial import Keeping, Partial, check_partial, going_on, nothing_done
from segcert.sampling.setup import (
    check_class_counts,
    check_draw_numbers,
    choose_batch_size,
    make_task,
)
from segcert.sampling.streams import Stage
from segcert.sampling.tally import DrawBlock, Tally
from segcert.stats.sequential import Sequential

BLOCKS = 64  # at least so many blocks a stage: what an interruption loses
BATCHES_PER_BLOCK = 4


def sample(
    model: Model | SegmentationModel,
    image: Source,
    *,
    noise: AbstractNoise,
    n0: int = 10,
    n: int | Sequential = 100,
    stop: Callable[[Counts], bool] | None = None,
    seed: int | None = None,
    device: str = "auto",
    batch_size: int | str = "auto",
    progress: Callable[[int, int], None] | None = None,
    partial: Partial | None = None,
    keeping: Keeping | None = None,
) -> Counts:
    """Count how often a model gives each component its class under noise.

    The noise of every draw depends on (seed, input, stage, draw) alone. Memory does not grow
    with ``n``: one small integer per component (with ``n0 = 0``: one per component and class),
    besides 8 bytes per draw for fingerprints.

    Args:
        model: Any callable from a float batch (b, c, h, w) in [0, 1] to class scores or labels;
            see `as_segmenter` for normalisation and resizing. Clouds need a model of points, from
            a batch (b, points, columns).
        image: Path, PIL image, array or tensor; uint8, or floating point in [0, 1]. Or a point
            cloud: array or tensor (points, 3) or, with normals, (points, 6), or what has points
            and normals.
        noise: `GaussianNoise` or another; on uint8 input it is drawn on the grid where it can be,
            on clouds it is `PointNoise`.
        n0: Pilot draws that choose the class; 0 for the no-pilot test.
        n: Draws that are counted, at least 1; or `Looks` or `Anytime`, which allow to stop early.
        stop: Asked at each look, with the counts so far, whether to stop there. A fixed ``n`` has
            no looks, so nothing may be asked there.
        seed: In [0, 2^128); None takes one from the operating system's cryptographic generator,
            or that of ``partial``. A certificate needs a seed that was chosen before the counts
            were seen.
        device: "auto" (where the module is; CUDA, if there is one, for plain functions) or a
            torch device, to which a module is moved.
        batch_size: Draws that go through the model together; "auto" chooses by the size of the
            image. Halved when memory runs out. On a CPU as many batches pass at a time as torch has
            threads, where the model is known to allow it; no count depends on it. Draws of a model
            with randomness of its own go one by one, unless a number is given and nothing in a
            batch looks shared (`as_segmenter`).
        progress: The callback: called after each batch, on the thread of the caller, with the draws
            done and the draws in all, pilot draws among both. What it returns means nothing: there
            is no end before ``n`` draws but by ``stop`` at a planned look, as it could not be
            honest. What it raises ends the sampling, and there are no counts; ``keeping`` had
            what can be gone on from. The draws done fall back only where memory ran out.
        partial: Work to go on from. It must have been begun with the same input, noise, ``n0``,
            ``n`` and ``stop``, seed, model and kind of streams: all of them are its identity.
        keeping: Takes the work so far after each block of batches.

    Returns:
        The counts, with everything needed to draw them again.

    Raises:
        InputError: If an argument or the input breaks a rule, or ``partial`` is other work.
        ModelError: If the model is in train mode, mixes the draws of a batch, or returns
            something else than scores or labels.
        SamplingError: If memory does not suffice for one draw, or a noise is repeated.

    Source:
        Fischer, Baader, Vechev (2021), Algorithm 2; what it guarantees: docs/guarantees.md.
    """
    looks = looks_of(n, stop)
    sequential = n if isinstance(n, Sequential) else None
    check_draw_numbers(n0, looks[-1])
    seed = partial.identity.seed if partial and seed is None else seed
    task = make_task(model, image, noise=noise, seed=seed, device=device, batch_size=batch_size)
    task = going_on(task, partial) if partial else task
    if not n0:
        check_class_counts(task)
    size = choose_batch_size(batch_size, task)
    done = nothing_done(task, n0=n0, n=n, stop_rule=name_of(stop))
    identity = done.identity
    if partial:
        check_partial(partial, done, n0=n0, n=looks[-1])
        done = partial.to(task.x.device)

    def report(draws: int) -> None:
        if progress:
            progress(draws, n0 + looks[-1])

    keeping = keeping or Keeping()
    keep, ends_block = keeping.after_block, keeping.ends_block
    pilot = run_stage(
        task, Stage.PILOT, done.pilot, n0, None, size,
        after_batch=report, after_block=lambda tally: keep(Partial(tally, done.test, identity)),
        ends_block=ends_block,
    )  # fmt: skip
    guess = most_frequent(pilot) if n0 else None
    test = done.test
    for look in looks[bisect_left(looks, test.draws) :]:
        test = run_stage(
            task, Stage.TEST, test, look, guess, size,
            after_batch=lambda draws: report(n0 + draws),
            after_block=lambda tally: keep(Partial(pilot, tally, identity)),
            ends_block=ends_block,
        )  # fmt: skip
        counts = to_counts(
            task, pilot, test, guess, sequential=sequential, stop_rule=identity.stop_rule
        )
        if look < looks[-1] and stop and stop(counts):
            break
    prints = np.concatenate([pilot.fingerprints, test.fingerprints])
    check_distinct(prints, task.noise.repeat_probability(task.x))
    return counts


def looks_of(n: int | Sequential, stop: Callable[[Counts], bool] | None) -> tuple[int, ...]:
    """Numbers of draws after which sampling may end; one alone if it is fixed.

    Raises:
        InputError: If ``n`` is fixed where a rule is to stop before.
    """
    if isinstance(n, Sequential):
        return n.at
    if stop is not None:
        raise InputError(
            f"stop= needs looks to be asked at, and n = {n} is a fixed number of draws: use "
            "n=Looks(...) or n=Anytime(...), which pay for looking, or leave out stop"
        )
    return (n,)


def name_of(stop: Callable[[Counts], bool] | None) -> str:
    """Name a rule for the provenance."""
    return "" if stop is None else str(getattr(stop, "name", "a function"))


def run_stage(
    task: Task,
    stage: Stage,
    tally: Tally,
    goal: int,
    guess: Int16[Tensor, " *components"] | None,
    batch_size: int,
    *,
    after_batch: Callable[[int], None],
    after_block: Callable[[Tally], None],
    ends_block: Callable[[], bool] | None,
) -> Tally:
    """Count draws of one stage, block by block, until there are ``goal``."""
    while tally.draws < goal:
        block = next_block(stage, tally.draws, goal, batch_size, task.workers)
        counted = count_block(
            task, block, guess,
            batch_size=batch_size, margins=tally.margins, after_batch=after_batch, ends=ends_block,
        )  # fmt: skip
        batch_size = counted.runs[-1].batch_size
        tally = tally.plus(counted)
        after_block(tally)
    return tally


def next_block(stage: Stage, drawn: int, goal: int, batch_size: int, workers: int = 1) -> DrawBlock:
    """The block of draws that follows ``drawn`` draws on the way to ``goal``.

    Args:
        stage: The stage.
        drawn: Draws so far.
        goal: Draws in all.
        batch_size: Draws that go through the model together.
        workers: Batches that do so at a time.
    """
    fewest = BATCHES_PER_BLOCK * workers
    length = max(fewest, math.ceil(goal / BLOCKS / batch_size)) * batch_size
    return DrawBlock(stage, drawn, min(drawn + length, goal))
