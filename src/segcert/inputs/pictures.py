"""Picture files: which are read, which page of them, which way up, and what is said of it.

Metadata never decides whether pixels are read: where it is damaged or too large, it is left out,
and the notes of the picture say so.
"""

import io
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from jaxtyping import Shaped
from PIL import ExifTags, Image, TiffTags, UnidentifiedImageError

from segcert.errors import InputError
from segcert.files import open_regular
from segcert.inputs.decoder_words import complaint, overheard
from segcert.inputs.metadata import without_metadata
from segcert.text import one_line

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "PPM", "WEBP", "GIF", "DIB")  # no EPS: it starts a program
SUFFIXES = (
    ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".tif", ".tiff", ".webp", ".bmp", ".dib",
    ".ppm", ".pgm", ".pbm", ".pnm", ".gif",
)  # fmt: skip
NAMES = "PNG, JPEG or TIFF (or WebP, BMP, PPM, GIF)"
BEGINNINGS = {  # of files that are pictures, even where no decoder knows them any more
    b"\x89PNG\r\n": "PNG", b"\xff\xd8\xff": "JPEG", b"II*\0": "TIFF", b"MM\0*": "TIFF",
    b"GIF8": "GIF",
}  # fmt: skip
MEDICAL = (".dcm", ".nii", ".nii.gz", ".mha", ".mhd", ".nrrd")
HOUNSFIELD = (
    "of Hounsfield units, window them first: numpy.clip((hu - low) / (high - low), 0, 1), with low "
    "and high such as -160 and 240"
)
DEEP_MODES = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")  # more than 8 bits a value
PAGE = re.compile(r"(.+)#([1-9][0-9]{0,5})")
Stream = BinaryIO | io.BytesIO
UPRIGHT = 1
TURNS: Mapping[int, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_90,
}  # fmt: skip
ARRAY_TURNS: Mapping[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda a: a, 2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud,
    5: lambda a: a.swapaxes(0, 1), 6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).swapaxes(0, 1), 8: np.rot90,
}  # fmt: skip
BYTE = 0xFF
LARGEST = (BYTE, 0xFFFF)
LOSSY = ("jpeg", "tiff_jpeg", "webp")  # compressions of TIFF; WebP may be
SMALLER, MASK = 1, 4  # bits of the kind of a page of a TIFF file: previews are no pages
KIND_OF_PAGE, BANDS = 254, 277  # tags of TIFF


@dataclass(frozen=True, eq=False)
class Picture:
    """One page of a picture file, upright.

    Args:
        image: Its pixels, turned as its orientation says.
        deep: Whether the file has more than 8 bits per value.
        lossy: Whether its format changes values.
        orientation: As the file says it, 1..8; 1 is upright.
        notes: What a reader should know.
    """

    image: Image.Image
    deep: bool
    lossy: bool
    orientation: int = UPRIGHT
    notes: tuple[str, ...] = ()


def read_picture(path: Path, what: str) -> Picture:
    """Read a picture file, or the page of one that ``path#3`` names.

    Args:
        path: The file.
        what: What it is, for errors.

    Raises:
        InputError: If it is missing, damaged, truncated or of another format, or has several pages
            and none is named.
    """
    file, page = split_page(path)
    name = f"{what} {path}"
    try:
        with open_regular(file, what=what) as stream:
            try:
                return robust(stream, page, name)
            except UnidentifiedImageError as error:
                raise unidentified(stream, file, name) from error
    except InputError:
        raise
    except Exception as error:  # decoders raise anything on damaged bytes
        raise InputError(f"{name} cannot be read: {one_line(error)}") from error


def unidentified(stream: BinaryIO, path: Path, name: str) -> InputError:
    """What to say of a file that no decoder knows: it may be a picture that was cut."""
    stream.seek(0)
    begins = stream.read(max(map(len, BEGINNINGS)))
    for beginning, kind in BEGINNINGS.items():
        if begins.startswith(beginning):
            return InputError(f"{name} cannot be read: it begins as a {kind} file and is damaged")
    return InputError(f"{name} is no image that can be read: {way_out(path)}")


