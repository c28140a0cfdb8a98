"""The kinds of inputs: what each is called, what its components are, which noise fits it.

`kind_of` is the one place that looks at the number of axes. Other packages keep what differs in
tables whose keys are kinds.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float32, Shaped
from torch import Tensor

from segcert.errors import InputError
from segcert.inputs import cloud_files, images, pictures
from segcert.noise.base import AbstractNoise
from segcert.noise.clouds import AXES, COLUMNS
from segcert.noise.registry import check_not_for_clouds, on_points

CLOUD_AXES = 2  # points, columns


class InputKind(ABC):
    """What differs between images and point clouds, before any model.

    Attributes:
        word: What one is called, in a word.
        noun: The same with its article, as sentences say it.
        nouns: Several of them.
        parts: What components are called.
        suffixes: Of its files.
        telling: Those of them that nothing else has; a folder with such files is one of this kind.
        has_categories: Whether its classes are the parts of categories.
        bounded: Whether values lie in [0, 1], and those of attacks too.
        turns: Whether it can be turned and shifted as a whole.
        resizable: Whether models may resize it.
        gridded: Whether its components lie on a grid, so that it is plain which of them touch.
    """

    word: ClassVar[str]
    noun: ClassVar[str]
    nouns: ClassVar[str]
    parts: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]]
    telling: ClassVar[tuple[str, ...]]
    has_categories: ClassVar[bool]
    bounded: ClassVar[bool]
    turns: ClassVar[bool]
    resizable: ClassVar[bool]
    gridded: ClassVar[bool]

    @property
    def words(self) -> str:
        """Several of them, in a word."""
        return f"{self.word}s"

    @abstractmethod
    def components(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of what gets labels, of the shape of an input."""

    @abstractmethod
    def checked(self, x: Tensor) -> Shaped[Tensor, " *shape"]:
        """Check type, shape and values; what is certified is the tensor that is returned.

        Raises:
            InputError: If one breaks a rule.
        """

    @abstractmethod
    def fitted(self, noise: AbstractNoise, x: Shaped[Tensor, " *shape"]) -> AbstractNoise:
        """Choose the noise for an input: same radius, on the grid that the model rounds to.

        Raises:
            InputError: If the noise is one for inputs of another kind.
        """

    @abstractmethod
    def check_mask(self, mask: Bool[np.ndarray, " h w"], components: tuple[int, ...]) -> None:
        """Refuse a mask of components that are not tested, if it does not fit an input.

        Raises:
            InputError: If so.
        """

    @abstractmethod
    def cut(
        self, x: Shaped[Tensor, " *shape"], certified: tuple[int, ...]
    ) -> Shaped[Tensor, " *left"]:
        """Leave out of an input what is no part of an input of that shape."""

    def free(self, x: Shaped[Tensor, " *shape"]) -> Shaped[Tensor, " *free"]:
        """What an attack may change: all values, unless a kind says otherwise."""
        return x

    def with_free(
        self,
        x: Shaped[Tensor, " *shape"],  # noqa: ARG002 - clouds keep their normals of it
        free: Shaped[Tensor, " *free"],
    ) -> Shaped[Tensor, " *shape"]:
        """An input with other values where an attack may change it."""
        return free


