"""What frames a network of clouds: rounding and scaling before it, the choice of parts after it."""

import torch
from jaxtyping import Float
from torch import Tensor

EXCLUDED = -50.0  # log-probability of parts of other categories; e^-50 is below any rounding


def restricted(scores: Float[Tensor, " b k n"], parts: tuple[int, ...]) -> Float[Tensor, " b k n"]:
    """Log-probabilities among ``parts``; far below any of theirs for the others.

    Args:
        scores: Of all classes.
        parts: Classes that can be answered; empty: all, and the scores stay as they are.
    """
    if not parts:
        return scores
    chosen = torch.tensor(parts, device=scores.device)
    among = scores.index_select(1, chosen).log_softmax(1)
    return torch.full_like(scores, EXCLUDED).index_copy_(1, chosen, among)


def rounded(x: Float[Tensor, " *shape"], grid: float) -> Float[Tensor, " *shape"]:
    """Round to multiples of ``grid``, ties to even; the gradient is that of ``x``."""
    values = (x.detach() / grid).round_() * grid
    return values + (x - x.detach()) if x.requires_grad else values


def unit_sphere(points: Float[Tensor, " b n 3"]) -> Float[Tensor, " b n 3"]:
    """Centre at the mean and scale to largest norm 1; a cloud of one place stays at the origin."""
    centred = (points.double() - points.double().mean(1, keepdim=True)).to(points.dtype)
    size = centred.square().sum(2, keepdim=True).amax(1, keepdim=True).sqrt()
    return centred / size.where(size != 0, 1)
