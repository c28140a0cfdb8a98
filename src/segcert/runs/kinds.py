"""The two kinds of inputs that a run certifies: how each is read, and what it must fit."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float32, Shaped
from torch import Tensor

from segcert.certificates.pictures import ABSTAIN
from segcert.data.clouds import Cloud
from segcert.data.images import SUFFIXES, read_file
from segcert.data.part_numbers import check_parts
from segcert.data.point_files import SUFFIXES as CLOUD_SUFFIXES
from segcert.data.point_files import read_cloud
from segcert.errors import InputError
from segcert.models.adapter import Segmenter
from segcert.models.point_segmenter import PointSegmenter
from segcert.models.protocol import SegmentationModel
from segcert.sampling.inputs import read_input
from segcert.sampling.setup import check_size


class InputKind(ABC):
    """What differs between images and point clouds, before any noise."""

    word: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]]

    @abstractmethod
    def read(self, path: Path) -> Shaped[Tensor, " *shape"]:
        """Read the tensor that is certified.

        Raises:
            InputError: If the file is missing or bad.
        """

    @abstractmethod
    def components(self, x: Shaped[Tensor, " *shape"]) -> tuple[int, ...]:
        """Shape of what gets labels."""

    @abstractmethod
    def check(
        self,
        x: Shaped[Tensor, " *shape"],
        segmenter: SegmentationModel,
        ignore: Bool[np.ndarray, " *components"] | None,
    ) -> None:
        """Refuse an input that the model cannot label, or a mask that does not fit it.

        Raises:
            InputError: If so.
        """


@dataclass(frozen=True)
class ImageKind(InputKind):
    """Image files; components are pixels."""

    word: ClassVar[str] = "image"
    suffixes: ClassVar[tuple[str, ...]] = SUFFIXES

    def read(self, path: Path) -> Shaped[Tensor, " 3 h w"]:
        """Read an image file."""
        return read_file(path)

    def components(self, x: Shaped[Tensor, " c h w"]) -> tuple[int, ...]:
        """Height and width."""
        return tuple(x.shape[1:])

    def check(
        self,
        x: Shaped[Tensor, " c h w"],
        segmenter: SegmentationModel,
        ignore: Bool[np.ndarray, " *components"] | None,
    ) -> None:
        """Refuse too small images, too many classes for pictures, and a mask of another size."""
        if isinstance(segmenter, Segmenter):
            check_size(x, segmenter)
            check_classes(segmenter)
        shape = self.components(x)
        if ignore is not None and ignore.shape != shape:
            raise InputError(
                f"the mask of --ignore has {ignore.shape[1]}x{ignore.shape[0]} pixels, an image "
                f"has {shape[1]}x{shape[0]}: one mask serves images of its own size"
            )


@dataclass(frozen=True)
class CloudKind(InputKind):
    """Point cloud files; components are points.

    Args:
        normals: Whether the normals of the file are part of what is certified, and trusted.
        category: Labels of the file, if it has any, must be parts of this category; None: any.
    """

    normals: bool = False
    category: int | None = None

    word: ClassVar[str] = "cloud"
    suffixes: ClassVar[tuple[str, ...]] = CLOUD_SUFFIXES

    def read(self, path: Path) -> Float32[Tensor, " points columns"]:
        """Read coordinates, and normals if they are wanted."""
        return self.columns(read_cloud(path), path)

    def columns(self, cloud: Cloud, path: Path) -> Float32[Tensor, " points columns"]:
        """Join what is certified of a cloud.

        Raises:
            InputError: If normals are wanted and there are none, or labels are of another category.
        """
        if self.category is not None and cloud.labels is not None:
            check_parts(str(path), cloud.labels, self.category)
        if not self.normals:
            return read_input(torch.from_numpy(cloud.points))
        if cloud.normals is None:
            raise InputError(
                f"cloud {path} has no normals, which the model takes: add --normals recomputed to "
                "compute them from the noisy points, or take a model without normals"
            )
        return read_input(cloud)

    def components(self, x: Shaped[Tensor, " points columns"]) -> tuple[int, ...]:
        """Number of points."""
        return (x.shape[0],)

    def check(
        self,
        x: Shaped[Tensor, " points columns"],
        segmenter: SegmentationModel,
        ignore: Bool[np.ndarray, " *components"] | None,
    ) -> None:
        """Refuse clouds of fewer points than the model needs."""
        if ignore is not None:
            raise InputError("--ignore is a mask of pixels: clouds are certified at every point")
        if not isinstance(segmenter, PointSegmenter):
            return
        least = max(segmenter.smallest_size, segmenter.normal_neighbours)
        if len(x) < least:
            raise InputError(
                f"model {segmenter.name} needs clouds of at least {least} points, got {len(x)}: "
                "sample the surface more densely"
            )


IMAGES = ImageKind()


def check_classes(segmenter: Segmenter) -> None:
    """Refuse, before the first draw, more classes than an indexed picture has numbers for.

    Raises:
        InputError: If the model is known to have more than 255.
    """
    classes = segmenter.classes or len(segmenter.class_names)
    if classes > ABSTAIN:
        raise InputError(
            f"model {segmenter.name} has {classes} classes, and pictures and pages number at most "
            f"{ABSTAIN}: certify it from Python, sc.certify_image(model, image)"
        )
