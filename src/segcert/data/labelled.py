"""What a labelled data set is: a sequence of images with one class number per pixel."""

from dataclasses import dataclass

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
