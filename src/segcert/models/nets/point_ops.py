"""Sampling and neighbourhoods of point clouds, for all clouds of a batch at once.

Distances are sums of squared differences, exact to rounding, and not ``|a|^2 - 2ab + |b|^2``,
which loses the small ones. No cloud has a say in what another one gets.
"""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Generator, Tensor

from segcert.errors import InputError

FAST_PAIRS = 2**17  # distances at once: they stay in the cache of a CPU
MOST_PAIRS = 2**26  # on other devices: 256 MiB
CLOSEST = 3  # neighbours that interpolation averages
FLOOR = 1e-8  # added to squared distances before they are inverted


@torch.no_grad()
def squared_distances(
    ones: Float[Tensor, " b m 3"], others: Float[Tensor, " b n 3"]
) -> Float[Tensor, " b m n"]:
    """Squared distance of each point to each other point of the same cloud; without gradient."""
    x, y, z = (
        (ones[:, :, axis, None] - others[:, None, :, axis]).square_() for axis in range(3)
    )  # fmt: skip
    return x.add_(y).add_(z)


def in_blocks(
    points: Float[Tensor, " b n 3"], centres: Float[Tensor, " b m 3"]
) -> Iterator[Float[Tensor, " clouds rows n"]]:
    """Go through the squared distances of centres to points, as many at once as are fast.

    The blocks, flattened to rows, are in the order of the centres of all clouds, flattened.
    """
    pairs = FAST_PAIRS if points.device.type == "cpu" else MOST_PAIRS
    (clouds, centres_each, _), size = centres.shape, points.shape[1]
    rows = min(centres_each, max(1, pairs // size))
    together = max(1, pairs // (size * centres_each))
    for cloud in range(0, clouds, together):
        here = slice(cloud, cloud + together)
        for row in range(0, centres_each, rows):
            yield squared_distances(centres[here, row : row + rows], points[here])


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
    found = [first_within(block, radius, count) for block in in_blocks(points, centres)]
    return torch.cat(found).view(*centres.shape[:2], count)


def first_within(
    squared: Float[Tensor, " clouds rows n"], radius: float, count: int
) -> Int64[Tensor, " balls {count}"]:
    """Do what ``ball_query`` does, from squared distances."""
    balls, points = squared.shape[0] * squared.shape[1], squared.shape[2]
    hits = places_within(squared.flatten(), radius**2)  # of all balls, one ball after the other
    first = torch.arange(balls + 1, device=squared.device) * points
    start = torch.searchsorted(hits, first)[:, None]
    size = start[1:] - start[:-1]
    if not len(hits):
        return hits.new_zeros(balls, count)
    place = torch.arange(count, device=squared.device)
    taken = (start[:-1] + place.where(place < size, 0)).clamp_(max=len(hits) - 1)
    return (hits[taken] - first[:-1, None]).masked_fill_(size == 0, 0)


def places_within(values: Float[Tensor, " m"], limit: float) -> Int64[Tensor, " hits"]:
    """List where values are at most ``limit``; numpy is several times as fast on a CPU."""
    if values.device.type == "cpu":
        return torch.from_numpy(np.flatnonzero(values.numpy() <= limit))
    return (values <= limit).nonzero()[:, 0]


@torch.no_grad()
def closest_points(
    points: Float[Tensor, " b n 3"], centres: Float[Tensor, " b m 3"], count: int
) -> Int64[Tensor, " b m {count}"]:
    """Find the closest points to each centre, in the order of their distance.

    Returns:
        Indices.

    Raises:
        InputError: If a cloud has fewer points.
    """
    check_enough(points.shape[1], count)
    found = [
        block.topk(count, largest=False).indices.flatten(0, 1)
        for block in in_blocks(points, centres)
    ]
    return torch.cat(found).view(*centres.shape[:2], count)


def interpolate(
    features: Float[Tensor, " b m c"],
    points: Float[Tensor, " b m 3"],
    centres: Float[Tensor, " b n 3"],
) -> Float[Tensor, " b n c"]:
    """Carry features to other points: mean of the three closest, weighted by 1/distance^2.

    Source:
        Qi et al. (2017), PointNet++, NeurIPS, eq. 2, with k = 3 and p = 2.
    """
    if points.shape[1] == 1:
        return features.expand(-1, centres.shape[1], -1)
    near = closest_points(points, centres, min(CLOSEST, points.shape[1]))
    gaps = gather(points, near) - centres[:, :, None]
    weights = interpolation_weights(gaps.square().sum(3))
    return torch.einsum("bnkc,bnk->bnc", gather(features, near), weights)


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