@dataclass(frozen=True)
class ImageKind(InputKind):
    """Images (c, h, w) and volumes (c, d, h, w); components are pixels, or voxels."""

    word: ClassVar[str] = "image"
    noun: ClassVar[str] = "an image"
    nouns: ClassVar[str] = "images"
    parts: ClassVar[str] = "pixels"
    suffixes: ClassVar[tuple[str, ...]] = pictures.SUFFIXES
    telling: ClassVar[tuple[str, ...]] = pictures.SUFFIXES
    has_categories: ClassVar[bool] = False
    bounded: ClassVar[bool] = True
    turns: ClassVar[bool] = False
    resizable: ClassVar[bool] = True
    gridded: ClassVar[bool] = True

    def components(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Height and width, of volumes with the depth."""
        return tuple(shape[1:])

    def checked(self, x: Tensor) -> Shaped[Tensor, " c *shape"]:
        """Check that it is uint8, or lies in [0, 1]."""
        return images.checked_tensor(x)

    def fitted(self, noise: AbstractNoise, x: Shaped[Tensor, " c *shape"]) -> AbstractNoise:
        """Choose the noise on the grid of 256 values for uint8."""
        check_not_for_clouds(noise)
        return (noise.on_grid() if x.dtype == torch.uint8 else noise).with_grid(x)

    def check_mask(self, mask: Bool[np.ndarray, " h w"], components: tuple[int, ...]) -> None:
        """Refuse a mask of another size."""
        if mask.shape != components:
            raise InputError(
                f"the mask of --ignore has {mask.shape[1]}x{mask.shape[0]} pixels, an image "
                f"has {components[1]}x{components[0]}: one mask serves images of its own size"
            )

    def cut(
        self,
        x: Shaped[Tensor, " c *shape"],
        certified: tuple[int, ...],  # noqa: ARG002 - of clouds
    ) -> Shaped[Tensor, " c *shape"]:
        """Nothing of an image is left out."""
        return x


@dataclass(frozen=True)
class CloudKind(InputKind):
    """Point clouds (points, columns), with or without normals; components are points."""

    word: ClassVar[str] = "cloud"
    noun: ClassVar[str] = "a point cloud"
    nouns: ClassVar[str] = "point clouds"
    parts: ClassVar[str] = "points"
    suffixes: ClassVar[tuple[str, ...]] = cloud_files.SUFFIXES
    telling: ClassVar[tuple[str, ...]] = tuple(
        one for one in cloud_files.SUFFIXES if one not in cloud_files.UNCLEAR
    )
    has_categories: ClassVar[bool] = True
    bounded: ClassVar[bool] = False
    turns: ClassVar[bool] = True
    resizable: ClassVar[bool] = False
    gridded: ClassVar[bool] = False

    def components(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Number of points."""
        return tuple(shape[:1])

    def checked(self, x: Tensor) -> Float32[Tensor, " points columns"]:
        """Check that it holds finite floating-point numbers in 3 or 6 columns."""
        x = x.detach()
        if x.shape[0] == 0 or x.shape[1] not in COLUMNS:
            raise InputError(
                "a point cloud must have shape (points, 3) or, with normals, (points, 6), and an "
                f"image three axes; got {tuple(x.shape)}"
            )
        if not x.is_floating_point():
            raise InputError(f"a point cloud must be floating point, got {x.dtype}")
        x = x.to(torch.float32)
        bad = int((~torch.isfinite(x)).any(1).sum())
        if bad:
            raise InputError(
                "coordinates and normals of a point cloud must be finite, got NaN or infinite "
                f"values at {bad} of {len(x)} points: remove these points (a normal that is not "
                "known may be 0, 0, 0)"
            )
        return x.clone(memory_format=torch.contiguous_format)

    def fitted(self, noise: AbstractNoise, x: Shaped[Tensor, " points columns"]) -> AbstractNoise:
        """Choose `PointNoise` for Gaussian noise."""
        return on_points(noise).with_grid(x)

    def check_mask(
        self,
        mask: Bool[np.ndarray, " h w"],  # noqa: ARG002 - none fits
        components: tuple[int, ...],  # noqa: ARG002 - none fits
    ) -> None:
        """Refuse any mask."""
        raise InputError("--ignore is a mask of pixels: clouds are certified at every point")

    def cut(
        self, x: Shaped[Tensor, " points columns"], certified: tuple[int, ...]
    ) -> Shaped[Tensor, " points left"]:
        """Leave out normals that were no part of what was certified."""
        return x[:, : certified[1]].contiguous()

    def free(self, x: Shaped[Tensor, " points columns"]) -> Shaped[Tensor, " points 3"]:
        """Coordinates; normals are trusted."""
        return x[:, :AXES]

    def with_free(
        self, x: Shaped[Tensor, " points columns"], free: Shaped[Tensor, " points 3"]
    ) -> Shaped[Tensor, " points columns"]:
        """Other coordinates beside the normals."""
        return torch.cat([free, x[:, AXES:].to(free.dtype)], 1)


IMAGE, CLOUD = ImageKind(), CloudKind()
KINDS: tuple[InputKind, ...] = (IMAGE, CLOUD)


def kind_of(x: Tensor | Sequence[int]) -> InputKind:
    """Tell a cloud (points, columns) from an image (c, h, w) and a volume (c, d, h, w).

    Args:
        x: An input, or its shape.
    """
    shape = x.shape if isinstance(x, Tensor) else x
    return CLOUD if len(shape) == CLOUD_AXES else IMAGE


def components_of(x: Tensor | Sequence[int]) -> tuple[int, ...]:
    """Shape of the components: pixels of an image (c, h, w), points of a cloud (points, c).

    Args:
        x: An input, or its shape.
    """
    shape = tuple(x.shape) if isinstance(x, Tensor) else tuple(x)
    return kind_of(shape).components(shape)


def fitted_noise(noise: AbstractNoise, x: Shaped[Tensor, " *shape"]) -> AbstractNoise:
    """Choose the noise for an input: same radius, on the grid that the model rounds to.

    Raises:
        InputError: If the noise is one for inputs of another kind.
    """
    return kind_of(x).fitted(noise, x)