def way_out(path: Path) -> str:
    """What to do with a file that is no picture."""
    if path.name.lower().endswith(MEDICAL):
        return (
            "read the scan in Python, and give sc.certify_image an array (1, h, w) or, of a "
            f"volume, (1, d, h, w) in [0, 1]; {HOUNSFIELD}"
        )
    if path.suffix.lower() in (".npy", ".npz"):
        return "give the array to sc.certify_image, as uint8 or in [0, 1]"
    return f"give {NAMES}, of at most 4 bands of 8 bits"


def files_in(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """The files of a folder with one of some suffixes, by name; hidden ones are left out."""
    return sorted(p for p in folder.iterdir() if is_one(p, suffixes))


def is_one(path: Path, suffixes: tuple[str, ...]) -> bool:
    """Whether a name is not hidden (as ``._photo.png`` is) and has one of some suffixes."""
    return not path.name.startswith(".") and path.suffix.lower() in suffixes


def split_page(path: Path) -> tuple[Path, int | None]:
    """Tell the file from the number of the page: ``stack.tif#3`` is page 3, unless it is a name."""
    found = PAGE.fullmatch(path.name)
    if found is None or path.is_file():
        return path, None
    return path.with_name(found[1]), int(found[2])


def name_of(path: Path) -> str:
    """How results call a file: its stem, with the number of the page."""
    file, page = split_page(path)
    return file.stem if page is None else f"{file.stem}-{page}"


def robust(stream: Stream, page: int | None, name: str) -> Picture:
    """Decode a file; if that fails, without its metadata."""
    try:
        return decoded(stream, page, name)
    except InputError:
        raise
    except Exception as error:  # decoders raise anything on damaged bytes
        stream.seek(0)
        for bare in without_metadata(stream.read()):
            try:
                found = decoded(io.BytesIO(bare), page, name)
            except InputError:
                raise
            except Exception:
                continue
            known = not isinstance(error, UnidentifiedImageError)
            reason = one_line(error) if known else "they are damaged"
            note = f"its metadata cannot be read and were left out ({reason})"
            return replace(found, notes=(note, *found.notes))
        raise


def decoded(stream: Stream, page: int | None, name: str) -> Picture:
    """Decode one page."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # Pillow's, about metadata
        with Image.open(stream, formats=FORMATS) as image:
            choose_page(image, page, name)
            check_bands(image, name)
            deep, lossy = is_deep(image), is_lossy(image, stream)
            found = tiff(image) if image.format == "TIFF" else upright(image)
            return replace(found, deep=deep, lossy=lossy)


def tiff(image: Image.Image) -> Picture:
    """Decode a page of a TIFF file; what the decoder prints is the reason, or a note.

    Raises:
        OSError: If it fails, with what it printed in place of a number.
    """
    lines: list[str] = []
    try:
        with overheard() as lines:
            found = upright(image)
    except OSError as error:
        if not lines:
            raise
        raise OSError(complaint(lines)) from error
    if not lines:
        return found
    note = f"its decoder says: {complaint(lines)}: some of its pixels may be damaged"
    return replace(found, notes=(*found.notes, note))


def choose_page(image: Image.Image, page: int | None, name: str) -> None:
    """Go to a page of a file.

    Raises:
        InputError: If there is none of this number, or several and no number.
    """
    pages = pages_of(image)
    if page is None and len(pages) > 1:
        raise InputError(
            f"{name} has {len(pages)} pages: name one of them, such as "
            f"{name.partition(' ')[2]}#1 for the first; all of them as a volume (c, d, h, w) are "
            "certified from Python"
        )
    if page is not None and page > len(pages):
        raise InputError(f"{name}: the file has {len(pages)} pages")
    image.seek(pages[(page or 1) - 1])


def pages_of(image: Image.Image) -> list[int]:
    """The frames that are pages: previews, smaller copies and what cameras add are none."""
    if image.format == "MPO":
        return [0]
    frames = list(range(getattr(image, "n_frames", 1)))
    if image.format != "TIFF" or len(frames) == 1:
        return frames
    found = []
    for frame in frames:
        image.seek(frame)
        if not image.tag_v2.get(KIND_OF_PAGE, 0) & (SMALLER | MASK):  # type: ignore[attr-defined]
            found.append(frame)
    return found or frames


def check_bands(image: Image.Image, name: str) -> None:
    """Refuse a TIFF file with more bands than colours and transparency: they would be lost.

    Raises:
        InputError: If so.
    """
    bands = image.tag_v2.get(BANDS, 1) if hasattr(image, "tag_v2") else 1
    if bands > len(image.getbands()):
        raise InputError(
            f"{name} has {bands} bands, of which one is neither colour nor transparency, such as "
            "infrared: keep three of them in the file, or certify an array (bands, h, w) from "
            "Python"
        )


def upright(image: Image.Image) -> Picture:
    """Turn an image as its orientation says; unreadable metadata turn nothing, which is noted."""
    if image.format == "TIFF" and hasattr(image, "tag_v2"):
        told, reason = orientation_of(image)
        for group in TiffTags.TAGS_V2_GROUPS:  # Pillow would read them with the pixels, or fail
            drop(image, group)
        image.load()  # which turns it
        turned = image.copy()
    else:
        image.load()
        told, reason = orientation_of(image)  # it may stand behind the pixels
        turned = image.transpose(TURNS[told]) if told in TURNS else image.copy()
    note = f"its EXIF metadata cannot be read ({reason}): it is taken as it is stored"
    return Picture(
        turned, is_deep(image), lossy=False, orientation=told, notes=(note,) if reason else ()
    )


def drop(image: Image.Image, tag: int) -> None:
    """Leave out a group of metadata."""
    found = image.getexif()
    if tag in found:
        del found[tag]


def orientation_of(image: Image.Image) -> tuple[int, str]:
    """The orientation of an image, and why it cannot be told, if so."""
    try:
        told = image.getexif().get(ExifTags.Base.Orientation, UPRIGHT)
    except Exception as error:  # decoders raise anything on damaged bytes
        return UPRIGHT, one_line(error)
    return (int(told), "") if told in TURNS else (UPRIGHT, "")


def is_deep(image: Image.Image) -> bool:
    """Tell whether an image holds more than 8 bits per value; Pillow halves 16-bit colours."""
    if image.mode in DEEP_MODES or image.mode.startswith("I;"):
        return True
    tiles = getattr(image, "tile", ())  # of a file not yet decoded: how its bytes are laid out
    return largest_of(image) > BYTE or any(";16" in str(tile[3]) for tile in tiles)


def largest_of(image: Image.Image) -> int:
    """What white is in a PPM file, whose values Pillow stretches to bytes; else 255."""
    for one in getattr(image, "tile", ()):
        if one[0].startswith("ppm") and isinstance(one[3], tuple) and isinstance(one[3][-1], int):
            return one[3][-1]
    return BYTE


def is_lossy(image: Image.Image, stream: Stream) -> bool:
    """Tell whether the format of a file changes values, or Pillow scales them."""
    if largest_of(image) not in LARGEST:
        return True
    if image.format != "WEBP":
        return image.format in ("JPEG", "MPO") or image.info.get("compression") in LOSSY
    place = stream.tell()
    stream.seek(0)
    head = stream.read(4096)
    stream.seek(place)
    return b"VP8L" not in head


def turned(array: Shaped[np.ndarray, " h w"], orientation: int) -> Shaped[np.ndarray, " h2 w2"]:
    """Turn stored rows and columns upright, as an image of that orientation is turned."""
    return np.ascontiguousarray(ARRAY_TURNS[orientation](array))
