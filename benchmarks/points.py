"""What the networks of point clouds cost: sampling, balls, normals and forward passes.

Baseline of sampling and balls: a Python loop over single points, which must find the same indices.
Also a loop over centres in numpy, one cloud after the other.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import nn

from benchmarks.timing import console, print_timings, time_in_turn
from segcert.models.nets.point_normals import estimate_normals
from segcert.models.nets.point_ops import ball_query, farthest_points, gather
from segcert.models.nets.pointnet import PointNet
from segcert.models.nets.pointnet2 import PointNet2
from segcert.models.nets.slim_pointnet2 import SlimPointNet2

POINTS, CLOUDS, CENTRES, RADIUS, COUNT = 2048, 8, 512, 0.2, 32
LOOP = "loop over points"


def clouds() -> torch.Tensor:
    """Noisy clouds in the unit sphere, float64 so that all ways round alike."""
    points = torch.randn(CLOUDS, POINTS, 3, generator=torch.Generator().manual_seed(0)).double()
    size = points.square().sum(2).amax(1).sqrt()
    return points.div_(size[:, None, None])


def farthest_by_points(batch: torch.Tensor) -> list[list[int]]:
    """Farthest points, one point at a time."""
    found = []
    for cloud in batch.tolist():
        nearest, chosen = [float("inf")] * len(cloud), [0]
        while len(chosen) < CENTRES:
            cx, cy, cz = cloud[chosen[-1]]
            best, place = -1.0, 0
            for index, (x, y, z) in enumerate(cloud):
                gap = (x - cx) * (x - cx) + (y - cy) * (y - cy) + (z - cz) * (z - cz)
                if gap < nearest[index]:
                    nearest[index] = gap
                if nearest[index] > best:
                    best, place = nearest[index], index
            chosen.append(place)
        found.append(chosen)
    return found


def farthest_by_centres(batch: torch.Tensor) -> list[list[int]]:
    """Farthest points, one centre of one cloud at a time, in numpy."""
    found = []
    for cloud in batch.numpy():
        nearest, chosen = np.full(len(cloud), np.inf), [0]
        while len(chosen) < CENTRES:
            squared = (cloud - cloud[chosen[-1]]) ** 2
            nearest = np.minimum(nearest, squared[:, 0] + squared[:, 1] + squared[:, 2])
            chosen.append(int(nearest.argmax()))
        found.append(chosen)
    return found


def balls_by_points(batch: torch.Tensor, centres: torch.Tensor) -> list[list[list[int]]]:
    """Balls, one point at a time."""
    found = []
    for cloud, its_centres in zip(batch.tolist(), centres.tolist(), strict=True):
        balls = []
        for cx, cy, cz in its_centres:
            ball: list[int] = []
            for index, (x, y, z) in enumerate(cloud):
                gap = (x - cx) * (x - cx) + (y - cy) * (y - cy) + (z - cz) * (z - cz)
                if gap <= RADIUS**2:
                    ball.append(index)
                    if len(ball) == COUNT:
                        break
            balls.append(ball + [ball[0]] * (COUNT - len(ball)))
        found.append(balls)
    return found


def balls_by_centres(batch: torch.Tensor, centres: torch.Tensor) -> list[list[list[int]]]:
    """Balls, one centre of one cloud at a time, in numpy."""
    found = []
    for cloud, its_centres in zip(batch.numpy(), centres.numpy(), strict=True):
        balls = []
        for centre in its_centres:
            squared = (cloud - centre) ** 2
            inside = squared[:, 0] + squared[:, 1] + squared[:, 2] <= RADIUS**2
            ball = inside.nonzero()[0][:COUNT].tolist()
            balls.append(ball + [ball[0]] * (COUNT - len(ball)))
        found.append(balls)
    return found


def sampling() -> None:
    """Time farthest points and balls against the loops."""
    batch = clouds()
    ways: dict[str, Callable[[], object]] = {
        LOOP: partial(farthest_by_points, batch),
        "loop over centres, numpy": partial(farthest_by_centres, batch),
        "farthest_points": partial(farthest_points, batch, CENTRES),
        "farthest_points, float32": partial(farthest_points, batch.float(), CENTRES),
    }
    title = f"{CENTRES} farthest points of {POINTS}, {CLOUDS} clouds"
    print_timings(title, time_in_turn(ways, repeats=2), baseline=LOOP)
    chosen = farthest_points(batch, CENTRES)
    check_same(chosen, farthest_by_points(batch), farthest_by_centres(batch))
    centres = gather(batch, chosen)
    query = partial(ball_query, radius=RADIUS, count=COUNT)
    balls: dict[str, Callable[[], object]] = {
        LOOP: partial(balls_by_points, batch, centres),
        "loop over centres, numpy": partial(balls_by_centres, batch, centres),
        "ball_query": partial(query, batch, centres),
        "ball_query, float32": partial(query, batch.float(), centres.float()),
    }
    title = f"{CENTRES} balls of radius {RADIUS} and {COUNT} points of {POINTS}, {CLOUDS} clouds"
    print_timings(title, time_in_turn(balls, repeats=2), baseline=LOOP)
    check_same(
        query(batch, centres), balls_by_points(batch, centres), balls_by_centres(batch, centres)
    )


def check_same(found: torch.Tensor, *others: object) -> None:
    """Stop if another way finds other indices."""
    if any(found.tolist() != other for other in others):
        console.print("NOT the indices that the loops find")
        raise SystemExit(1)
    console.print("same indices as the loops: yes\n")


def passes() -> None:
    """Time one forward pass of each network."""
    batch, told = clouds().float(), torch.zeros(CLOUDS, dtype=torch.int64)
    nets: dict[str, nn.Module] = {
        "PointNet": PointNet(50, categories=16),
        "slim PointNet++": SlimPointNet2(50, categories=16),
        "PointNet++ MSG": PointNet2(),
    }
    with torch.inference_mode():
        ways: dict[str, Callable[[], object]] = {
            name: partial(net.eval(), batch, told) for name, net in nets.items()
        }
        timings = time_in_turn(ways | {"normals": partial(estimate_normals, batch)}, repeats=2)
    title = (
        f"Forward passes of {CLOUDS} clouds of {POINTS} points, {torch.get_num_threads()} threads"
    )
    print_timings(title, timings, baseline="PointNet")


def main() -> None:
    """Print all."""
    sampling()
    passes()


if __name__ == "__main__":
    main()
