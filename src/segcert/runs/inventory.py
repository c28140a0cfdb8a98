"""All inputs of an evaluation: read once before the work, and hashed."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Integer

from segcert.data.doubts import said_of_all, tally
from segcert.data.labelled import check_items
from segcert.data.part_numbers import check_parts
from segcert.data.sets import LabelledSet
from segcert.errors import InputError
from segcert.inputs.input import Input
from segcert.inputs.labels import IGNORE

MOST_NOTED = 3  # inputs whose notes are said


@dataclass(frozen=True)
class Item:
    """One input of a data set.

    Args:
        name: Of the image or cloud.
        shape: Of its labels: height and width, or number of points.
        input_sha256: Hash of the input.
        truth_sha256: Hash of its true classes, and of the category of a cloud.
    """

    name: str
    shape: tuple[int, ...]
    input_sha256: str
    truth_sha256: str


@dataclass(frozen=True)
class Inventory:
    """All inputs of a data set, in order.

    Args:
        items: One for each input.
        notes: What a user should know of their files and their truth.
    """

    items: tuple[Item, ...]
    notes: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        """Hash of all inputs and their truth."""
        lines = "\n".join(f"{item.input_sha256} {item.truth_sha256}" for item in self.items)
        return hashlib.sha256(lines.encode()).hexdigest()


def take_inventory(data: LabelledSet) -> Inventory:
    """Read all inputs once, so that a bad one is met before the work, and hash them.

    Raises:
        InputError: If there is none, one cannot be read, or 255 in its masks may be a class.
    """
    if not len(data.items):
        raise InputError(f"{data.name} holds no input")
    check_items(data.items)
    items, counts = [], np.zeros(IGNORE + 1, np.int64)
    noted: dict[str, tuple[str, ...]] = {}
    for number in range(len(data.items)):
        given = data.input(number)
        items.append(item_of(given))
        noted |= {given.name: given.notes} if given.notes else {}
        counts += tally(truth_of(given)) if data.doubts else 0
    truths = said_of_all(counts, data.doubts, data.classes, where=data.name)
    return Inventory(tuple(items), (*said_of_files(noted), *truths))


def said_of_files(noted: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Print the notes on the first inputs that have some, and how many more have."""
    names = list(noted)
    lines = [f"{name}: {note}" for name in names[:MOST_NOTED] for note in noted[name]]
    more = len(names) - MOST_NOTED
    return [*lines, f"there are notes on {more} more inputs"] if more > 0 else lines


def item_of(given: Input) -> Item:
    """Take down one input.

    Raises:
        InputError: If a cloud has no labels or no category, or labels of another category.
    """
    labels = truth_of(given)
    told = "" if given.category is None else f"{given.category}|"
    truth = hashlib.sha256(f"{told}{labels.shape}|".encode() + labels.tobytes())
    return Item(given.name, labels.shape, given.sha256, truth.hexdigest())


def truth_of(given: Input) -> Integer[np.ndarray, " *components"]:
    """The true classes of an input.

    Raises:
        InputError: If it has none, or a cloud has no category, or labels of another category.
    """
    if given.truth is None or (given.kind.has_categories and given.category is None):
        raise InputError(f"{given.name} has no labels or no category: nothing to compare with")
    if given.category is not None:
        check_parts(given.name, given.truth, given.category)
        if (given.truth == IGNORE).all():
            raise InputError(f"{given.name} has no labelled point: nothing to compare with")
    return given.truth
