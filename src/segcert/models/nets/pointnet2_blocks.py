"""Parts of PointNet++ with multi-scale grouping, named as in the public checkpoints."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from segcert.models.nets.point_blocks import activated, folded, grouped, pointwise
from segcert.models.nets.point_ops import ball_query, farthest_points, gather, interpolate

Layer = tuple[Tensor, Tensor | None, nn.BatchNorm1d]  # weight (k, c), bias (k,), batch norm


@dataclass(frozen=True)
class Ball:
    """One scale of grouping.

    Args:
        radius: In units of the scaled cloud.
        count: Points looked at.
        widths: Channels of the layers.
    """

    radius: float
    count: int
    widths: tuple[int, ...]


class MultiScale(nn.Module):
    """Describe balls of several radii around centres that cover the cloud.

    Args:
        inputs: Channels of the points beside their coordinates.
        scales: Radii, counts and layers.
        centres: Number of centres.

    Source:
        Qi et al. (2017), PointNet++, NeurIPS, Section 3.3 (multi-scale grouping).
    """

    def __init__(self, inputs: int, scales: Sequence[Ball], *, centres: int) -> None:
        super().__init__()
        self.scales, self.centres = tuple(scales), centres
        self.outputs = sum(scale.widths[-1] for scale in scales)
        self.conv_blocks = nn.ModuleList(convs(inputs + 3, s.widths) for s in scales)
        self.bn_blocks = nn.ModuleList(norms(s.widths) for s in scales)

    def forward(
        self,
        points: Float[Tensor, " b n 3"],
        features: Float[Tensor, " b n c"],
        *,
        rng: Generator | None = None,
    ) -> tuple[Float[Tensor, " b m 3"], Float[Tensor, " b m k"]]:
        """Return the centres and the features of their balls, all scales side by side."""
        centres = gather(points, farthest_points(points, self.centres, rng=rng))
        found = []
        for scale, convs, norms in zip(self.scales, self.conv_blocks, self.bn_blocks, strict=True):
            near = ball_query(points, centres, radius=scale.radius, count=scale.count)
            (weight, bias, norm), *others = layers(convs, norms)
            weight, bias = folded(weight, bias, norm)
            balls = activated(grouped(features, points, centres, near, weight, bias), norm)
            found.append(stacked(balls, others).amax(2))
        return centres, torch.cat(found, 2)


class Whole(nn.Module):
    """Describe the whole cloud by the maximum over its points.

    Args:
        inputs: Channels of the points beside their coordinates.
        widths: Channels of the layers.

    Source:
        Qi et al. (2017), PointNet++, NeurIPS, Section 3.2.
    """

    def __init__(self, inputs: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.mlp_convs, self.mlp_bns = convs(inputs + 3, widths), norms(widths)

    def forward(
        self, points: Float[Tensor, " b n 3"], features: Float[Tensor, " b n c"]
    ) -> tuple[Float[Tensor, " b 1 3"], Float[Tensor, " b 1 k"]]:
        """Return one point, the origin, and the features of the cloud."""
        described = stacked(torch.cat([points, features], 2), layers(self.mlp_convs, self.mlp_bns))
        return torch.zeros_like(points[:, :1]), described.amax(1, keepdim=True)


class Carry(nn.Module):
    """Carry features back to the finer points, beside what is known there.

    Args:
        inputs: Channels of the fine and the coarse points together.
        widths: Channels of the layers.

    Source:
        Qi et al. (2017), PointNet++, NeurIPS, Section 3.4.
    """

    def __init__(self, inputs: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.mlp_convs, self.mlp_bns = convs(inputs, widths, axes=1), norms(widths)

    def forward(
        self,
        points: Float[Tensor, " b n 3"],
        features: Float[Tensor, " b n c"],
        coarse_points: Float[Tensor, " b m 3"],
        coarse: Float[Tensor, " b m d"],
    ) -> Float[Tensor, " b n k"]:
        """Return features of the finer points."""
        carried = interpolate(coarse, coarse_points, points)
        return stacked(torch.cat([features, carried], 2), layers(self.mlp_convs, self.mlp_bns))


def stacked(x: Float[Tensor, " *points c"], stack: list[Layer]) -> Float[Tensor, " *points k"]:
    """Apply layers one after the other, the same for each point."""
    for weight, bias, norm in stack:
        x = pointwise(x, weight, bias, norm)
    return x


def layers(convs: nn.Module, norms: nn.Module) -> list[Layer]:
    """Read convolutions of size 1 as the linear layers that they are, and their batch norms."""
    found: list[Layer] = []
    for conv, norm in zip(convs.children(), norms.children(), strict=True):
        assert isinstance(conv, nn.Conv1d | nn.Conv2d)
        assert isinstance(norm, nn.BatchNorm1d)
        found.append((conv.weight.flatten(1), conv.bias, norm))
    return found


def convs(inputs: int, widths: Sequence[int], *, axes: int = 2) -> nn.ModuleList:
    """Make linear layers with the shapes of convolutions, as the checkpoints have them."""
    kind: type[nn.Module] = nn.Conv2d if axes == 2 else nn.Conv1d
    ins = (inputs, *widths[:-1])
    return nn.ModuleList(kind(i, o, 1) for i, o in zip(ins, widths, strict=True))


def norms(widths: Sequence[int]) -> nn.ModuleList:
    """Make the batch norms of the layers."""
    return nn.ModuleList(nn.BatchNorm1d(width) for width in widths)
