"""Pad what a network sees to multiples of a number, and crop what it returns.

Padding comes after noise, normalisation and resizing: it is part of the base model, and the input
keeps its size. It is zero, which is the mean colour after normalisation, at the end of each side.
"""

from collections.abc import Sequence

from jaxtyping import Float, Shaped
from torch import Tensor
from torch.nn import functional

from segcert.models.resizing.scale import Resizing

IMAGE_AXES = 2


def padded(batch: Float[Tensor, " b c *shape"], resizing: Resizing) -> Float[Tensor, " b c *whole"]:
    """Pad the sides of a batch of images or volumes to multiples."""
    sides = batch.shape[2:]
    added = [new - old for new, old in zip(resizing.padded(sides), sides, strict=True)]
    if not any(added):
        return batch
    return functional.pad(batch, [side for one in reversed(added) for side in (0, one)])


def cropped(
    found: Shaped[Tensor, " b *shape"], whole: Sequence[int], sides: Sequence[int]
) -> Shaped[Tensor, " b *cropped"]:
    """Crop scores or labels of a padded batch to the sides that it had.

    Coarser or finer scores are resized to the padded sides first, as the network's own users do.

    Args:
        found: Scores (b, k, ...) or labels (b, ...).
        whole: Sides that the network saw.
        sides: Sides before padding.
    """
    if tuple(whole) == tuple(sides):
        return found
    axes = len(sides)
    if tuple(found.shape[-axes:]) != tuple(whole):
        if not found.is_floating_point() or axes != IMAGE_AXES:
            return found  # of a shape that is refused
        found = functional.interpolate(
            found, size=tuple(whole), mode="bilinear", align_corners=False
        )
    for axis, side in enumerate(reversed(sides), 1):
        found = found.narrow(-axis, 0, side)
    return found
