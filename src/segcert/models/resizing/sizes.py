"""Which images and volumes are large enough for a network."""

from segcert.errors import InputError
from segcert.models.resizing.scale import Resizing

VOLUME_AXES = 4  # channels, depth, height, width


def check_size(
    shape: tuple[int, ...], resizing: Resizing, smallest_side: int, *, name: str
) -> None:
    """Refuse images smaller than the network's stride, and volumes that would be resized.

    Args:
        shape: Of the image or volume.
        resizing: Of noisy images before the network.
        smallest_side: Smallest side that the network takes.
        name: Of the model, for errors.

    Raises:
        InputError: If a side, after scaling, is too small, or a volume has a scale.
    """
    if len(shape) == VOLUME_AXES:
        check_volume(shape, resizing, smallest_side, name=name)
        return
    if resizing.smallest_side(*shape[1:]) < smallest_side:
        raise InputError(
            f"image of {shape[2]}x{shape[1]} pixels (scale {resizing}) is too small "
            f"for model {name}: each side needs {smallest_side} pixels after scaling"
        )


def check_volume(
    shape: tuple[int, ...], resizing: Resizing, smallest_side: int, *, name: str
) -> None:
    """Refuse volumes that are too small, or would be resized.

    Raises:
        InputError: If so.
    """
    if resizing.resizes:
        raise InputError(f"scale {resizing} is for images: volumes go in at their size, scale 1")
    if min(resizing.padded(shape[1:])) < smallest_side:
        raise InputError(
            f"volume of {'x'.join(map(str, shape[1:]))} voxels is too small for model {name}: "
            f"each side needs {smallest_side} voxels"
        )
