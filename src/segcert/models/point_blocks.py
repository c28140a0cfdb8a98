"""Parts of the networks of point clouds: layers on each point, sets, and the way back."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64
from torch import Generator, Tensor, nn
from torch.nn import functional

from segcert.errors import InputError
from segcert.models.point_ops import ball_query, farthest_points, gather, interpolate

CATEGORIES = 16  # of ShapeNet-Part


class Dense(nn.Module):
    """One linear layer, batch norm and ReLU, the same for each point; channels come last.

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
        return self.activate(self.linear(x))

    def activate(self, x: Float[Tensor, " *points k"]) -> Float[Tensor, " *points k"]:
        """Normalise over all points of the batch (in train mode), and cut at 0."""
        return functional.relu(self.norm(x.reshape(-1, x.shape[-1])).view(x.shape))


def dense(*widths: int) -> nn.Sequential:
    """Make a stack of layers, from the channels of the points to those of the last layer."""
    return nn.Sequential(
        *(Dense(widths[i], widths[i + 1]) for i in range(len(widths) - 1))
    )  # fmt: skip


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
        offsets = gather(points, near) - centres[:, :, None]
        groups = torch.cat([offsets, gather(features, near)], 3)
        return centres, self.layers(groups).amax(2)


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
