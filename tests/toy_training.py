"""A data set of tiny images to train on, in place of one that takes long to draw or to read."""

import numpy as np

from segcert.data.labelled import LabelledImage
from segcert.data.sets import LabelledSet


def toy_set(count: int) -> LabelledSet:
    """Images of noise with a dark and a bright class."""
    rng, found = np.random.default_rng(0), []
    for number in range(count):
        image = rng.integers(0, 256, (32, 40, 3), dtype=np.uint8)
        found.append(LabelledImage(str(number), image, (image[..., 0] > 127).astype(np.uint8)))
    return LabelledSet("toy", found, ("a", "b"), ((0, 0, 0), (9, 9, 9)), "Apache-2.0")
