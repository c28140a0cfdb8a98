"""What the values of masks mean: one table for truth in training, evaluation, attacks and pages.

Numbers and colours are read alike wherever truth is given. What cannot be told is refused with the
option that tells it, never guessed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Int64, UInt8

from segcert.errors import InputError
from segcert.inputs.labels import IGNORE, ranges
from segcert.inputs.pictures import UPRIGHT, turned
from segcert.inputs.stored_masks import (
    BLACK,
    WHITE,
    StoredMask,
    hex_of,
    read_stored,
    wrong_mode,
)

Orientation = Literal["upright", "stored"]
LOWEST, HIGHEST = -1, 0xFFFF  # numbers of masks
UNKNOWN = -1
SHOWN = 3  # colours in an error


@dataclass(frozen=True)
class MaskRule:
    """What the values of a mask mean.

    Args:
        numbers: Class of each number that may be stored; 255 is ignored.
        colours: Class of each packed colour that may be shown; empty if none is known.
        told: Whether the user said what is stored; else a palette may have to be asked about.
        orientation: How masks of photographs that are turned by their metadata are stored; None
            tells it by their sizes.
        where: The way out, for errors.
    """

    numbers: Mapping[int, int]
    colours: Mapping[int, int]
    told: bool = False
    orientation: Orientation | None = None
    where: str = ""

    def read(
        self, path: Path, size: tuple[int, ...], *, orientation: int = UPRIGHT
    ) -> UInt8[np.ndarray, " h w"]:
        """Read the classes of a photograph; 255 is ignored.

        Args:
            path: Of the mask.
            size: Height and width of the photograph, upright.
            orientation: Of the photograph, 1..8, as its metadata say; 1 is upright.

        Raises:
            InputError: If it cannot be read, holds an unknown value, or does not fit.
        """
        return self.of_stored(read_stored(path, self.where), size, orientation=orientation)

    def of_stored(
        self, stored: StoredMask, size: tuple[int, ...], *, orientation: int = UPRIGHT
    ) -> UInt8[np.ndarray, " h w"]:
        """Turn what was read of a mask into the classes of a photograph; see `read`."""
        return self._laid_over(stored, self.classes_of(stored), size, orientation)

    def classes_of(self, stored: StoredMask) -> UInt8[np.ndarray, " h w"]:
        """Turn stored values into classes.

        Raises:
            InputError: If one is unknown, or it is open whether numbers or colours count.
        """
        if stored.numbers is None:
            return self._of_colours(stored)
        if not self.numbers:
            return self._by_colour(stored)
        if stored.has_palette:
            return self._of_palette(stored)
        return self._by_number(stored, stored.numbers)

    def _of_colours(self, stored: StoredMask) -> UInt8[np.ndarray, " h w"]:
        """Read a colour picture; greys count as numbers where the user named numbers."""
        grey = stored.grey
        if self.told and self.numbers and grey is not None:
            return self._by_number(stored, grey)
        if not self.colours:
            raise InputError(
                f"{wrong_mode(stored.path, stored.mode, self.where)}; colours are read where "
                "--mask-values or the list of classes names them (#rrggbb)"
            )
        return self._by_colour(stored)

    def _by_colour(self, stored: StoredMask) -> UInt8[np.ndarray, " h w"]:
        """Read by colour."""
        colours = stored.as_colours
        if colours is None:
            raise InputError(wrong_mode(stored.path, stored.mode, self.where))
        classes = look_up(colours, self.colours, 0, WHITE)
        if (classes == UNKNOWN).any():
            raise InputError(f"{unknown_colours(stored.path, colours, classes)}: {self.where}")
        return classes.astype(np.uint8)

    def _by_number(
        self, stored: StoredMask, numbers: Int64[np.ndarray, " h w"]
    ) -> UInt8[np.ndarray, " h w"]:
        """Read by number."""
        classes = look_up(numbers, self.numbers, LOWEST, HIGHEST)
        unknown = numbers[classes == UNKNOWN]
        if unknown.size:
            first = int(unknown[0])
            raise InputError(
                f"{stored.path} has class {first} in {(numbers == first).sum()} pixels, "
                f"must be {ranges(self.numbers)}: {self.where}"
            )
        return classes.astype(np.uint8)

    def _of_palette(self, stored: StoredMask) -> UInt8[np.ndarray, " h w"]:
        """Read a palette: by number, unless its colours are all known and say something else."""
        assert stored.numbers is not None
        assert stored.colours is not None
        readings = [look_up(stored.numbers, self.numbers, LOWEST, HIGHEST)]
        if stored.grey is not None and not (stored.binary and not self.told):
            readings.append(look_up(stored.grey, self.numbers, LOWEST, HIGHEST))
        if not self.told:
            readings.append(look_up(stored.colours, self.colours, 0, WHITE))
        whole = [reading for reading in readings if not (reading == UNKNOWN).any()]
        if not whole:
            return self._by_number(stored, stored.numbers)
        if stored.inverted and not self.told:
            raise InputError(self._contrary(stored, BLACK, WHITE))
        for other in whole[1:] if not self.told else ():
            if (other != whole[0]).any():
                found = [int(one) for one in np.unique(stored.colours[other != whole[0]])]
                raise InputError(self._contrary(stored, *found[:SHOWN]))
        return whole[0].astype(np.uint8)

    def _contrary(self, stored: StoredMask, *colours: int) -> str:
        """Say that numbers and colours of a palette contradict each other."""
        return (
            f"{stored.path} has a palette whose numbers and colours "
            f"({', '.join(map(hex_of, colours))}) mean different classes: name what counts for "
            "each class with --mask-values, as numbers (0,1) or as colours (#000000,#ffffff)"
        )

    def _laid_over(
        self,
        stored: StoredMask,
        classes: UInt8[np.ndarray, " h w"],
        size: tuple[int, ...],
        orientation: int,
    ) -> UInt8[np.ndarray, " h2 w2"]:
        """Turn a mask as its photograph was turned, if it was stored before that.

        Raises:
            InputError: If it does not fit, or fits both ways and nobody says which.
        """
        as_seen = classes if classes.shape == size else None
        if orientation == UPRIGHT or stored.turned:
            ways = [as_seen]
        else:
            turning = turned(classes, orientation)
            as_stored = turning if turning.shape == size else None
            ways = {"upright": [as_seen], "stored": [as_stored], None: [as_seen, as_stored]}[
                self.orientation
            ]
        fitting = [way for way in ways if way is not None]
        if not fitting:
            raise InputError(
                f"{stored.path} has shape {classes.shape}, its image {size}: {self.where}"
            )
        if any((way != fitting[0]).any() for way in fitting):
            raise InputError(
                f"{stored.path} fits its photograph, which is turned by its EXIF orientation "
                f"({orientation}), both as it is seen and as it is stored: say --mask-orientation "
                "upright or stored"
            )
        return np.ascontiguousarray(fitting[0])


def look_up(
    values: Int64[np.ndarray, " h w"], meaning: Mapping[int, int], low: int, high: int
) -> Int64[np.ndarray, " h w"]:
    """Turn values into classes; -1 where one is unknown.

    Args:
        values: Numbers or packed colours.
        meaning: Class of each of them.
        low: Smallest value that may have a meaning.
        high: Largest.
    """
    table = np.full(high - low + 3, UNKNOWN, np.int16)
    if meaning:
        table[np.array(list(meaning)) - low] = list(meaning.values())
    # what is beyond is one more than the largest, which means nothing
    inside = np.where((values < low) | (values > high), high + 1, values)
    found: np.ndarray = table[inside - low]
    return found.astype(np.int64)


def unknown_colours(
    path: Path, colours: Int64[np.ndarray, " h w"], classes: Int64[np.ndarray, " h w"]
) -> str:
    """Say which colours have no meaning, the most frequent first."""
    found, counts = np.unique(colours[classes == UNKNOWN], return_counts=True)
    order = counts.argsort()[::-1][:SHOWN]
    shown = ", ".join(f"{hex_of(int(found[k]))} in {counts[k]} pixels" for k in order)
    more = f" and {len(found) - SHOWN} colours more" if len(found) > SHOWN else ""
    return f"{path} has the colour {shown}{more}, which no class has"


def plain_rule(classes: int, where: str) -> MaskRule:
    """Class numbers as they are, 255 ignored."""
    return MaskRule({number: number for number in (*range(classes), IGNORE)}, {}, where=where)
