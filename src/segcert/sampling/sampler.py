"""Sample a model under noise: the only place where draws are made."""

import math
import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
import torch
from jaxtyping import Int16
from torch import Tensor, nn

from segcert.data.images import ImageInput
from segcert.errors import InputError
from segcert.models.adapter import Model, Segmenter
from segcert.noise.base import AbstractNoise
from segcert.sampling.counting import Task, count_block
from segcert.sampling.counts import Counts, Provenance
from segcert.sampling.fingerprints import check_distinct
from segcert.sampling.setup import check_draw_numbers, choose_batch_size, make_task
from segcert.sampling.streams import Stage
from segcert.sampling.tally import Block, Tally, no_draws

BLOCKS = 64  # at least so many blocks a stage: what an interruption loses
BATCHES_PER_BLOCK = 4


@dataclass(frozen=True, eq=False)
class Partial:
    """Work done so far on one input: pilot draws, and test draws once the pilot is complete."""

    pilot: Tally
    test: Tally

    def to(self, device: torch.device) -> "Partial":
        """Move to a device."""
        return Partial(self.pilot.to(device), self.test.to(device))


def sample(
    model: Model | Segmenter,
    image: ImageInput,
    *,
    noise: AbstractNoise,
    n0: int = 10,
    n: int = 100,
    seed: int | None = None,
    device: str = "auto",
    batch_size: int | str = "auto",
    progress: Callable[[int, int], None] | None = None,
    partial: Partial | None = None,
    after_block: Callable[[Partial], None] | None = None,
) -> Counts:
    """Count how often a model gives each component its class under noise.

    The noise of every draw depends on (seed, input, stage, draw) alone. Memory does not grow
    with ``n``: one small integer per component (with ``n0 = 0``: one per component and class),
    besides 8 bytes per draw for fingerprints.

    Args:
        model: Any callable from a float batch (b, c, h, w) in [0, 1] to class scores or labels;
            see `as_segmenter` for normalisation and resizing.
        image: Path, PIL image, array or tensor; uint8, or floating point in [0, 1].
        noise: `GaussianNoise`; on uint8 input it is drawn on the grid (`LatticeGaussianNoise`).
        n0: Pilot draws that choose the class; 0 for the no-pilot test.
        n: Draws that are counted, at least 1.
        seed: In [0, 2^128); None takes one from the operating system's cryptographic generator.
            A certificate needs a seed that was chosen before the counts were seen.
        device: "auto" (where the module is; CUDA, if there is one, for plain functions) or a
            torch device, to which a module is moved.
        batch_size: Draws that go through the model together; "auto" chooses by the size of the
            image. Halved when memory runs out.
        progress: Called with draws done and draws in all.
        partial: Work to go on from; must come from the same arguments.
        after_block: Called with the work so far, a value that can be stored.

    Returns:
        The counts, with everything needed to draw them again.

    Raises:
        InputError: If an argument or the image breaks a rule.
        ModelError: If the model is in train mode, mixes the draws of a batch, or returns
            something else than scores or labels.
        SamplingError: If memory does not suffice for one draw, or a noise is repeated.

    Source:
        Fischer, Baader, Vechev (2021), Algorithm 2; what it guarantees: docs/guarantees.md.
    """
    check_draw_numbers(n0, n)
    task = make_task(model, image, noise=noise, seed=seed, device=device)
    size = choose_batch_size(batch_size, task)
    done = nothing_done(task, n0=n0, n=n)
    if partial:
        check_partial(partial, done, n0=n0, n=n)
        done = partial.to(task.x.device)

    def report(draws: int) -> None:
        if progress:
            progress(draws, n0 + n)

    def keep(part: Partial) -> None:
        if after_block:
            after_block(part)

    pilot = run_stage(
        task, Stage.PILOT, done.pilot, n0, None, size,
        after_batch=report, after_block=lambda tally: keep(Partial(tally, done.test)),
    )  # fmt: skip
    guess = most_frequent(pilot) if n0 else None
    test = run_stage(
        task, Stage.TEST, done.test, n, guess, size,
        after_batch=lambda draws: report(n0 + draws),
        after_block=lambda tally: keep(Partial(pilot, tally)),
    )  # fmt: skip
    check_distinct(np.concatenate([pilot.fingerprints, test.fingerprints]))
    return to_counts(task, Partial(pilot, test), guess, n0=n0, n=n)


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
) -> Tally:
    """Count draws of one stage, block by block, until there are ``goal``."""
    while tally.draws < goal:
        length = max(BATCHES_PER_BLOCK, math.ceil(goal / BLOCKS / batch_size)) * batch_size
        block = Block(stage, tally.draws, min(tally.draws + length, goal))
        counted = count_block(task, block, guess, batch_size=batch_size, after_batch=after_batch)
        batch_size = counted.runs[-1].batch_size
        tally = tally.plus(counted)
        after_block(tally)
    return tally


