"""Find the fastest of several segmenters by running them."""

import time
from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from segcert.errors import InputError, ModelError
from segcert.models.adapter import Segmenter
from segcert.models.resizing.averaging import AveragedViews

Candidate = Callable[[], Segmenter]
ROUNDS = 3


def fastest(
    candidates: Mapping[str, Candidate],
    batch: Float[Tensor, " b *shape"],
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> Segmenter:
    """Run each segmenter on the same batch and take the fastest.

    The candidates take turns, and the shortest time of each counts: what else the machine does in
    between hits all of them alike. Nothing random is drawn.

    Args:
        candidates: How to make each; the first must work, others are left out if they do not.
        batch: What they are run on.
        clock: In seconds.
    """
    first, *others = candidates.values()
    made = [first()]
    for candidate in others:
        try:
            made.append(candidate())
        except (InputError, ModelError):  # not installed, or this network cannot be exported
            continue
    times = [float("inf")] * len(made)
    for turn in range(ROUNDS + 1):
        for place, segmenter in enumerate(made):
            seconds = time_of(segmenter, batch, clock)
            if turn:  # the first is to warm up
                times[place] = min(times[place], seconds)
    return made[times.index(min(times))]


def time_of(segmenter: Segmenter, batch: Tensor, clock: Callable[[], float]) -> float:
    """Seconds of one batch."""
    began = clock()
    output = segmenter.output(batch)
    if not isinstance(output, AveragedViews) and output.is_cuda:
        torch.cuda.synchronize(output.device)
    return clock() - began
