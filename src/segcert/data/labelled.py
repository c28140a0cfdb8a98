"""What a labelled data set is: a sequence of images with one class number per pixel."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from jaxtyping import UInt8

IGNORE = 255  # label of pixels that no metric and no loss counts


@dataclass(frozen=True)
class LabelledImage:
    """One image with its truth.

    Args:
        name: How records and files call it.
        image: uint8 RGB.
        labels: Class numbers; 255 is ignored.
    """

    name: str
    image: UInt8[np.ndarray, " h w 3"]
    labels: UInt8[np.ndarray, " h w"]


class AbstractLabelledImages(Sequence[LabelledImage]):
    """A data set whose images are made or read when they are asked for."""

    @abstractmethod
    def item(self, index: int) -> LabelledImage:
        """Make or read the image of an index in 0, ..., len - 1."""

    @overload
    def __getitem__(self, index: int) -> LabelledImage: ...
    @overload
    def __getitem__(self, index: slice) -> list[LabelledImage]: ...
    def __getitem__(self, index: int | slice) -> LabelledImage | list[LabelledImage]:
        """Return one image, or those of a slice."""
        chosen = range(len(self))[index]
        return self.item(chosen) if isinstance(chosen, int) else [self.item(i) for i in chosen]
