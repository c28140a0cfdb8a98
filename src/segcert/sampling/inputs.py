"""Inputs of both kinds: images, and point clouds as tensors (points, columns)."""

from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float32, Shaped
from torch import Tensor

from segcert.data.images import ImageInput, read_image
from segcert.errors import InputError
from segcert.models.adapter import Segmenter
from segcert.models.protocol import SegmentationModel
from segcert.noise.base import AbstractNoise
from segcert.noise.clouds import AXES, COLUMNS
from segcert.noise.registry import check_not_for_clouds, on_points


@runtime_checkable
class CloudLike(Protocol):
    """A point cloud with coordinates (points, 3) and normals of the same shape, or None."""

    @property
    def points(self) -> np.ndarray | Tensor:
        """Coordinates in the units of the file."""
        ...

    @property
    def normals(self) -> np.ndarray | Tensor | None:
        """Unit normals."""
        ...


Input = ImageInput | CloudLike


def is_cloud(x: Tensor) -> bool:
    """Tell a cloud (points, columns) from an image (c, h, w)."""
    return x.ndim == 2


def read_input(source: Input) -> Shaped[Tensor, " *shape"]:
    """Read an input: what has points, or floats on two axes, is a cloud; all else is an image.

    Raises:
        InputError: If it cannot be read, or breaks a rule of its kind.
    """
    if isinstance(source, CloudLike):
        return read_cloud(source)
    if isinstance(source, (np.ndarray, Tensor)) and source.ndim == 2:
        tensor = torch.as_tensor(source)
        return checked_cloud(tensor) if tensor.is_floating_point() else read_image(tensor)
    return read_image(source)


def read_cloud(cloud: CloudLike) -> Float32[Tensor, " points columns"]:
    """Join the coordinates of a cloud and its normals, if it has any.

    Raises:
        InputError: If normals and points do not fit each other, or as `checked_cloud`.
    """
    parts = [torch.as_tensor(cloud.points)]
    if cloud.normals is not None:
        parts.append(torch.as_tensor(cloud.normals))
    shapes = {tuple(part.shape) for part in parts}
    if len(shapes) > 1 or parts[0].ndim != 2 or parts[0].shape[1] != AXES:
        raise InputError(
            "points and normals of a cloud must both have shape (points, 3), got "
            f"{' and '.join(str(tuple(part.shape)) for part in parts)}"
        )
    return checked_cloud(torch.cat(parts, 1))


def checked_cloud(cloud: Tensor) -> Float32[Tensor, " points columns"]:
    """Check type, shape and values of a cloud; what is certified is the float32 tensor.

    Raises:
        InputError: If it does not hold finite floating-point numbers in 3 or 6 columns.
    """
    cloud = cloud.detach()
    if cloud.shape[0] == 0 or cloud.shape[1] not in COLUMNS:
        raise InputError(
            "a point cloud must have shape (points, 3) or, with normals, (points, 6), and an image "
            f"three axes; got {tuple(cloud.shape)}"
        )
    if not cloud.is_floating_point():
        raise InputError(f"a point cloud must be floating point, got {cloud.dtype}")
    cloud = cloud.to(torch.float32)
    bad = int((~torch.isfinite(cloud)).any(1).sum())
    if bad:
        raise InputError(
            f"coordinates and normals of a point cloud must be finite, got NaN or infinite values "
            f"at {bad} of {len(cloud)} points: remove these points"
        )
    return cloud.clone(memory_format=torch.contiguous_format)


def check_fits(x: Tensor, segmenter: SegmentationModel) -> None:
    """Refuse a cloud for a model of images, and an image for a model of points.

    Raises:
        InputError: If kinds differ.
    """
    if is_cloud(x) == isinstance(segmenter, Segmenter):
        kinds = ("a point cloud", "images") if is_cloud(x) else ("an image", "point clouds")
        raise InputError(f"the input is {kinds[0]}, but model {segmenter.name} labels {kinds[1]}")


def fitting_noise(noise: AbstractNoise, x: Shaped[Tensor, " *shape"]) -> AbstractNoise:
    """Choose the noise for the input: same radius, on the grid that the model rounds to.

    Raises:
        InputError: If the noise is one for inputs of the other kind.
    """
    if is_cloud(x):
        return on_points(noise).with_grid(x)
    check_not_for_clouds(noise)
    return (noise.on_grid() if x.dtype == torch.uint8 else noise).with_grid(x)
