"""SemanticKITTI: the classes of scans of a laser scanner on a driving car."""

from pathlib import Path

import numpy as np
from jaxtyping import Int16

from segcert.errors import InputError
from segcert.files import read_regular
from segcert.inputs.labels import IGNORE

CLASSES = (
    "car", "bicycle", "motorcycle", "truck", "other vehicle", "person", "bicyclist",
    "motorcyclist", "road", "parking", "sidewalk", "other ground", "building", "fence",
    "vegetation", "trunk", "terrain", "pole", "traffic sign",
)  # fmt: skip
STORED = {
    "car": (10, 252), "bicycle": (11,), "motorcycle": (15,), "truck": (18, 258),
    "other vehicle": (13, 16, 20, 256, 257, 259), "person": (30, 254), "bicyclist": (31, 253),
    "motorcyclist": (32, 255), "road": (40, 60), "parking": (44,), "sidewalk": (48,),
    "other ground": (49,), "building": (50,), "fence": (51,), "vegetation": (70,), "trunk": (71,),
    "terrain": (72,), "pole": (80,), "traffic sign": (81,),
}  # fmt: skip
UNUSED = (0, 1, 52, 99)  # unlabelled, outlier, other structure, other object
MEANING = {number: CLASSES.index(name) for name, numbers in STORED.items() for number in numbers}
MEANING |= dict.fromkeys(UNUSED, IGNORE)
SEMANTIC = 0xFFFF  # lower bits: class; upper: instance
WHERE = "get it from semantic-kitti.org"
MOST_BYTES = 1 << 32  # of a scan


def read_labels(path: Path) -> Int16[np.ndarray, " n"]:
    """Read the labels of a scan as 0..18; 255 is ignored.

    Raises:
        InputError: If the file cannot be read or is truncated, or a class is unknown.
    """
    stored = read_numbers(path) & SEMANTIC
    table = np.full(SEMANTIC + 1, -1, np.int16)
    table[list(MEANING)] = list(MEANING.values())
    classes: np.ndarray = table[stored]
    if (classes < 0).any():
        first = stored[classes < 0][0]
        raise InputError(
            f"{path} has class {first} in {(stored == first).sum()} points, which SemanticKITTI "
            f"does not have: {WHERE}"
        )
    return classes


def read_numbers(path: Path) -> np.ndarray:
    """Read a file of 32-bit numbers.

    Raises:
        InputError: If it cannot be read, or its size is not that of whole numbers.
    """
    content = read_regular(path, what="labels", most=MOST_BYTES)
    if not content or len(content) % 4:
        raise InputError(
            f"labels {path} must have a multiple of 4 bytes, a number of 32 bits a point, got "
            f"{len(content)}: the file is truncated or of another kind"
        )
    return np.frombuffer(content, "<u4")
