"""A data set of one's own: a folder of images, a folder of masks, a list of classes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from segcert.data.known_masks import OPTIONS, known, rule_for
from segcert.data.labelled import (
    AbstractLabelled,
    LabelledImage,
    files_by_name,
    read_pair,
    upright_photograph,
)
from segcert.data.pairing import OF_MASKS, Pairs, pair
from segcert.data.pairing import WHERE as PAIRED
from segcert.errors import InputError
from segcert.files import LONGEST_TEXT, read_regular
from segcert.inputs.finding import skipped
from segcert.inputs.labels import distinct_colours
from segcert.inputs.mask_options import MaskOptions, refuse_if_upright
from segcert.inputs.mask_rules import MaskRule
from segcert.inputs.pictures import SUFFIXES, files_in

MASKS = (".png", ".tif", ".tiff", ".bmp", ".gif", ".pgm", ".ppm", ".pbm", ".webp")  # lossless
MOST_CLASSES = 255  # 255 is ignored
WHITE = (255, 255, 255)  # means abstention
LINE = re.compile(r"(?P<name>[^#]*[^#\s])(?:\s+#(?P<colour>[0-9a-fA-F]{6}))?")
WHERE = f"a mask is a single-channel PNG or TIFF of the size of its image; {OPTIONS}"
USUAL = MaskOptions()


@dataclass(frozen=True)
class ClassList:
    """Names of the classes, in the order of their numbers, and one RGB colour for each.

    Args:
        names: Of the classes.
        palette: Their colours, in pictures.
        given: Those that the list says, by which colour masks are read; None for the others.
    """

    names: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    given: tuple[tuple[int, int, int] | None, ...] = ()


@dataclass(frozen=True)
class Folder(AbstractLabelled):
    """Images and masks of the same names, sorted by name; see `segcert.data.pairing`.

    Args:
        images: Folder of picture files, read as ``segcert certify`` reads them.
        masks: Folder of masks: class numbers from 0, 255 is ignored; or what is told.
        classes: How many classes there are.
        told: What the user says about the values of masks.
        names: Of the classes; those of known data sets tell how their masks are stored.
        colours: Of the classes, where the user gave some: colour masks are read by them.

    Raises:
        InputError: If a folder is missing or empty, an image or a mask has no partner, or what is
            told contradicts the classes.
    """

    images: Path
    masks: Path
    classes: int
    told: MaskOptions = USUAL
    names: tuple[str, ...] = ()
    colours: tuple[tuple[int, int, int] | None, ...] = ()
    photographs: tuple[Path, ...] = field(init=False)
    annotations: tuple[Path, ...] = field(init=False)
    notes: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        """List the folders and pair their files."""
        images, masks = self._listed()
        found = pair(images, masks, f"{PAIRED}; {WHERE}")
        object.__setattr__(self, "photographs", tuple(found.images.values()))
        object.__setattr__(self, "annotations", tuple(found.masks.values()))
        object.__setattr__(self, "notes", self._notes(found))
        for mask in self.annotations[:1]:
            self.rule(mask)

    def _listed(self) -> tuple[dict[str, Path], dict[str, Path]]:
        """List images and masks by stem; in one folder, masks have an ending or are no JPEG."""
        one = (
            Path(self.images).is_dir() and Path(self.images).resolve() == Path(self.masks).resolve()
        )
        if not one:
            return listed(self.images, SUFFIXES, "images"), listed(self.masks, MASKS, "masks")
        ended = any(path.stem.endswith(OF_MASKS) for path in files_in(Path(self.masks), MASKS))
        endings = OF_MASKS if ended else ""
        masks = listed(self.masks, MASKS, "masks", endings)
        others = [p for p in files_in(Path(self.images), SUFFIXES) if p not in masks.values()]
        return files_by_name(others), masks

    def _notes(self, found: Pairs) -> tuple[str, ...]:
        """Say what of the folders is not read."""
        read = {*found.images.values(), *found.masks.values()}
        lines = (skipped(folder, read) for folder in dict.fromkeys((self.images, self.masks)))
        return tuple(line for line in lines if line)

    def __len__(self) -> int:
        """Count the images."""
        return len(self.photographs)

    def item(self, index: int) -> LabelledImage:
        """Read one image with its mask."""
        photograph, mask = self.photographs[index], self.annotations[index]
        return read_pair(photograph.stem, photograph, mask, self.rule(mask))

    @property
    def known(self) -> bool:
        """Whether the names of the classes tell how masks are stored."""
        return any(known(mask, self.names) is not None for mask in self.annotations[:1])

    def check_turned(self) -> None:
        """Refuse to be told how masks of turned photographs are stored, if there are none of these.

        Raises:
            InputError: If so.
        """
        refuse_if_upright(
            (upright_photograph(path).orientation for path in self.photographs), self.told
        )

    def rule(self, mask: Path) -> MaskRule:
        """What the values of a mask mean.

        Raises:
            InputError: If what is told contradicts the classes, or must be told.
        """
        return rule_for(
            mask, self.told,
            classes=self.classes, names=self.names, colours=self.colours, where=WHERE,
        )  # fmt: skip


def listed(
    folder: Path, suffixes: tuple[str, ...], what: str, endings: str | tuple[str, ...] = ""
) -> dict[str, Path]:
    """List the files of a folder by stem: those that have one of some suffixes and endings.

    Raises:
        InputError: If the folder is missing or holds no such file, or two of one stem.
    """
    if not Path(folder).is_dir():
        raise InputError(f"folder of {what} {folder} does not exist")
    files = files_in(Path(folder), suffixes)
    named = files_by_name(path for path in files if path.stem.endswith(endings))
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
    colours = tuple(colour for _, colour in parsed)
    return ClassList(names, tuple(colour or next(free) for colour in colours), colours)


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
