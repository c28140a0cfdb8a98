"""Detect a model that mixes the draws of a batch: its draws are not independent."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from segcert.errors import ModelError, SegcertError, is_out_of_memory
from segcert.models.callables import check_eval_mode
from segcert.models.resizing.averaging import Output
from segcert.models.trying import first_output
from segcert.sampling.conclude import precision, runtime_of
from segcert.sampling.counting import UNLIMITED, Task, no_memory_for_one_draw, noisy_batch
from segcert.sampling.freshness import is_fresh_for_each_draw
from segcert.sampling.near_ties import near_ties, tolerance_of
from segcert.sampling.streams import Stage
from segcert.sampling.team import Team
from segcert.sampling.trial import tensors_of, tried

TOLERANCE = 2e-3  # of the largest score; float32 sums in another order differ by far less
LOW_PRECISION_TOLERANCE = 5e-2  # float16 and bfloat16
LABEL_TOLERANCE = 1e-3  # share of components
FLIP_TOLERANCE = 2e-2  # share of components whose best class may change: scores tie within rounding


@dataclass(frozen=True, eq=False)
class Checked:
    """What the check of a model found.

    Args:
        output: For the first draw alone, which tells the number of classes.
        largest_batch: Draws that may go through the model together.
        team: What makes passes side by side; None if they are made one after the other.
    """

    output: Output
    largest_batch: int = UNLIMITED
    team: Team | None = None


def check_draws_are_independent(
    task: Task, *, batched: bool, batch_size: int | None = None
) -> Checked:
    """Compare draws alone with the same draws in a batch of two.

    The second one is made much brighter: statistics of the batch, which two draws of one large
    image would hardly change, then differ. A model that draws randomness of its own cannot be
    compared so; it gets its draws one by one, unless batches are asked for and what is random in
    them is seen to be fresh for each draw.

    Args:
        task: What is to be sampled; with a team, the draws alone pass it side by side.
        batched: Whether batches are asked for, of a model that draws randomness of its own.
        batch_size: Draws that are to go through the model together; the team is measured with it.
            None takes the team as it is.

    Returns:
        The largest batch is 1 if two draws do not fit into memory, the model takes no two, or
        they may share randomness, so that nothing can mix.

    Raises:
        ModelError: If the model is in train mode, its outputs differ by more than rounding, or lie
            on another device than its input.
        SamplingError: If not even one draw fits into memory.
    """
    check_eval_mode(task.segmenter)
    pair = bright_pair(task)
    if task.team and (found := checked_side_by_side(task, task.team, pair, batch_size)):
        return found
    alone = one_by_one(task, pair)
    check_device(task, alone[0])
    if task.segmenter.stochastic and not batched:
        return Checked(alone[0], 1)
    try:
        together = task.segmenter.output(pair)
        if task.segmenter.stochastic and not is_fresh_for_each_draw(task, pair):
            return Checked(alone[0], 1)
    except SegcertError:
        raise
    except Exception:  # no memory for two, or a network that takes one input at a time
        return Checked(alone[0], 1)
    compare_all(task, alone, together)
    return Checked(alone[0])


def checked_side_by_side(
    task: Task, team: Team, pair: Tensor, batch_size: int | None
) -> Checked | None:
    """Check a model and a team at once: draws alone, side by side, and in a batch of two.

    Returns:
        None if anything fails or differs: one after the other will tell what it is.
    """
    try:
        trial = tried(task.segmenter, team, pair, batch_size=batch_size)
        if trial is None:
            return None
        check_device(task, trial.alone[0])
        compare_all(task, trial.alone, trial.together)
        if not labels_agree(task, trial.alone, trial.together):
            return None
    except Exception:  # of any kind: a model that is called by several threads may do anything
        return None
    return Checked(trial.alone[0], team=trial.team)


def labels_agree(task: Task, alone: Sequence[Output], together: Output) -> bool:
    """Tell whether draws have the same labels alone and in a batch, but where scores nearly tie.

    Of a model that gives labels, which show no tie, a few may differ.
    """
    tolerance = tolerance_of(precision(task.segmenter, on_cuda=False))
    segmenter, components = task.segmenter, task.components
    for output, theirs in zip(alone, segmenter.to_labels(together, components), strict=True):
        differ = segmenter.to_labels(output, components)[0] != theirs
        if not bool(differ.any()):
            continue
        ties = near_ties(segmenter, output, components, tolerance=tolerance)
        if ties is None and bool(differ.double().mean() > LABEL_TOLERANCE):
            return False
        if ties is not None and bool((differ & ~ties[0]).any()):
            return False
    return True


def compare_all(task: Task, alone: Sequence[Output], together: Output) -> None:
    """Refuse a model that gives any draw another output in a batch than alone.

    Raises:
        ModelError: If shapes or values differ by more than rounding.
    """
    for draw, output in enumerate(alone):
        for one, both in zip(tensors_of(output), tensors_of(together), strict=True):
            compare(task, one, both[draw : draw + 1])


def bright_pair(task: Task) -> Tensor:
    """Two draws, the second much brighter.

    Raises:
        SamplingError: If they do not fit into memory.
    """
    with for_one_draw(task):
        pair = noisy_batch(task, Stage.CHECK, range(2))
        pair[1] = 2 * pair[1] + 1
        return pair


def one_by_one(task: Task, pair: Tensor) -> list[Output]:
    """Outputs of two draws, alone and one after the other.

    Raises:
        ModelError: If the model takes no such inputs.
        SamplingError: If not even one draw fits into memory.
    """
    with for_one_draw(task):
        return [first_output(task.segmenter, draw[None].clone()) for draw in pair]


@contextmanager
def for_one_draw(task: Task) -> Iterator[None]:
    """Say that not even one draw fits into memory, where it runs out."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise no_memory_for_one_draw(task) from error
        raise


