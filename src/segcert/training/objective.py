"""What training makes small: cross-entropy, and the disagreement of noisy copies."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

from segcert.inputs.labels import IGNORE
from segcert.training.recipe import Recipe


def objective(
    scores: Float[Tensor, " mb k h w"], truth: Int64[Tensor, " b h w"], recipe: Recipe
) -> Float[Tensor, ""]:
    """Return the loss of a batch.

    The cross-entropy is a mean over the labelled pixels of all copies, with class weights
    divided by the sum of the weights met. Consistency is added to it.

    Args:
        scores: Of all views, then of their second copies, ..., before softmax.
        truth: Class numbers of the views, on the same device.
        recipe: Number of copies, class weights, consistency.

    Source:
        Jeong, Shin (2020), NeurIPS, section 3.
    """
    weights = recipe.class_weights
    loss = functional.cross_entropy(
        scores, truth.repeat(recipe.copies, 1, 1), ignore_index=IGNORE,
        weight=None if weights is None else torch.tensor(weights, device=scores.device),
    )  # fmt: skip
    if recipe.consistency:
        copies = scores.view(recipe.copies, len(truth), *scores.shape[1:])
        loss = loss + recipe.consistency.loss(copies, truth != IGNORE)
    return loss