def nothing_done(task: Task, *, n0: int, n: int) -> Partial:
    """Start from nothing; the sizes of the counts follow from the two modes."""
    classes, device = (task.classes, *task.components), task.x.device
    return Partial(
        pilot=no_draws(classes if n0 else (0,), n=n0, device=device),
        test=no_draws(task.components if n0 else classes, n=n, device=device),
    )


def check_partial(partial: Partial, start: Partial, *, n0: int, n: int) -> None:
    """Refuse work that cannot be the beginning of what is asked for.

    Raises:
        InputError: If there are too many draws, or counts of another shape or type.
    """
    for stage, found, empty, goal in (
        ("pilot", partial.pilot, start.pilot, n0),
        ("test", partial.test, start.test, n),
    ):
        same = (found.counts.shape, found.counts.dtype) == (empty.counts.shape, empty.counts.dtype)
        if found.draws > goal or not same:
            raise InputError(
                f"partial work holds {found.draws} {stage} draws with counts {found.counts.dtype} "
                f"{tuple(found.counts.shape)}; {goal} draws with {empty.counts.dtype} "
                f"{tuple(empty.counts.shape)} are asked for: go on with the arguments that made it"
            )


def most_frequent(tally: Tally) -> Int16[Tensor, " *components"]:
    """Most frequent class of each component; the first of equals."""
    return tally.counts.argmax(0).to(torch.int16)


def to_counts(task: Task, done: Partial, guess: Tensor | None, *, n0: int, n: int) -> Counts:
    """Leave the device: counts as arrays, with their provenance."""
    class_counts = None if guess is not None else done.test.counts
    labels = most_frequent(done.test) if guess is None else guess
    hits = done.test.counts if class_counts is None else class_counts.amax(0)
    return Counts(
        labels=labels.cpu().numpy(),
        hits=hits.cpu().numpy().astype(np.int32),
        class_counts=None if class_counts is None else class_counts.cpu().numpy().astype(np.int32),
        n0=n0,
        n=n,
        classes=task.classes,
        class_names=task.segmenter.class_names,
        palette=task.segmenter.palette,
        noise=task.noise,
        invalid=done.pilot.invalid + done.test.invalid,
        pilot_fingerprints=done.pilot.fingerprints,
        test_fingerprints=done.test.fingerprints,
        provenance=provenance(task, done),
    )


def provenance(task: Task, done: Partial) -> Provenance:
    """Write down where counts come from."""
    device = task.x.device
    on_cuda = device.type == "cuda"
    return Provenance(
        input_sha256=task.streams.input_sha256,
        input_shape=tuple(task.x.shape),
        input_dtype=str(task.x.dtype).removeprefix("torch."),
        model=task.segmenter.name,
        weights_sha256=task.segmenter.weights_sha256,
        scale=task.segmenter.scale,
        seed=task.streams.seed,
        streams=task.streams.kind,
        device=device.type,
        device_name=torch.cuda.get_device_name(device) if on_cuda else platform.machine(),
        precision=precision(task.segmenter, on_cuda=on_cuda),
        pilot_runs=done.pilot.runs,
        test_runs=done.test.runs,
        versions=(
            ("segcert", version("segcert")),
            ("python", platform.python_version()),
            ("torch", torch.__version__),
            ("numpy", np.__version__),
        ),
    )


def precision(segmenter: Segmenter, *, on_cuda: bool) -> str:
    """Name the arithmetic of the model."""
    dtype = torch.float32
    if isinstance(segmenter.model, nn.Module):
        dtype = next((p.dtype for p in segmenter.model.parameters()), dtype)
    name = str(dtype).removeprefix("torch.")
    uses_tf32 = on_cuda and dtype == torch.float32 and torch.backends.cudnn.allow_tf32
    return f"{name} (tf32 convolutions)" if uses_tf32 else name
