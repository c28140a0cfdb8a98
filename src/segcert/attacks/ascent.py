"""Where a model is at an image, and in which direction an attack gets further."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from segcert.attacks.objective import Objective
from segcert.errors import ModelError
from segcert.inputs.kind import InputKind
from segcert.models.protocol import WrappedModel


@dataclass(frozen=True, eq=False)
class Ascent:
    """One look at a model.

    Args:
        gain: What the attack makes large.
        reached: Share of the components where the attack is there, in [0, 1].
        gradient: Of the gain, with respect to the input.
    """

    gain: float
    reached: float
    gradient: Float[Tensor, " *shape"]


Look = Callable[[Float[Tensor, " *shape"]], Ascent]


def look_at_plain(segmenter: WrappedModel, goal: Objective) -> Look:
    """Attack the model itself, without noise."""

    def look(x: Float[Tensor, " *shape"]) -> Ascent:
        return ascent(segmenter, goal, x[None])

    return look


def look_at_free(look: Look, kind: InputKind, x: Float[Tensor, " *shape"]) -> Look:
    """Look at an input of which a part may change: of clouds the coordinates, not the normals."""

    def see(free: Float[Tensor, " *free"]) -> Ascent:
        found = look(kind.with_free(x, free))
        return replace(found, gradient=kind.free(found.gradient))

    return see


def ascent(segmenter: WrappedModel, goal: Objective, batch: Float[Tensor, " b *shape"]) -> Ascent:
    """Mean gain, mean share and mean gradient of a batch of inputs.

    Raises:
        ModelError: If the model has no gradient, or one that is not finite.
    """
    leaf = batch.detach().clone().requires_grad_()
    with torch.enable_grad():
        scores = segmenter.scores(leaf)
        if not scores.requires_grad:
            raise ModelError(
                f"model {segmenter.name} passes no gradient on to its input: an attack by gradient "
                "needs a differentiable model"
            )
        gain = goal.gain(scores).mean()
        (gradient,) = torch.autograd.grad(gain, leaf)
    if not bool(torch.isfinite(gradient).all()):
        raise ModelError(f"model {segmenter.name} has a gradient with NaN or infinite values")
    share = float(goal.reached(scores.detach()).mean())
    return Ascent(float(gain.detach()), share, gradient.sum(0))
