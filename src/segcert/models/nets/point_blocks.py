"""Parts of the networks of point clouds: layers on each point, sets, and the way back."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64
from torch import Generator, Tensor, nn
from torch.nn import functional

from segcert.errors import InputError
from segcert.models.nets.point_ops import ball_query, farthest_points, gather, interpolate

CATEGORIES = 16  # of ShapeNet-Part


def folded(
    weight: Float[Tensor, " k c"], bias: Float[Tensor, " k"] | None, norm: nn.BatchNorm1d
) -> tuple[Float[Tensor, " k c"], Float[Tensor, " k"] | None]:
    """Put a batch norm in eval mode into the linear layer before it; in train mode change nothing.

    Args:
        weight: Of the linear layer.
        bias: Of the linear layer.
        norm: The batch norm after it.
    """
    if norm.training or norm.running_mean is None or norm.running_var is None:
        return weight, bias
    scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
    mean = norm.running_mean if bias is None else norm.running_mean - bias
    return weight * scale[:, None], norm.bias - mean * scale


def activated(x: Float[Tensor, " *points k"], norm: nn.BatchNorm1d) -> Float[Tensor, " *points k"]:
    """Normalise over all points of the batch in train mode, and cut at 0; ``x`` is overwritten."""
    if norm.training:
        x = norm(x.reshape(-1, x.shape[-1])).view(x.shape)
    return functional.relu_(x)


def pointwise(
    x: Float[Tensor, " *points c"],
    weight: Float[Tensor, " k c"],
    bias: Float[Tensor, " k"] | None,
    norm: nn.BatchNorm1d,
) -> Float[Tensor, " *points k"]:
    """Linear layer, batch norm and ReLU, the same for each point; channels come last."""
    return activated(functional.linear(x, *folded(weight, bias, norm)), norm)


def grouped(
    features: Float[Tensor, " b n c"],
    points: Float[Tensor, " b n 3"],
    centres: Float[Tensor, " b m 3"],
    near: Int64[Tensor, " b m s"],
    weight: Float[Tensor, " k c3"],
    bias: Float[Tensor, " k"] | None,
) -> Float[Tensor, " b m s k"]:
    """First linear layer of balls of points: of their features, then their offsets to the centre.

    The layer is linear, so it is applied to points and centres, which are fewer than the places in
    the balls, and the results are subtracted.
    """
    of_points = functional.linear(torch.cat([features, points], 2), weight, bias)
    of_centres = functional.linear(centres, weight[:, -3:])
    return gather(of_points, near) - of_centres[:, :, None]


class Dense(nn.Module):
    """One linear layer without bias, batch norm and ReLU.

    Args:
        inputs: Channels of a point.
        outputs: Channels after it.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs, bias=False)
        self.norm = nn.BatchNorm1d(outputs)

    def forward(self, x: Float[Tensor, " *points c"]) -> Float[Tensor, " *points k"]:
        """Return features of each point."""
        return pointwise(x, self.linear.weight, None, self.norm)


def dense(*widths: int) -> nn.Sequential:
    """Make a stack of layers, from the channels of the points to those of the last layer."""
    return nn.Sequential(*(Dense(widths[i], widths[i + 1]) for i in range(len(widths) - 1)))


class SetAbstraction(nn.Module):
    """Cover the cloud with balls, and describe each by the maximum over its points.

    Args:
        inputs: Channels of the points beside their coordinates.
        widths: Channels of the layers.
        centres: Number of balls.
        radius: Of the balls, in units of the scaled cloud.
        count: Points looked at in each ball.

    Source:
        Qi et al. (2017), PointNet++, NeurIPS, Section 3.2.
    """

    def __init__(
        self, inputs: int, widths: Sequence[int], *, centres: int, radius: float, count: int
    ) -> None:
        super().__init__()
        self.centres, self.radius, self.count = centres, radius, count
        self.layers = dense(inputs + 3, *widths)

    def forward(
        self,
        points: Float[Tensor, " b n 3"],
        features: Float[Tensor, " b n c"],
        *,
        rng: Generator | None = None,
    ) -> tuple[Float[Tensor, " b m 3"], Float[Tensor, " b m k"]]:
        """Return the centres, chosen among the points, and the features of their balls."""
        centres = gather(points, farthest_points(points, self.centres, rng=rng))
        near = ball_query(points, centres, radius=self.radius, count=self.count)
        first = self.layers[0]
        assert isinstance(first, Dense)
        weight = first.linear.weight.roll(-3, 1)  # the offsets come last
        balls = grouped(features, points, centres, near, *folded(weight, None, first.norm))
        return centres, self.layers[1:](activated(balls, first.norm)).amax(2)


class Propagation(nn.Module):
    """Carry features back to the finer points, beside what is known there.

    Args:
        inputs: Channels of the coarse and the fine points together.
        widths: Channels of the layers.

    Source:
        Qi et al. (2017), PointNet++, NeurIPS, Section 3.4.
    """

    def __init__(self, inputs: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.layers = dense(inputs, *widths)

    def forward(
        self,
        points: Float[Tensor, " b n 3"],
        features: Float[Tensor, " b n c"],
        coarse_points: Float[Tensor, " b m 3"],
        coarse: Float[Tensor, " b m d"],
    ) -> Float[Tensor, " b n k"]:
        """Return features of the finer points."""
        carried = interpolate(coarse, coarse_points, points)
        found: Tensor = self.layers(torch.cat([features, carried], 2))
        return found


def one_hot(
    category: Int64[Tensor, " b"] | None, categories: int, like: Float[Tensor, " b n c"]
) -> Float[Tensor, " b k"]:
    """Write the category of each cloud as a vector; empty if the network has no categories.

    Raises:
        InputError: If the network needs a category and none, or an unknown one, is given.
    """
    if not categories:
        return like.new_zeros(len(like), 0)
    if category is None:
        raise InputError(f"the network needs the category of each cloud, 0..{categories - 1}")
    if bool(((category < 0) | (category >= categories)).any()):
        raise InputError(
            f"category must lie in 0..{categories - 1}, got {int(category.min())} to "
            f"{int(category.max())}"
        )
    return functional.one_hot(category, categories).to(like.dtype)


def check_columns(points: Float[Tensor, " b n c"], columns: int) -> None:
    """Refuse points with other columns than a network was made for.

    Raises:
        InputError: If there are more or fewer.
    """
    if points.shape[2] != columns:
        raise InputError(
            f"the network takes {columns} columns per point, got {points.shape[2]}: "
            "3 are x y z, 6 have the normal beside them"
        )
