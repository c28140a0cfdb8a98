"""What two masks prove about objects: which are there, which could vanish, what is connected."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Int32

from segcert.certificates.objects.one_class import OneClass
from segcert.certificates.objects.pieces import Neighbours
from segcert.errors import InputError

Place = tuple[int, ...]


@dataclass(frozen=True)
class PossibleObject:
    """A connected piece of where a class is possible: nothing of the class crosses its border.

    Args:
        number: 1, 2, ...; its components have it in `ClassObjects.numbers`.
        area: Least and largest number of its components that have the class.
        pieces: Connected pieces of where the class is sure, inside it.
        box: First component and the one after the last, along each axis.
    """

    number: int
    area: tuple[int, int]
    pieces: int
    box: tuple[tuple[int, int], ...]

    @property
    def present(self) -> bool:
        """Whether an object is proved to be in it, whatever the attack; else all may vanish."""
        return self.area[0] > 0


@dataclass(frozen=True, eq=False)
class ClassObjects:
    """What is proved about the objects of one class, for every attack within the radius at once.

    An object is a connected piece of S, the components at which the class has a probability above
    one half; S lies between ``found.sure`` and ``found.possible``.

    Args:
        found: Where the class is sure, and where it is possible.
        neighbours: Which components touch.
    """

    found: OneClass
    neighbours: Neighbours

    @property
    def name(self) -> str:
        """Name of the class."""
        return self.found.name

    @property
    def area(self) -> tuple[int, int]:
        """Least and largest number of components of S."""
        return self.found.area

    @cached_property
    def numbered(self) -> tuple[Int32[np.ndarray, " *components"], int]:
        """Pieces of where the class is possible, and how many there are."""
        return self.neighbours.pieces(self.found.possible)

    @cached_property
    def sure_pieces(self) -> tuple[Int32[np.ndarray, " *components"], int]:
        """Pieces of where the class is sure, and how many there are."""
        return self.neighbours.pieces(self.found.sure)

    @property
    def numbers(self) -> Int32[np.ndarray, " *components"]:
        """Number of the possible object of each component; 0 where no object can appear."""
        return self.numbered[0]

    @cached_property
    def objects(self) -> tuple[PossibleObject, ...]:
        """Every place where an object is or may be; those that are present first, by their area."""
        numbers, most = self.numbered
        pieces, sure = self.sure_pieces
        largest = np.bincount(numbers.ravel(), minlength=most + 1)
        least = np.bincount(numbers[self.found.sure], minlength=most + 1)
        owner = np.zeros(sure + 1, dtype=np.int64)
        owner[pieces[self.found.sure]] = numbers[self.found.sure]
        inside = np.bincount(owner[1:], minlength=most + 1)
        low, high = boxes(numbers, most)
        found = [
            PossibleObject(
                number, (int(least[number]), int(largest[number])), int(inside[number]),
                tuple(zip(low[number].tolist(), high[number].tolist(), strict=True)),
            )
            for number in range(1, most + 1)
        ]  # fmt: skip
        return tuple(sorted(found, key=lambda one: (-one.area[0], -one.area[1], one.number)))

    @property
    def present(self) -> tuple[PossibleObject, ...]:
        """Places in each of which an object is proved: as many different objects, at least."""
        return tuple(one for one in self.objects if one.present)

    @property
    def may_vanish(self) -> tuple[PossibleObject, ...]:
        """Places in which an object may be, and none is proved."""
        return tuple(one for one in self.objects if not one.present)

    def connected(self, one: Place, other: Place) -> bool | None:
        """Tell whether two components lie in one object, whatever the attack.

        Returns:
            True if a path where the class is sure joins them; False if no object can hold both;
            None if neither is proved.

        Raises:
            InputError: If a place is outside of the input.
        """
        for place in (one, other):
            check_place(place, self.numbers.shape)
        pieces = self.sure_pieces[0]
        if pieces[one] and pieces[one] == pieces[other]:
            return True
        apart = not self.numbers[one] or self.numbers[one] != self.numbers[other]
        return False if apart else None


def check_place(place: Place, shape: tuple[int, ...]) -> None:
    """Refuse a place that is no component.

    Raises:
        InputError: With the shape.
    """
    inside = len(place) == len(shape) and all(
        0 <= at < length for at, length in zip(place, shape, strict=True)
    )
    if not inside:
        raise InputError(f"a place must be an index into components of shape {shape}, got {place}")


def boxes(numbers: Int32[np.ndarray, " *components"], most: int) -> tuple[np.ndarray, np.ndarray]:
    """First component of each number along each axis, and the one after the last."""
    places = np.nonzero(numbers)
    of = numbers[places]
    low = np.full((most + 1, numbers.ndim), np.iinfo(np.int64).max)
    high = np.zeros((most + 1, numbers.ndim), dtype=np.int64)
    for axis, at in enumerate(places):
        np.minimum.at(low[:, axis], of, at)
        np.maximum.at(high[:, axis], of, at + 1)
    return low, high
