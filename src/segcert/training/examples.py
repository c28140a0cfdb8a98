"""Training images or clouds in memory, and the batches that an epoch takes from them."""

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Generator, Tensor

from segcert.data.doubts import said_of_all, tally
from segcert.data.sets import LabelledSet
from segcert.errors import InputError
from segcert.inputs.input import Input, Source, read
from segcert.inputs.labels import IGNORE
from segcert.training.recipe import Recipe

Examples = list[tuple[Tensor, Tensor]]


def load(data: Sequence[Source], recipe: Recipe) -> Examples:
    """Read a data set into memory, and check that views can be drawn from it.

    Raises:
        InputError: If there are fewer inputs than one batch, or views of this recipe cannot be
            drawn from one.
    """
    if len(data) < recipe.batch_size:
        raise InputError(
            f"training needs at least one batch of images or clouds: got {len(data)} "
            f"with batch_size {recipe.batch_size}"
        )
    return [read_example(read(item), recipe) for item in data]


def said_of_masks(data: LabelledSet) -> tuple[str, ...]:
    """Ask of masks of one's own what can be asked before they are learned from.

    Returns:
        What a user should know of them.

    Raises:
        InputError: If one cannot be read, or 255 in them may be a class.
    """
    if not data.doubts:
        return ()
    counts = sum((tally(item.labels) for item in data.items), start=np.zeros(IGNORE + 1, np.int64))
    return said_of_all(counts, data.doubts, data.classes, where=data.name)


def read_example(item: Input, recipe: Recipe) -> tuple[Tensor, Tensor]:
    """Read one input with its truth.

    Raises:
        InputError: If views of this recipe cannot be drawn from it.
    """
    kind = recipe.views.kind
    if item.kind != kind:
        raise InputError(
            f"{item.name} is {item.kind.noun}: views of {kind.words} cannot be drawn from it"
        )
    return recipe.views.read(item)


def hash_examples(examples: Examples) -> str:
    """Hash all images and labels, in their order."""
    digest = hashlib.sha256()
    for tensor in (part for example in examples for part in example):
        digest.update(f"{tuple(tensor.shape)}|".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


def batches(
    examples: Examples, order: Int64[Tensor, " images"], recipe: Recipe, *,
    first: int = 0, rng: Generator,
) -> Iterator[tuple[Float[Tensor, " b *shape"], Int64[Tensor, " b *components"]]]:  # fmt: skip
    """Yield batches of fresh views; an incomplete last batch is left out.

    Args:
        examples: All images or clouds with labels.
        order: Their order in this epoch.
        recipe: Batch size, and how views are drawn.
        first: Number of batches that were taken already.
        rng: Stream of the views; nothing is drawn before a batch is asked for.
    """
    size = recipe.batch_size
    for start in range(first * size, len(order) - size + 1, size):
        chosen = (examples[i] for i in order[start : start + size].tolist())
        views, truth = zip(*(recipe.views.draw(*one, rng=rng) for one in chosen), strict=True)
        yield torch.stack(views), torch.stack(truth)
