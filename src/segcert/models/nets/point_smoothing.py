"""Probabilities of classes averaged over the closest points of a cloud, before the largest wins."""

import torch
from jaxtyping import Float, Float32
from torch import Tensor

from segcert.models.nets.point_ops import closest_points, gather

SMALLEST = torch.finfo(torch.float32).tiny  # a probability whose logarithm is finite


def smoothed_over_points(
    scores: Float[Tensor, " b k n"], points: Float[Tensor, " b n 3"], neighbours: int
) -> Float32[Tensor, " b k n"]:
    """Average the softmax over the closest points; logarithms come back.

    Cloud by cloud, so that no label depends on the batch. A score that is not finite makes all
    points NaN that it is averaged into.

    Args:
        scores: Class scores.
        points: Coordinates, as they are after the noise.
        neighbours: Points that are averaged, the point itself among them.

    Raises:
        InputError: If a cloud has fewer points.
    """
    finite = torch.isfinite(scores).all(1, keepdim=True)
    sound = torch.stack([one.float().contiguous().softmax(0) for one in scores])
    sound = sound.masked_fill(~finite, torch.nan).transpose(1, 2)
    near = closest_points(*(points.detach().nan_to_num(0, 0, 0),) * 2, neighbours)
    mean = torch.stack(
        [gather(one[None], of[None])[0].mean(1) for one, of in zip(sound, near, strict=True)]
    )
    return mean.transpose(1, 2).clamp(min=SMALLEST).log()
