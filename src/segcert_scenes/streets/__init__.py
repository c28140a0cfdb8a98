"""Procedural street scenes with exact labels: a data set that needs no download.

The classes are the 11 of CamVid. Every scene follows from (seed, index, height, width) alone.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segcert_scenes.integers import checked_integer
from segcert_scenes.streets.scene import render

CLASSES = (
    "sky", "building", "pole", "road", "pavement", "tree",
    "sign", "fence", "car", "pedestrian", "bicyclist",
)  # fmt: skip
SMALLEST = 32  # pixels


@dataclass(frozen=True)
class Scene:
    """One street: uint8 ``image`` of shape (h, w, 3), and uint8 class numbers of shape (h, w)."""

    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]


def street_scene(index: int, *, seed: int = 0, height: int = 360, width: int = 480) -> Scene:
    """Draw a street scene.

    The bytes depend on the arguments alone, not on the machine, the threads or earlier calls.

    Args:
        index: Which scene of the data set, from 0.
        seed: Which data set, from 0; the same scene has the same layout at every size.
        height: Height of the image in pixels, at least 32.
        width: Width of the image in pixels, at least 32.

    Returns:
        The image and its labels; every pixel has a label.

    Raises:
        InputError: If an argument is not an integer or is too small.
    """
    image, labels = render(
        checked_integer("seed", seed, 0),
        checked_integer("index", index, 0),
        checked_integer("height", height, SMALLEST),
        checked_integer("width", width, SMALLEST),
    )
    return Scene(image=image, labels=labels)
