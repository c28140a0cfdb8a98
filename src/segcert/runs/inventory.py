"""All inputs of an evaluation: read once before the work, and hashed."""

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Integer

from segcert.data.clouds import Cloud
from segcert.data.evaluation_sets import EvaluationSet
from segcert.data.images import hash_image
from segcert.data.labelled import IGNORE, LabelledImage
from segcert.data.part_numbers import check_parts
from segcert.errors import InputError
from segcert.sampling.inputs import read_cloud


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


def take_inventory(data: EvaluationSet) -> Inventory:
    """Read all inputs once, so that a bad one is met before the work, and hash them.

    Raises:
        InputError: If there is none, or one cannot be read.
    """
    if not len(data.images):
        raise InputError(f"{data.name} holds no input")
    data.images.check_every_item()
    return Inventory(tuple(item_of(data.images.item(k)) for k in range(len(data.images))))


def item_of(item: LabelledImage | Cloud) -> Item:
    """Hash one input.

    Raises:
        InputError: If a cloud has no labels or no category, or labels of another category.
    """
    labels = truth_of(item)
    told = f"{item.category}|" if isinstance(item, Cloud) else ""
    truth = hashlib.sha256(f"{told}{labels.shape}|".encode() + labels.tobytes())
    return Item(item.name, labels.shape, hash_image(tensor_of(item)), truth.hexdigest())


def truth_of(item: LabelledImage | Cloud) -> Integer[np.ndarray, " *components"]:
    """The true classes of an input.

    Raises:
        InputError: If a cloud has no labels or no category, or labels of another category.
    """
    if isinstance(item, LabelledImage):
        return item.labels
    if item.labels is None or item.category is None:
        raise InputError(f"{item.name} has no labels or no category: nothing to compare with")
    check_parts(item.name, item.labels, item.category)
    if (item.labels == IGNORE).all():
        raise InputError(f"{item.name} has no labelled point: nothing to compare with")
    return item.labels


def tensor_of(item: LabelledImage | Cloud, *, normals: bool = True) -> torch.Tensor:
    """The input as the sampler reads it: an image, channels first, or a cloud.

    Args:
        item: The input.
        normals: Whether a cloud keeps its normals, if it has any.
    """
    if isinstance(item, Cloud):
        return read_cloud(item if normals else replace(item, normals=None))
    return torch.from_numpy(item.image).movedim(2, 0).contiguous()
