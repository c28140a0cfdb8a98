"""Detect a model that mixes the draws of a batch: its draws are not independent."""

import torch
from torch import Tensor

from segcert.errors import ModelError, SegcertError, is_out_of_memory
from segcert.models.callables import check_eval_mode
from segcert.models.resizing.averaging import AveragedViews, Output
from segcert.models.trying import first_output
from segcert.sampling.conclude import runtime_of
from segcert.sampling.counting import UNLIMITED, Task, no_memory_for_one_draw, noisy_batch
from segcert.sampling.freshness import is_fresh_for_each_draw
from segcert.sampling.streams import Stage

TOLERANCE = 2e-3  # of the largest score; float32 sums in another order differ by far less
LOW_PRECISION_TOLERANCE = 5e-2  # float16 and bfloat16
LABEL_TOLERANCE = 1e-3  # share of components
FLIP_TOLERANCE = 2e-2  # share of components whose best class may change: scores tie within rounding


def check_draws_are_independent(task: Task, *, batched: bool) -> tuple[Output, int]:
    """Compare draws alone with the same draws in a batch of two.

    The second one is made much brighter: statistics of the batch, which two draws of one large
    image would hardly change, then differ. A model that draws randomness of its own cannot be
    compared so; it gets its draws one by one, unless batches are asked for and what is random in
    them is seen to be fresh for each draw.

    Args:
        task: What is to be sampled.
        batched: Whether batches are asked for, of a model that draws randomness of its own.

    Returns:
        The output for the first draw alone, which tells the number of classes, and the largest
        batch that may be used: 1 if two draws do not fit into memory, the model takes no two, or
        they may share randomness, so that nothing can mix.

    Raises:
        ModelError: If the model is in train mode, its outputs differ by more than rounding, or lie
            on another device than its input.
        SamplingError: If not even one draw fits into memory.
    """
    check_eval_mode(task.segmenter)
    try:
        pair = noisy_batch(task, Stage.CHECK, range(2))
        pair[1] = 2 * pair[1] + 1
        alone = [first_output(task.segmenter, draw[None].clone()) for draw in pair]
    except (MemoryError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise no_memory_for_one_draw(task) from error
        raise
    check_device(task, alone[0])
    if task.segmenter.stochastic and not batched:
        return alone[0], 1
    try:
        together = task.segmenter.output(pair)
        if task.segmenter.stochastic and not is_fresh_for_each_draw(task, pair):
            return alone[0], 1
    except SegcertError:
        raise
    except Exception:  # no memory for two, or a network that takes one input at a time
        return alone[0], 1
    for draw, output in enumerate(alone):
        for one, both in zip(tensors_of(output), tensors_of(together), strict=True):
            compare(task, one, both[draw : draw + 1])
    return alone[0], UNLIMITED


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


def tensors_of(output: Output) -> tuple[Tensor, ...]:
    """All tensors of an output: one, or one for each view that is averaged."""
    return output.tensors if isinstance(output, AveragedViews) else (output,)


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
