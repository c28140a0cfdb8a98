"""Pictures of certified labels: pure functions from arrays to images.

White means one thing everywhere: nothing is certified here.
"""

from collections.abc import Sequence
from functools import cache
from io import BytesIO

import numpy as np
from jaxtyping import Bool, Float64, Integer, UInt8
from PIL import Image

from segcert.certificates.hierarchies.colours import Colour as Colour
from segcert.errors import InputError

ABSTAIN = 255  # index of an abstention, and of "no truth here"


def labels_image(
    labels: Integer[np.ndarray, " h w"],
    certified: Bool[np.ndarray, " h w"],
    palette: Sequence[Colour],
) -> Image.Image:
    """Draw certified labels as an indexed image: class numbers, and 255 (white) where abstained.

    Args:
        labels: Class numbers.
        certified: Where the class is certified.
        palette: One colour per class.

    Raises:
        InputError: If there are more than 255 classes, or labels without a colour.
    """
    return indexed(np.where(certified, class_numbers(labels, palette), ABSTAIN), palette)


def png_bytes(image: Image.Image) -> bytes:
    """Encode an image as PNG; every palette keeps its 256 entries in order."""
    return encoded(image, "PNG")


@cache
def default_palette(classes: int) -> tuple[Colour, ...]:
    """Choose colours that are far apart to the eye, and far from white, grey and black.

    Each colour is the one farthest (in Oklab) from those before it, so a palette for fewer
    classes is the beginning of a palette for more.

    Args:
        classes: How many, at most 255.

    Raises:
        InputError: If there are more than 255 classes.

    Source:
        Gonzalez (1985), farthest-point traversal; Ottosson (2020), Oklab.
    """
    check_classes(classes)
    grid = np.stack(np.meshgrid(*[np.arange(16, 256, 16)] * 3, indexing="ij"), -1).reshape(-1, 3)
    lab = _oklab(grid)
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    calm = (lab[:, 0] > 0.4) & (lab[:, 0] < 0.84) & (chroma > 0.05) & (chroma < 0.15)
    grid, lab = grid[calm], lab[calm]
    taken = _oklab(np.array([[255, 255, 255], [128, 128, 128], [0, 0, 0]]))
    distance = np.linalg.norm(lab[:, None] - taken, axis=-1).min(1)
    chosen: list[Colour] = []
    for _ in range(classes):
        best = int(distance.argmax())
        chosen.append((int(grid[best, 0]), int(grid[best, 1]), int(grid[best, 2])))
        distance = np.minimum(distance, np.linalg.norm(lab - lab[best], axis=-1))
    return tuple(chosen)


def _oklab(rgb: Integer[np.ndarray, " m 3"]) -> Float64[np.ndarray, " m 3"]:
    """Convert sRGB bytes to Oklab. Source: Ottosson (2020), "A perceptual color space"."""
    linear = np.where(rgb <= 10, rgb / 255 / 12.92, ((rgb / 255 + 0.055) / 1.055) ** 2.4)
    to_cone = np.array([
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ])  # fmt: skip
    to_lab = np.array([
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ])  # fmt: skip
    lab: np.ndarray = np.cbrt(linear @ to_cone.T) @ to_lab.T
    return lab


def class_numbers(
    labels: Integer[np.ndarray, " h w"], palette: Sequence[Colour]
) -> UInt8[np.ndarray, " h w"]:
    """Check that each label has a colour, and that 255 stays free for abstentions.

    Raises:
        InputError: If not.
    """
    check_classes(len(palette))
    if labels.min() < 0 or labels.max() >= len(palette):
        raise InputError(
            f"labels must lie in 0, ..., {len(palette) - 1} (one colour per class in the palette), "
            f"got {labels.min()} to {labels.max()}"
        )
    return labels.astype(np.uint8)


def check_classes(classes: int) -> None:
    """Refuse more classes than an indexed picture has numbers for.

    Raises:
        InputError: If there are none, or more than 255.
    """
    if not 1 <= classes <= 255:
        raise InputError(
            f"an indexed picture takes 1 to 255 classes (index 255 is an abstention), got {classes}"
        )


def colour_table(palette: Sequence[Colour]) -> UInt8[np.ndarray, " 256 3"]:
    """Fill a palette up to 256 colours; what is left over is white, as 255 must be."""
    table = np.full((256, 3), 255, np.uint8)
    table[: len(palette)] = palette
    return table


def indexed(
    numbers: Integer[np.ndarray, " h w"],
    palette: Sequence[Colour],
    *,
    last: Colour = (255, 255, 255),
) -> Image.Image:
    """Make an indexed image with all 256 palette entries, so that files keep the numbers."""
    table = colour_table(palette)
    if len(palette) < 256:
        table[ABSTAIN] = last
    image = Image.fromarray(numbers.astype(np.uint8))
    image.putpalette(table.tobytes())
    return image


def encoded(image: Image.Image, kind: str, **options: int) -> bytes:
    """Encode an image as a file of a kind."""
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()
