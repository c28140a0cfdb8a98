"""A probe: a few draws of their own, from which a plan is made and which are never tested."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Int32, UInt16
from numpy import int32, ndarray, uint16
from torch import Tensor

from segcert.errors import InputError
from segcert.inputs.images import ImageInput
from segcert.models.adapter import Model
from segcert.models.protocol import SegmentationModel
from segcert.noise.base import AbstractNoise
from segcert.sampling.counting import Task, add_labels, add_margins, count_block, noisy_batch
from segcert.sampling.margins import Margins
from segcert.sampling.setup import choose_batch_size, make_task
from segcert.sampling.streams import Stage
from segcert.sampling.tally import DrawBlock, counting_type
from segcert.stats.promise import promise_of_agreement

FEWEST, MOST = 10, 1000  # draws of a probe


@dataclass(frozen=True, eq=False)
class Probe:
    """What the draws of a probe say about each component.

    The first ``n0`` draws choose a class and a promise as a pilot does; the others are counted.

    Args:
        n0: Draws that chose the class.
        draws: All draws, these included.
        hits: How many of the other draws gave that class.
        promise: What the first draws promise; see `segcert.stats.promise`.
        modal: How many of all draws gave the most frequent class.
        seed: Of the streams.
    """

    n0: int
    draws: int
    hits: Int32[ndarray, " m"]
    promise: UInt16[ndarray, " m"]
    modal: Int32[ndarray, " m"]
    seed: int

    @property
    def components(self) -> int:
        """Number of components, N."""
        return len(self.hits)


def take_probe(
    model: Model | SegmentationModel,
    image: ImageInput,
    *,
    noise: AbstractNoise,
    n0: int = 4,
    draws: int = 60,
    seed: int | None = None,
    device: str = "auto",
    batch_size: int | str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> Probe:
    """Draw a probe of one image, from streams that neither pilot nor test draws ever use.

    Given the input, the probe is independent of all draws of `sample`, of the same seed too.
    Whatever is chosen from it (n0, n, tau, the correction) is fixed before those are made, so that
    their certificate keeps its confidence.

    Args:
        model: As for `sample`.
        image: As for `sample`.
        noise: As for `sample`.
        n0: Draws that choose the class, as many as the planned pilot has.
        draws: All draws of the probe, at least ten and twice ``n0``.
        seed: In [0, 2^128); None takes a fresh one.
        device: As for `sample`.
        batch_size: Draws that go through the model together, or "auto".
        progress: Called with draws done and draws in all.

    Raises:
        InputError: If an argument or the image breaks a rule.
        ModelError: If the model cannot be certified.
    """
    check_probe(n0=n0, draws=draws)
    task = make_task(model, image, noise=noise, seed=seed, device=device, batch_size=batch_size)
    size = choose_batch_size(batch_size, task)

    def report(done: int) -> None:
        if progress:
            progress(done, draws)

    first, margins = draw_pilot(task, n0, report)
    rest = count_block(
        task, DrawBlock(Stage.PROBE, n0, draws), None, batch_size=size, after_batch=report
    ).counts  # fmt: skip
    return to_probe(task, first, margins, rest, n0=n0, draws=draws)


def check_probe(*, n0: int, draws: int) -> None:
    """Refuse a probe that is too short to plan from.

    Raises:
        InputError: If ``draws`` or ``n0`` is out of range.
    """
    if draws < FEWEST:
        raise InputError(f"a probe must have at least {FEWEST} draws, got {draws}: 60 are usual")
    if draws > MOST:
        raise InputError(f"a probe must have at most {MOST} draws, got {draws}: 60 are usual")
    if not 1 <= n0 <= draws // 2:
        raise InputError(
            f"n0 must be from 1 to half the draws of the probe, {draws // 2}, got {n0} "
            "(the test without pilot is always planned beside)"
        )


def draw_pilot(
    task: Task, n0: int, report: Callable[[int], None]
) -> tuple[Tensor, Margins | None]:  # fmt: skip
    """Count the classes of the first draws, one by one, with their margins if there are scores."""
    shape, dtype = (task.classes, *task.components), counting_type(n0)
    counts = torch.zeros(shape, dtype=dtype, device=task.x.device)
    margins: Margins | None = None
    for draw in range(n0):
        batch = noisy_batch(task, Stage.PROBE, range(draw, draw + 1))
        output = task.segmenter.output(batch)
        labels = task.segmenter.to_labels(output, task.components)
        add_labels(counts, labels, None)
        margins = add_margins(task, margins, output, labels)
        report(draw + 1)
    return counts, margins


def to_probe(
    task: Task, first: Tensor, margins: Margins | None, rest: Tensor, *, n0: int, draws: int
) -> Probe:
    """Leave the device."""
    guess = first.argmax(0)
    if margins is None:
        agreed = first.amax(0).cpu().numpy().astype(uint16)
        promise = promise_of_agreement(agreed, n0)
    else:
        promise = margins.promise(guess.to(torch.int16), n0).cpu().numpy()
    both = first.to(counting_type(draws)) + rest
    hits, modal = rest.gather(0, guess[None])[0], both.amax(0)
    return Probe(
        n0=n0,
        draws=draws,
        hits=hits.cpu().numpy().astype(int32).ravel(),
        promise=promise.ravel(),
        modal=modal.cpu().numpy().astype(int32).ravel(),
        seed=task.streams.seed,
    )
