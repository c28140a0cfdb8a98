"""Pictures of labels, certificates and counts: pure functions from arrays to images.

White means one thing everywhere: nothing is certified here.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float64, Integer, UInt8
from matplotlib import colormaps
from PIL import Image

from segcert.certificates.pictures import (
    ABSTAIN,
    Colour,
    class_numbers,
    colour_table,
    encoded,
    indexed,
)
from segcert.errors import InputError

GHOST = 0.16  # how much of the photograph shines through an abstention
GREYS = (0.97, 0.76)  # of no hit, and of a count just below the threshold
COLOURS = (0.36, 0.9)  # stretch of reversed viridis between the threshold and n hits
COLOURS_OF_RADII = (0.05, 1.0)  # stretch of reversed viridis, from the smallest radius on
OUTCOMES = (
    "certified, right",
    "certified, wrong",
    "abstained, right",
    "abstained, wrong",
    "no truth",
)
OUTCOME_COLOURS = ((84, 134, 176), (200, 62, 30), (255, 255, 255), (246, 205, 172), (128, 132, 138))
NO_TRUTH = OUTCOME_COLOURS[-1]
QUALITIES = (85, 70, 50, 30)  # of JPEG, from what is hardly seen to what is
PHOTOGRAPH_BYTES = 400_000


def colour_labels(
    labels: Integer[np.ndarray, " h w"], palette: Sequence[Colour], *, ignore: bool = False
) -> Image.Image:
    """Draw labels as an indexed image, certified or not.

    Args:
        labels: Class numbers.
        palette: One colour per class.
        ignore: Whether 255 stands for "no truth here" (grey), as in annotations.

    Raises:
        InputError: If there are more than 255 classes, or labels without a colour.
    """
    known = labels != ABSTAIN if ignore else np.ones(labels.shape, bool)
    numbers = class_numbers(np.where(known, labels, 0), palette)
    return indexed(np.where(known, numbers, ABSTAIN), palette, last=NO_TRUTH)


def overlay(
    image: UInt8[np.ndarray, " h w 3"],
    labels: Integer[np.ndarray, " h w"],
    certified: Bool[np.ndarray, " h w"],
    palette: Sequence[Colour],
    *,
    opacity: float = 0.6,
) -> Image.Image:
    """Lay the colours of the certified classes over a photograph.

    Abstentions are white, with a faint grey ghost of the photograph so that one sees what they are.

    Args:
        image: The photograph.
        labels: Class numbers.
        certified: Where the class is certified.
        palette: One colour per class.
        opacity: Of the colours, in [0, 1].

    Raises:
        InputError: If ``opacity`` is out of range, there are more than 255 classes, or labels
            without a colour.
    """
    if not 0 <= opacity <= 1:
        raise InputError(f"opacity must lie in [0, 1], got {opacity}")
    colours = colour_table(palette)[class_numbers(labels, palette)]
    photograph = image.astype(np.float32)
    blended = opacity * colours + (1 - opacity) * photograph
    grey = photograph @ np.array([0.299, 0.587, 0.114], np.float32)  # luma, ITU-R BT.601
    ghost = 255 - GHOST * (255 - grey)
    mixed = np.where(certified[..., None], blended, ghost[..., None])
    return Image.fromarray(np.rint(mixed).astype(np.uint8))


def count_map(hits: Integer[np.ndarray, " h w"], n: int, threshold: int) -> Image.Image:
    """Draw how many of n draws agreed, as an indexed image: the more, the darker.

    From the threshold on in colour (viridis, perceptually uniform), below it in grey. The index
    is the count itself if n <= 255, else one of 128 levels on either side of the threshold.

    Args:
        hits: Draws that gave the class, in 0, ..., n.
        n: Number of draws.
        threshold: Smallest certified count; n + 1 if none.

    Raises:
        InputError: If a count is not in 0, ..., n.
    """
    if hits.min() < 0 or hits.max() > n:
        raise InputError(f"hits must lie in 0, ..., n = {n}, got {hits.min()} to {hits.max()}")
    levels = _levels(n, threshold)
    table = np.zeros((256, 3), np.uint8)
    table[levels] = _count_colours(n, threshold)
    return indexed(levels[hits], [(int(r), int(g), int(b)) for r, g, b in table])


def outcomes(
    right: Bool[np.ndarray, " h w"],
    certified: Bool[np.ndarray, " h w"],
    truth: Integer[np.ndarray, " h w"],
) -> UInt8[np.ndarray, " h w"]:
    """Tell right from wrong where there is a truth (255 = not labelled); numbers of `OUTCOMES`."""
    against = 2 * ~certified + ~right
    return np.where(truth == ABSTAIN, len(OUTCOMES) - 1, against).astype(np.uint8)


def radius_image(radius: Float64[np.ndarray, " h w"]) -> Image.Image:
    """Draw a radius map: the larger, the darker (viridis reversed); white where there is none.

    The colours are stretched over the radii that occur, see `stretch`.
    """
    return Image.fromarray(colour_radii(radius, *stretch(radius)))


def colour_radii(
    radius: Float64[np.ndarray, " *shape"], smallest: float, largest: float
) -> UInt8[np.ndarray, " *shape 3"]:
    """Give radii their colours on a scale from the smallest to the largest."""
    table = np.rint(255 * colormaps["viridis_r"](np.linspace(*COLOURS_OF_RADII, 256))[:, :3])
    share = (radius - smallest) / max(largest - smallest, np.finfo(float).tiny)
    colours = table[np.rint(255 * share.clip(0, 1)).astype(int)]
    return np.where((radius > 0)[..., None], colours, 255).astype(np.uint8)


def stretch(radius: Float64[np.ndarray, " *shape"]) -> tuple[float, float]:
    """Smallest and largest radius above 0; 0 and 0 if there is none."""
    found = radius[radius > 0]
    return (float(found.min()), float(found.max())) if found.size else (0.0, 0.0)


def level_starts(n: int, threshold: int) -> list[int]:
    """Say from which count on a pixel of the count map has the index 0, ..., 255."""
    starts: list[int] = np.searchsorted(_levels(n, threshold), np.arange(256)).tolist()
    return starts


def rest_image(hits: Integer[np.ndarray, " h w"], n: int, threshold: int) -> Image.Image:
    """Store what the count map leaves out of the counts, so that both together are exact.

    Returns:
        ``hits`` less the start of its level: one grey byte, or three (the highest first).
    """
    levels = _levels(n, threshold)
    rest = hits - np.searchsorted(levels, levels)[hits]
    if rest.max() < 256:
        return Image.fromarray(rest.astype(np.uint8))
    return Image.fromarray(np.stack([rest >> 16, rest >> 8 & 255, rest & 255], -1).astype(np.uint8))


def jpeg_bytes(image: UInt8[np.ndarray, " h w 3"], *, quality: int = 85) -> bytes:
    """Encode a photograph as JPEG, for the eye only."""
    return encoded(Image.fromarray(image), "JPEG", quality=quality, optimize=True)


def photograph(image: UInt8[np.ndarray, " h w 3"]) -> bytes:
    """Encode a photograph for the eye only: as JPEG, of a lower quality if it gets too large."""
    file = b""
    for quality in QUALITIES:
        file = jpeg_bytes(image, quality=quality)
        if len(file) <= PHOTOGRAPH_BYTES:
            break
    return file


def _levels(n: int, threshold: int) -> UInt8[np.ndarray, " counts"]:
    """Give each count 0, ..., n an index below 256, none shared across the threshold."""
    k = np.arange(n + 1)
    if n > 255:
        below = k * 128 // max(threshold, 1)
        above = 128 + (k - threshold) * 127 // max(n - threshold, 1)
        k = np.where(k < threshold, below, above)
    return k.astype(np.uint8)


def _count_colours(n: int, threshold: int) -> UInt8[np.ndarray, " counts 3"]:
    """Give each count 0, ..., n its colour."""
    greys = np.linspace(*GREYS, threshold)[:, None].repeat(3, axis=1)
    at = np.linspace(*COLOURS, n + 2 - threshold)[1:]  # so that n hits are dark if only they pass
    colours = colormaps["viridis_r"](at)[:, :3]
    table: np.ndarray = np.rint(255 * np.concatenate([greys, colours])).astype(np.uint8)
    return table
