"""Class numbers of components: files of them, what their numbers mean, colours to show them."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Integer, UInt8
from PIL import Image

from segcert.errors import InputError
from segcert.files import open_regular
from segcert.inputs.images import FORMATS
from segcert.text import one_line

IGNORE = 255  # label of components that no metric and no loss counts
SINGLE_CHANNEL = ("1", "L", "P", "I", "I;16", "I;16B")  # Pillow: one integer per pixel


def read_numbers(path: Path, where: str) -> Integer[np.ndarray, " h w"]:
    """Read the numbers of a single-channel image as they are stored (of a palette: the index).

    Raises:
        InputError: If the file cannot be read, or holds colours.
    """
    try:
        with open_regular(path, what="labels") as file, Image.open(file, formats=FORMATS) as image:
            mode, array = image.mode, np.array(image).astype(np.int64)
    except Exception as error:  # decoders raise anything on damaged bytes
        raise InputError(f"labels {path} cannot be read: {one_line(error)}: {where}") from error
    if mode not in SINGLE_CHANNEL:
        raise InputError(
            f"{path} must hold one class number per pixel in a single channel, "
            f"got mode {mode}: {where}"
        )
    return array


def translate(
    path: Path,
    stored: Integer[np.ndarray, " h w"],
    meaning: Mapping[int, int],
    size: tuple[int, ...],
    where: str,
) -> UInt8[np.ndarray, " h w"]:
    """Turn stored numbers into class numbers, after checking them.

    Args:
        path: Of the labels, for errors.
        stored: Numbers of the file.
        meaning: Class of each number that may be stored; 255 is ignored.
        size: Height and width of the photograph.
        where: The way out, for errors.

    Raises:
        InputError: If the size differs from that of the photograph, or a number is unknown.
    """
    if stored.shape != size:
        raise InputError(f"{path} has shape {stored.shape}, its image {size}: {where}")
    table = np.full(max(meaning) + 1, -1)
    table[list(meaning)] = list(meaning.values())
    classes = table[np.clip(stored, 0, len(table) - 1)]
    classes[(stored < 0) | (stored >= len(table))] = -1
    unknown = stored[classes < 0]
    if unknown.size:
        first = int(unknown[0])
        raise InputError(
            f"{path} has class {first} in {(stored == first).sum()} pixels, "
            f"must be {ranges(meaning)}: {where}"
        )
    found: np.ndarray = classes.astype(np.uint8)
    return found


def ranges(numbers: Iterable[int]) -> str:
    """Print a set of integers: ``0..33 or 255``."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return " or ".join(f"{low}..{high}" if high > low else f"{low}" for low, high in parts)


def distinct_colours(count: int) -> tuple[tuple[int, int, int], ...]:
    """Make the colours 1, ..., count of the colour map of PASCAL VOC: no black, no white.

    Bits 0, 3, 6 of the number become bits 7, 6, 5 of red; bits 1, 4, 7 those of green; bits 2, 5
    those of blue.

    Args:
        count: How many, at most 255.

    Source:
        Everingham et al. (2010), IJCV 88(2):303-338, development kit.
    """
    number = np.arange(1, count + 1)[:, None]
    bits = [number >> (3 * k + np.arange(3)) & 1 for k in range(3)]
    colours = sum(bit << (7 - k) for k, bit in enumerate(bits))
    return tuple((int(r), int(g), int(b)) for r, g, b in np.asarray(colours))
