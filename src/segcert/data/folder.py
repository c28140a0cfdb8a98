"""A data set of one's own: a folder of images, a folder of masks, a list of classes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from segcert.data.labelled import (
    AbstractLabelled,
    LabelledImage,
    check_pairs,
    files_by_name,
    read_photograph,
)
from segcert.errors import InputError
from segcert.files import LONGEST_TEXT, read_regular
from segcert.inputs.images import SUFFIXES
from segcert.inputs.labels import IGNORE, distinct_colours, read_numbers, translate

MASKS = (".png", ".tif", ".tiff")  # lossless
MOST_CLASSES = 255  # 255 is ignored
WHITE = (255, 255, 255)  # means abstention
LINE = re.compile(r"(?P<name>[^#]*[^#\s])(?:\s+#(?P<colour>[0-9a-fA-F]{6}))?")
WHERE = "a mask is a single-channel PNG or TIFF with the stem and the size of its image"


@dataclass(frozen=True)
class ClassList:
    """Names of the classes, in the order of their numbers, and one RGB colour for each."""

    names: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class Folder(AbstractLabelled):
    """Images and masks of the same stems, sorted by name.

    Args:
        images: Folder of PNG, JPEG or TIFF files, read as ``segcert certify`` reads them.
        masks: Folder of PNG or TIFF files of one channel: class numbers from 0, 255 is ignored.
        classes: How many classes there are.

    Raises:
        InputError: If a folder is missing or empty, or an image or a mask has no partner.
    """

    images: Path
    masks: Path
    classes: int
    photographs: tuple[Path, ...] = field(init=False)
    annotations: tuple[Path, ...] = field(init=False)

    def __post_init__(self) -> None:
        """List the folders and pair their files."""
        images = listed(self.images, SUFFIXES, "images")
        masks = listed(self.masks, MASKS, "masks")
        check_pairs(images, masks, WHERE)
        object.__setattr__(self, "photographs", tuple(images[name] for name in sorted(images)))
        object.__setattr__(self, "annotations", tuple(masks[name] for name in sorted(images)))

    def __len__(self) -> int:
        """Count the images."""
        return len(self.photographs)

    def item(self, index: int) -> LabelledImage:
        """Read one image with its mask."""
        photograph, mask = self.photographs[index], self.annotations[index]
        image = read_photograph(photograph)
        meaning = {number: number for number in [*range(self.classes), IGNORE]}
        labels = translate(mask, read_numbers(mask, WHERE), meaning, image.shape[:2], WHERE)
        return LabelledImage(name=photograph.stem, image=image, labels=labels)


def listed(folder: Path, suffixes: tuple[str, ...], what: str) -> dict[str, Path]:
    """List the files of a folder by stem.

    Raises:
        InputError: If the folder is missing or holds no such file, or two of one stem.
    """
    if not Path(folder).is_dir():
        raise InputError(f"folder of {what} {folder} does not exist")
    found = [path for path in Path(folder).iterdir() if path.suffix.lower() in suffixes]
    named = files_by_name(found)
    if not named:
        raise InputError(f"folder of {what} {folder} is empty: it needs {', '.join(suffixes)}")
    return named


def read_classes(path: Path) -> ClassList:
    """Read a list of classes: one name per line, number 0 first, with ``#rrggbb`` if wanted.

    Classes without a colour get one that no other class has.

    Raises:
        InputError: If the file is missing, a line is no name, a name or a colour comes twice, a
            colour is white, or there are none or more than 255.
    """
    try:
        content = read_regular(Path(path), what="list of classes", most=LONGEST_TEXT)
        lines = content.decode("utf-8-sig").rstrip().splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"list of classes {path} cannot be read: {error}") from error
    if not 1 <= len(lines) <= MOST_CLASSES:
        raise InputError(f"{path} must name 1..{MOST_CLASSES} classes, got {len(lines)}")
    parsed = [parse(path, number, line) for number, line in enumerate(lines, 1)]
    names = tuple(name for name, _ in parsed)
    given = [colour for _, colour in parsed if colour]
    check_once(path, "name", names)
    check_once(path, "colour", given)
    free = (colour for colour in distinct_colours(MOST_CLASSES) if colour not in given)
    return ClassList(names, tuple(colour or next(free) for _, colour in parsed))


def check_once(path: Path, what: str, values: Sequence[object]) -> None:
    """Refuse a list of classes in which something comes twice.

    Raises:
        InputError: With the first of it.
    """
    twice = [value for place, value in enumerate(values) if value in values[:place]]
    if twice:
        raise InputError(f"{path} has the {what} {twice[0]!r} twice: each class needs its own")


def parse(path: Path, number: int, line: str) -> tuple[str, tuple[int, int, int] | None]:
    """Parse one line of a list of classes.

    Raises:
        InputError: If it is not a name, or a name and a colour other than white.
    """
    found = LINE.fullmatch(line.strip())
    if not found:
        raise InputError(
            f"{path}, line {number}: must be a name, or a name and #rrggbb, got {line.strip()!r}"
        )
    if not found["colour"]:
        return found["name"], None
    red, green, blue = bytes.fromhex(found["colour"])
    if (red, green, blue) == WHITE:
        raise InputError(f"{path}, line {number}: a class cannot be white, which means abstention")
    return found["name"], (red, green, blue)
