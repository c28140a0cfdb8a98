"""All inputs of an evaluation: read once before the work, and hashed."""

import hashlib
from dataclasses import dataclass

import numpy as np
from jaxtyping import Integer

from segcert.data.labelled import check_items
from segcert.data.part_numbers import check_parts
from segcert.data.sets import LabelledSet
from segcert.errors import InputError
from segcert.inputs.input import Input
from segcert.inputs.labels import IGNORE


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
    """All inputs of a data set, in order."""

    items: tuple[Item, ...]

    @property
    def sha256(self) -> str:
        """Hash of all inputs and their truth."""
        lines = "\n".join(f"{item.input_sha256} {item.truth_sha256}" for item in self.items)
        return hashlib.sha256(lines.encode()).hexdigest()


def take_inventory(data: LabelledSet) -> Inventory:
    """Read all inputs once, so that a bad one is met before the work, and hash them.

    Raises:
        InputError: If there is none, or one cannot be read.
    """
    if not len(data.items):
        raise InputError(f"{data.name} holds no input")
    check_items(data.items)
    return Inventory(tuple(item_of(data.input(k)) for k in range(len(data.items))))


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
