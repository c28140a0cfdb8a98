"""Files of masks as they are stored: numbers, colours, or numbers that a palette colours.

One reader for truth and for masks of what is not tested. What the values mean is told by
`segcert.inputs.mask_rules`.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int64
from PIL import Image

from segcert.errors import InputError
from segcert.inputs.pictures import UPRIGHT, Picture, is_deep, read_picture

NUMBERS = ("1", "L", "P", "I", "I;16", "I;16B")  # Pillow: one integer per pixel
WITH_ALPHA = {"LA": "L", "PA": "RGB", "RGBA": "RGB", "RGBa": "RGB"}
BLACK, WHITE, GREY_STEP = 0x000000, 0xFFFFFF, 0x010101  # packed colours
RED, GREEN = 16, 8  # bits before them in a packed colour
OPAQUE = 255


@dataclass(frozen=True, eq=False)
class StoredMask:
    """What is stored for each pixel.

    Args:
        path: Of the file.
        mode: Of its pixels, as Pillow says it.
        numbers: Of a single channel; of a palette the index. None of a colour picture.
        colours: Packed as 0xRRGGBB, of a colour picture or of a palette. None of plain numbers.
        turned: Whether the file says how to turn it; it is upright here.
    """

    path: Path
    mode: str
    numbers: Int64[np.ndarray, " h w"] | None
    colours: Int64[np.ndarray, " h w"] | None
    turned: bool = False

    @property
    def has_palette(self) -> bool:
        """Whether numbers and colours both stand for a pixel."""
        return self.numbers is not None and self.colours is not None

    @property
    def grey(self) -> Int64[np.ndarray, " h w"] | None:
        """Numbers that were stored three times, as red, green and blue; None if they differ."""
        if self.colours is None:
            return None
        grey = self.colours >> RED
        return grey if (grey * GREY_STEP == self.colours).all() else None

    @property
    def as_colours(self) -> Int64[np.ndarray, " h w"] | None:
        """Colours; of plain bytes the greys."""
        if self.colours is not None:
            return self.colours
        assert self.numbers is not None
        low, high = self.numbers.min(), self.numbers.max()
        return self.numbers * GREY_STEP if low >= 0 and high <= WHITE // GREY_STEP else None

    @property
    def binary(self) -> bool:
        """Whether black and white are all that is shown."""
        colours = self.colours
        return colours is not None and bool(((colours == WHITE) | (colours == BLACK)).all())

    @property
    def inverted(self) -> bool:
        """Whether a palette of black and white alone has white as 0, or black as another number.

        Nobody can tell then whether such a mask is meant by what it shows or by what it stores.
        """
        if self.numbers is None or self.colours is None:
            return False
        white, black = self.colours == WHITE, self.colours == BLACK
        if not self.binary or not white.any():
            return False
        return bool((self.numbers[white] == 0).any() or (self.numbers[black] != 0).any())


def read_stored(path: Path, where: str, *, what: str = "labels") -> StoredMask:
    """Read a mask as it is stored, upright if the file itself says how to turn it.

    Args:
        path: The file; ``masks.tif#3`` is its third page.
        where: The way out, for errors.
        what: What it is, for errors.

    Raises:
        InputError: If it cannot be read, its format changes values, it is translucent, or holds
            neither numbers nor colours of 8 bits.
    """
    try:
        picture = read_picture(path, what)
    except InputError as error:
        words = str(error)
        if "cannot be read" not in words and "that can be read" not in words and what == "labels":
            words = f"{what} {path} cannot be read: {words}"
        raise InputError(f"{words}: {where}" if where else words) from error
    if picture.lossy:
        raise InputError(
            f"{path} is of a format that changes values (JPEG, lossy WebP), which a mask cannot "
            "be: export it again as PNG"
        )
    return of_picture(path, picture, where)


def of_picture(path: Path, picture: Picture, where: str) -> StoredMask:
    """Take numbers and colours of a picture."""
    image, mode = picture.image, picture.image.mode
    if mode in WITH_ALPHA:
        image = without_alpha(image, path, where)
    numbers = numbers_of(image, picture.deep)
    colours = None if picture.deep else colours_of(image)
    if numbers is None and colours is None:
        raise InputError(wrong_mode(path, mode, where))
    return StoredMask(path, mode, numbers, colours, picture.orientation != UPRIGHT)


def without_alpha(image: Image.Image, path: Path, where: str) -> Image.Image:
    """Drop an alpha channel that says nothing.

    Raises:
        InputError: If it is translucent anywhere.
    """
    if image.mode == "RGBa":
        image = image.convert("RGBA")
    if np.asarray(image.getchannel("A")).min() < OPAQUE:
        raise InputError(wrong_mode(path, f"{image.mode}, translucent in places", where))
    return image.convert(WITH_ALPHA[image.mode])


def numbers_of(image: Image.Image, deep: bool) -> Int64[np.ndarray, " h w"] | None:
    """Take the numbers of a single channel, if there is one of whole numbers."""
    if image.mode in NUMBERS and (not deep or is_deep(image)):
        found: np.ndarray = np.array(image).astype(np.int64)
        return found
    if image.mode == "F":
        array = np.array(image)
        if np.isfinite(array).all() and (array == np.rint(array)).all():
            whole: np.ndarray = array.astype(np.int64)
            return whole
    return None


def colours_of(image: Image.Image) -> Int64[np.ndarray, " h w"] | None:
    """Pack the colours of a picture or of its palette, if it has any."""
    if image.mode not in ("P", "RGB"):
        return None
    planes = np.array(image.convert("RGB")).astype(np.int64)
    packed: np.ndarray = planes[..., 0] << RED | planes[..., 1] << GREEN | planes[..., 2]
    return packed


def wrong_mode(path: Path, mode: str, where: str) -> str:
    """Say what a mask must be."""
    return (
        f"{path} must hold one class number per pixel in a single channel, got mode {mode}: {where}"
    )


def read_mask(path: Path) -> Bool[np.ndarray, " h w"]:
    """Read a mask from an image file: true where the number is not 0, or the colour not black.

    Of a palette the numbers count, as in masks of truth.

    Raises:
        InputError: If the file cannot be read, or its palette shows the contrary of its numbers.
    """
    stored = read_stored(path, "a mask is 0 where pixels are tested", what="image")
    if stored.inverted:
        raise InputError(
            f"{path} has a palette in which 0 is white or black is not 0, so that it shows the "
            "contrary of what it stores: save it as a grey image, 0 where pixels are tested"
        )
    values = stored.colours if stored.numbers is None else stored.numbers
    assert values is not None
    mask: np.ndarray = values != 0
    return mask


def read_numbers(path: Path, where: str) -> Int64[np.ndarray, " h w"]:
    """Read the numbers of a single-channel image as they are stored (of a palette: the index).

    Raises:
        InputError: If the file cannot be read, or holds colours.
    """
    stored = read_stored(path, where)
    if stored.numbers is None:
        raise InputError(wrong_mode(path, stored.mode, where))
    return stored.numbers


def hex_of(colour: int) -> str:
    """Print a packed colour: ``#804080``."""
    return f"#{colour:06x}"


def packed(colour: tuple[int, int, int]) -> int:
    """Pack a colour as 0xRRGGBB."""
    red, green, blue = colour
    return red << RED | green << GREEN | blue
