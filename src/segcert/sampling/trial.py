"""Try passes side by side on the draws of the check: are they the same, and are they faster?

No draw that is counted is touched. What is decided here is how long a run takes; labels can only
differ as they do between numbers of threads, where scores tie within rounding.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor

from segcert.models.protocol import SegmentationModel
from segcert.models.resizing.averaging import AveragedViews, Output
from segcert.models.trying import first_output
from segcert.sampling.memory import free_memory, held_memory, peak_memory
from segcert.sampling.team import Team

Result = TypeVar("Result")
CLEARLY = 1.25  # times as fast are torch's own threads before they are taken: rounding may differ
TINY = 0.01  # seconds of two draws; then handing them out may cost more than it brings
SHARE = 0.5  # of the memory that is free, for passes side by side


@dataclass(frozen=True, eq=False)
class Trial:
    """Draws that passed a model together, and each alone, side by side with others.

    Args:
        alone: Outputs of the draws alone.
        together: Output of them in a batch.
        team: What is to make the passes; None where torch's own threads are faster.
    """

    alone: tuple[Output, ...]
    together: Output
    team: Team | None


def tried(
    segmenter: SegmentationModel, team: Team, draws: Tensor, *, batch_size: int | None
) -> Trial | None:
    """Let draws pass a model together, then alone by all of a team at once.

    Args:
        segmenter: The model.
        team: With copies of it.
        draws: Noisy inputs; each passes several times where the team is larger.
        batch_size: Draws that are to go through the model together; None takes the team as it is.

    Returns:
        What came out; None if one draw came out in several ways.
    """
    held = held_memory()
    slow, together = timed(lambda: segmenter.output(draws))
    if batch_size is not None:
        team = fitting(team, bytes_since(held) // len(draws) * batch_size)
    items = [draws[number % len(draws)][None] for number in range(max(2, len(team.members)))]

    def by(those: Team) -> tuple[float, list[Output]]:
        return timed(lambda: those.map(lambda one, draw: first_output(one, draw.clone()), items))

    quick, alone = by(team)
    for number in range(len(draws), len(alone)):
        if not same(alone[number], alone[number % len(draws)]):
            return None
    found = Trial(tuple(alone[: len(draws)]), together, team)
    if batch_size is None:
        return found
    if slow < TINY:
        single = Team(team.members[:1], team.threads)
        quick, lone = min(quick, by(team)[0]), min(by(single)[0] for _ in range(2))
        return replace(found, team=single if lone < quick else team)
    share = len(draws) / len(items)
    if slow * CLEARLY < quick * share:  # looked at again: other work may have been in the way
        slow = min(slow, timed(lambda: segmenter.output(draws))[0])
        quick = min(quick, by(team)[0])
    return replace(found, team=None if slow * CLEARLY < quick * share else team)


def timed(function: Callable[[], Result]) -> tuple[float, Result]:
    """Seconds that a function takes, and what it returns."""
    began = time.perf_counter()
    found = function()
    return time.perf_counter() - began, found


def bytes_since(held: int | None) -> int:
    """At most what was held at a time since so much was held; 0 if that is not known."""
    peak = peak_memory()
    return 0 if peak is None or held is None else max(0, peak - held)


def fitting(team: Team, bytes_a_pass: int) -> Team:
    """As many workers as memory has room for; those that are left have more threads each.

    Args:
        team: The team.
        bytes_a_pass: That a pass takes; 0 if that is not known.
    """
    free = free_memory()
    if not bytes_a_pass or free is None:
        return team
    return team.of(int(SHARE * free / bytes_a_pass))


def same(one: Output, other: Output) -> bool:
    """Tell whether two outputs are equal, bit by bit."""
    pairs = zip(tensors_of(one), tensors_of(other), strict=True)
    return all(torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in pairs)


def tensors_of(output: Output) -> Sequence[Tensor]:
    """All tensors of an output: one, or one for each view that is averaged."""
    return output.tensors if isinstance(output, AveragedViews) else (output,)