def check_device(task: Task, output: Output) -> None:
    """Refuse a model whose output lies on another device than its input.

    Raises:
        ModelError: With both.
    """
    for tensor in tensors_of(output):
        if tensor.device.type != task.x.device.type:
            raise ModelError(
                f"model {task.segmenter.name} returned a tensor on {tensor.device} for a batch on "
                f"{task.x.device}: return it where the batch is, with .to(batch.device)"
            )


def compare(task: Task, alone: Tensor, together: Tensor) -> None:
    """Refuse a model that gives a draw another output in a batch than alone.

    Raises:
        ModelError: If shapes or values differ by more than rounding.
    """
    if alone.shape != together.shape:
        raise ModelError(
            f"model {task.segmenter.name} returns shape {tuple(alone.shape)} for one draw and "
            f"{tuple(together.shape)} in a batch"
        )
    low = not runtime_of(task.segmenter).exact
    if not task.segmenter.stochastic and disagree(alone, together, low=low):
        raise ModelError(
            f"model {task.segmenter.name} gives one draw another output in a batch than alone: it "
            "mixes the draws of a batch (batch statistics?), so no certificate follows; fix it, "
            "or wrap it with as_segmenter(..., stochastic=True) if it draws randomness of its own"
        )


def disagree(alone: Tensor, together: Tensor, *, low: bool = False) -> bool:
    """Tell whether outputs differ by more than floating-point rounding.

    Args:
        alone: Output for one draw.
        together: Output for the same draw in a batch.
        low: Whether they were computed in less than 32 bits, whatever their type is.
    """
    if not alone.is_floating_point():
        return bool((alone != together).double().mean() > LABEL_TOLERANCE)
    low = low or alone.dtype in (torch.float16, torch.bfloat16)
    tolerance = LOW_PRECISION_TOLERANCE if low else TOLERANCE
    both = torch.isfinite(alone) & torch.isfinite(together)
    if bool((torch.isfinite(alone) != torch.isfinite(together)).any()):
        return True
    if not bool(both.any()):
        return False
    gap = (alone - together)[both].abs().max()
    if bool(gap > tolerance * alone[both].abs().max()):
        return True
    # scores of -1e9, as some models give to excluded classes, would hide any difference
    other_class = alone.max(1).indices != together.max(1).indices
    return bool(other_class.double().mean() > FLIP_TOLERANCE)
