"""Call models that other programs wrote: batches of a fixed size, named outputs, fixed sizes."""

from collections.abc import Callable, Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from segcert.errors import ModelError
from segcert.models.resizing.outputs import OUTPUT_KEYS, picked, which

Dimension = int | None  # None is any
CHANNELS = (1, 3, 4)


def in_chunks(
    call: Callable[[Tensor], Tensor], batch: Float[Tensor, " b *shape"], size: Dimension
) -> Tensor:
    """Call a model on a batch, in chunks if it takes batches of one size only.

    The last chunk is filled up with copies of its last draw; what comes out for the copies is
    dropped, so that they count nowhere.

    Args:
        call: From a batch to an output whose first axis is the batch.
        batch: Any number of draws.
        size: Draws that the model takes; None takes any number.
    """
    if size is None:
        return call(batch)
    parts = []
    for chunk in torch.split(batch, size):
        copies = chunk[-1:].expand(size - len(chunk), *chunk.shape[1:])
        parts.append(call(torch.cat([chunk, copies]))[: len(chunk)])
    return torch.cat(parts)


def check_image_shape(
    name: str, taken: Sequence[Dimension], found: Sequence[int], *, layout: str = "nchw"
) -> None:
    """Refuse images of a size that a model does not take.

    Args:
        name: Of the model, for the error.
        taken: Channels, height and width it takes, in its layout; None is any.
        found: Channels, height and width of the images, likewise.
        layout: Order of the axes.

    Raises:
        ModelError: If one differs.
    """
    if layout == "nhwc":
        taken, found = (taken[2], *taken[:2]), (found[2], *found[:2])
    if any(one not in (None, other) for one, other in zip(taken, found, strict=True)):
        wanted = " x ".join("any" if one is None else str(one) for one in taken)
        raise ModelError(
            f"model {name} takes channels x height x width = {wanted}, got "
            f"{' x '.join(map(str, found))} (after --scale): {way_out(taken, found)}"
        )


def way_out(taken: Sequence[Dimension], found: Sequence[int]) -> str:
    """Say how images get the size that a model takes; see `check_image_shape`."""
    if taken[0] not in (None, found[0]):
        grey = "say that it takes grey ones (--channels grey)" if taken[0] == 1 else "bring others"
        return f"it takes images of {taken[0]} channel{'s' * (taken[0] != 1)}: {grey}"
    sides = [other if one is None else one for one, other in zip(taken[1:], found[1:], strict=True)]
    return (
        f"resize the images in the model, --scale {sides[1]}x{sides[0]} (WIDTHxHEIGHT), or export "
        "it again for any size"
    )


def only_tensor(name: str, output: object, pick: str = "") -> Tensor:
    """Take the scores or labels out of what a program returns.

    Args:
        name: Of the model.
        output: What it returned.
        pick: Key or number of the one that counts; empty for the usual one.

    Raises:
        ModelError: If it returns several things, none of which is called as scores are.
    """
    if pick:
        output = picked(output, pick, name=name)
    if isinstance(output, Mapping):
        called = [output[key] for key in OUTPUT_KEYS if key in output]
        output = called[:1] or list(output.values())
    if isinstance(output, (tuple, list)) and len(output) == 1:
        output = output[0]
    if not isinstance(output, Tensor):
        raise ModelError(
            f"model {name} must return one tensor of scores or labels, or name it 'logits' or "
            f"'out': export it again so{which(output)}"
        )
    return output
