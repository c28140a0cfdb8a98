"""What a labelled data set is: a sequence of inputs with one class number per component.

And what every loader of files shares: photographs, class numbers, and the checks of both.
"""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import UInt8

from segcert.errors import InputError
from segcert.inputs.images import read_photo, to_rgb
from segcert.inputs.input import Input, read
from segcert.inputs.kind import IMAGE
from segcert.inputs.mask_rules import MaskRule


@dataclass(frozen=True)
class LabelledImage:
    """One image with its truth.

    Args:
        name: How records and files call it.
        image: uint8 RGB.
        labels: Class numbers; 255 is ignored.
        notes: What a reader should know of the file of the image.
    """

    name: str
    image: UInt8[np.ndarray, " h w 3"]
    labels: UInt8[np.ndarray, " h w"]
    notes: tuple[str, ...] = ()

    def input(self) -> Input:
        """The image as sampling takes it."""
        tensor = torch.from_numpy(self.image).movedim(2, 0).contiguous()
        return Input(IMAGE, tensor, self.name, truth=self.labels, notes=self.notes)


if TYPE_CHECKING:
    Items = Sequence[Any]
else:
    Items = Sequence  # without its parameter: checkers at run time would read files to verify it


class AbstractLabelled(Items):
    """A data set whose items are made or read when they are asked for: `LabelledImage` or `Cloud`.

    Whatever they are, `input` gives them as sampling and training take them.
    """

    @abstractmethod
    def item(self, index: int) -> Any:
        """Make or read the item of an index in 0, ..., len - 1."""

    def input(self, index: int) -> Input:
        """Make or read the item of an index, as an input with its truth."""
        return read(self.item(index))

    def __getitem__(self, index: int | slice) -> Any:
        """Return one item, or those of a slice."""
        chosen = range(len(self))[index]
        return self.item(chosen) if isinstance(chosen, int) else [self.item(i) for i in chosen]

    def check_every_item(self) -> None:
        """Read every item once; see `check_items`."""
        check_items(self)


def check_items(items: Sequence[Any]) -> None:
    """Read every item once, so that a bad one is met before the work, not hours into it.

    Raises:
        InputError: If items are bad: what is wrong with the first, and how many they are.
    """
    wrong = []
    for index in range(len(items)):
        try:
            items[index]
        except InputError as error:
            wrong.append(str(error))
    if wrong:
        raise InputError(f"{wrong[0]} (the first of {len(wrong)} bad items of {len(items)})")


def read_photograph(path: Path) -> UInt8[np.ndarray, " h w 3"]:
    """Read a photograph as RGB, upright by its EXIF orientation.

    Raises:
        InputError: If it is missing, damaged, translucent, or of more than 8 bits.
    """
    return upright_photograph(path).pixels


@dataclass(frozen=True)
class Photograph:
    """A photograph as RGB, upright, the orientation that its file says, and notes on the file."""

    pixels: UInt8[np.ndarray, " h w 3"]
    orientation: int
    notes: tuple[str, ...]


def upright_photograph(path: Path) -> Photograph:
    """Read a photograph as `read_photograph` does, with what its file says besides."""
    picture = read_photo(path)
    pixels = to_rgb(picture, f"image {path}").movedim(0, 2).numpy()
    return Photograph(np.ascontiguousarray(pixels), picture.orientation, picture.notes)


def read_pair(name: str, photograph: Path, mask: Path, rule: MaskRule) -> LabelledImage:
    """Read a photograph with its mask.

    Args:
        name: How records and files call it.
        photograph: Its file.
        mask: File of its mask.
        rule: What the values of the mask mean.

    Raises:
        InputError: If one of them cannot be read, or they do not fit each other.
    """
    found = upright_photograph(photograph)
    labels = rule.read(mask, found.pixels.shape[:2], orientation=found.orientation)
    return LabelledImage(name=name, image=found.pixels, labels=labels, notes=found.notes)


def files_by_name(paths: Iterable[Path], *, ending: str = "") -> dict[str, Path]:
    """Sort files by name: the stem without an ending. Hidden files are left out.

    Raises:
        InputError: If two files have one name.
    """
    found: dict[str, Path] = {}
    for path in sorted(paths):
        name = path.stem.removesuffix(ending)
        if path.name.startswith("."):
            continue
        if name in found:
            raise InputError(f"{found[name]} and {path} have one name: keep one of them")
        found[name] = path
    return found


def check_pairs(images: Mapping[str, Path], labels: Mapping[str, Path], where: str) -> None:
    """Refuse photographs without labels, and labels without a photograph.

    Raises:
        InputError: With the first of them, and their number.
    """
    for what, lacks, ours, others in (
        ("image", "labels", images, labels),
        ("file of labels", "image", labels, images),
    ):
        alone = sorted(set(ours) - set(others))
        if alone:
            raise InputError(
                f"{ours[alone[0]]} has no {lacks} (the first of {len(alone)} without, "
                f"of {len(ours)}): each {what} needs its partner: {where}"
            )
