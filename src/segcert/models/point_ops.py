"""Sampling and neighbourhoods of point clouds, for all clouds of a batch at once.

Distances are sums of squared differences, exact to rounding, and not ``|a|^2 - 2ab + |b|^2``,
which loses the small ones. No cloud has a say in what another one gets.
"""

import torch
from jaxtyping import Float, Int64
from torch import Generator, Tensor

from segcert.errors import InputError

CLOSEST = 3  # neighbours that interpolation averages
FLOOR = 1e-8  # added to squared distances before they are inverted


def squared_distances(
    ones: Float[Tensor, " b m 3"], others: Float[Tensor, " b n 3"]
) -> Float[Tensor, " b m n"]:
    """Squared distance of each point to each other point of the same cloud."""
    x, y, z = (
        (ones[:, :, axis, None] - others[:, None, :, axis]).square() for axis in range(3)
    )  # fmt: skip
    return x.add_(y).add_(z)


def gather(
    features: Float[Tensor, " b n c"], indices: Int64[Tensor, " b *where"]
) -> Float[Tensor, " b *where c"]:
    """Take the features of points, by their indices within each cloud."""
    clouds, points, channels = features.shape
    first = torch.arange(clouds, device=indices.device) * points
    rows = indices.flatten(1) + first[:, None]
    taken = features.reshape(clouds * points, channels).index_select(0, rows.flatten())
    return taken.view(*indices.shape, channels)


@torch.no_grad()
def farthest_points(
    points: Float[Tensor, " b n 3"], count: int, *, rng: Generator | None = None
) -> Int64[Tensor, " b {count}"]:
    """Choose points that cover the cloud: each next one is the farthest from those before.

    Of duplicates only one is chosen, as long as there are others.

    Args:
        points: Coordinates.
        count: Number of points to choose.
        rng: Draws the first point of each cloud; None: the first is point 0.

    Returns:
        Indices, in the order of the choice.

    Raises:
        InputError: If a cloud has fewer points.

    Source:
        Qi et al. (2017), PointNet++, NeurIPS, Section 3.2 (sampling layer); Gonzalez (1985).
    """
    check_enough(points.shape[1], count)
    clouds, size, _ = points.shape
    axes = points.permute(2, 0, 1).contiguous()
    chosen = torch.zeros(clouds, count, dtype=torch.int64, device=points.device)
    if rng is not None:
        chosen[:, 0] = torch.randint(size, (clouds,), generator=rng, device=points.device)
    nearest = torch.full((clouds, size), torch.inf, dtype=points.dtype, device=points.device)
    for step in range(1, count):
        last = chosen[None, :, step - 1, None].expand(3, clouds, 1)
        gaps = (axes - axes.gather(2, last)).square_()
        nearest = torch.minimum(nearest, gaps[0].add_(gaps[1]).add_(gaps[2]))
        torch.argmax(nearest, 1, out=chosen[:, step])
    return chosen


@torch.no_grad()
def ball_query(
    points: Float[Tensor, " b n 3"],
    centres: Float[Tensor, " b m 3"],
    *,
    radius: float,
    count: int,
) -> Int64[Tensor, " b m {count}"]:
    """Find points within a radius of each centre: the first ones in the order of their indices.

    Where there are fewer, the first one is repeated; where there is none, point 0 is.

    Args:
        points: Coordinates to choose from.
        centres: Coordinates of the balls' centres.
        radius: Of the balls, closed; units of the coordinates.
        count: Points to return for each ball.

    Source:
        Qi et al. (2017), PointNet++, NeurIPS, Section 3.2 (grouping layer).
    """
    return first_within(squared_distances(centres, points), radius=radius, count=count)


@torch.no_grad()
def first_within(
    squared: Float[Tensor, " b m n"], *, radius: float, count: int
) -> Int64[Tensor, " b m {count}"]:
    """Do what ``ball_query`` does, from squared distances: several radii share them."""
    inside = (squared <= radius**2).flatten(0, 1)
    ball, index = inside.nonzero(as_tuple=True)
    size = inside.sum(1)
    place = torch.arange(len(ball), device=squared.device) - (size.cumsum(0) - size)[ball]
    kept = place < count
    found = torch.zeros(len(inside), count, dtype=torch.int64, device=squared.device)
    found[ball[kept], place[kept]] = index[kept]
    empty = torch.arange(count, device=squared.device) >= size[:, None]
    return torch.where(empty, found[:, :1], found).view(*squared.shape[:2], count)


def closest_points(
    points: Float[Tensor, " b n 3"], centres: Float[Tensor, " b m 3"], count: int
) -> tuple[Int64[Tensor, " b m {count}"], Float[Tensor, " b m {count}"]]:
    """Find the closest points to each centre, in the order of their distance.

    Returns:
        Indices, and squared distances.

    Raises:
        InputError: If a cloud has fewer points.
    """
    check_enough(points.shape[1], count)
    squared, indices = squared_distances(centres, points).topk(count, largest=False)
    return indices, squared


def interpolate(
    features: Float[Tensor, " b m c"],
    points: Float[Tensor, " b m 3"],
    centres: Float[Tensor, " b n 3"],
) -> Float[Tensor, " b n c"]:
    """Carry features to other points: mean of the three closest, weighted by 1/distance^2.

    Source:
        Qi et al. (2017), PointNet++, NeurIPS, eq. 2, with k = 3 and p = 2.
    """
    indices, squared = closest_points(points, centres, min(CLOSEST, points.shape[1]))
    weights = interpolation_weights(squared)
    return (gather(features, indices) * weights[..., None]).sum(2)


def interpolation_weights(squared: Float[Tensor, " b n k"]) -> Float[Tensor, " b n k"]:
    """Weights that fall with the squared distance and sum to 1."""
    inverse = 1 / (squared + FLOOR)
    return inverse / inverse.sum(-1, keepdim=True)


def check_enough(points: int, count: int) -> None:
    """Refuse a cloud with too few points.

    Raises:
        InputError: If ``points`` is less than ``count``.
    """
    if points < count:
        raise InputError(
            f"the network needs clouds of at least {count} points, got {points}: sample the "
            "surface more densely, or repeat points"
        )
