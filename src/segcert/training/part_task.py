"""Learn the parts of noisy clouds, each among the parts of its own category."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn import functional

from segcert.data.part_numbers import NAMES, PARTS
from segcert.errors import InputError
from segcert.inputs.labels import IGNORE
from segcert.models.nets.point_frame import unit_sphere
from segcert.training.recipe import Recipe


@dataclass(frozen=True)
class PartSegmentation:
    """Label the points of noisy views, as the certified model will.

    After the noise a view is centred and scaled by the code that the certified model uses, and the
    loss is the cross-entropy among the parts of the category, the only ones that are answered.
    A part belongs to one category, so the labels tell the category.
    """

    measure: str = "accuracy on noisy views"

    def words(self) -> dict[str, str]:
        """Name the task."""
        return {"task": "parts"}

    def step(
        self,
        run: Callable[..., Tensor],
        noisy: Float[Tensor, " mb n c"],
        views: Float[Tensor, " b n c"],  # noqa: ARG002 (Task)
        truth: Int64[Tensor, " b n"],
        recipe: Recipe,
    ) -> tuple[Float[Tensor, ""], float, int]:
        """Compute the cross-entropy, and count hits over labelled points.

        Raises:
            InputError: If the recipe asks for consistency or class weights, which are for images.
        """
        check_plain(recipe)
        categories = categories_of(truth)
        clouds = torch.cat([unit_sphere(noisy[..., :3]), noisy[..., 3:]], 2)
        scores = among_parts(run(clouds, categories), categories)
        loss = functional.cross_entropy(scores, truth, ignore_index=IGNORE)
        right = (scores.detach().argmax(1) == truth).sum()
        return loss, int(right), int((truth != IGNORE).sum())

    def quality(self, mean: float) -> float:
        """Return the accuracy."""
        return mean


def check_plain(recipe: Recipe) -> None:
    """Refuse what training on clouds does not know.

    Raises:
        InputError: If the recipe asks for consistency or class weights.
    """
    if recipe.consistency is not None or recipe.class_weights is not None:
        raise InputError("consistency and class weights are for images: leave them out for clouds")


def part_table() -> Bool[Tensor, " categories parts"]:
    """Tell for each category which parts it has."""
    table = torch.zeros(len(PARTS), len(NAMES), dtype=torch.bool)
    for category, parts in enumerate(PARTS):
        table[category, list(parts)] = True
    return table


def categories_of(truth: Int64[Tensor, " b n"]) -> Int64[Tensor, " b"]:
    """Read the category of each cloud off its labels.

    Raises:
        InputError: If a cloud has no labelled point.
    """
    largest = truth.masked_fill(truth == IGNORE, -1).amax(1)
    if bool((largest < 0).any()):
        raise InputError("a view has no labelled point: take more points per view")
    return part_table().to(truth.device)[:, largest].int().argmax(0)


def among_parts(
    scores: Float[Tensor, " b k n"], categories: Int64[Tensor, " b"]
) -> Float[Tensor, " b k n"]:
    """Rule out the parts of other categories: their scores become minus infinity."""
    allowed = part_table().to(scores.device)[categories]
    return scores.masked_fill(~allowed[:, :, None], float("-inf"))
