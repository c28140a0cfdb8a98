"""What sampling point clouds costs beyond the model's own forward passes.

Baseline: the bare network in the same batches, its scores thrown away.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from benchmarks.timing import console, print_timings, time_in_turn
from segcert.data.synthetic import shapes
from segcert.models.point_segmenter import PointSegmenter, as_point_segmenter
from segcert.models.pointnet import PointNet
from segcert.models.slim_pointnet2 import SlimPointNet2
from segcert.noise.base import AbstractNoise
from segcert.noise.points import PointNoise
from segcert.noise.pose import PoseNoise
from segcert.noise.rotation import RotationNoise
from segcert.sampling.sampler import sample

POINTS, DRAWS, BATCH, CATEGORY = 2048, 1000, 8, 11
NOISES: dict[str, AbstractNoise] = {
    "coordinates": PointNoise(0.05),
    "rotation": RotationNoise(0.1),
    "pose": PoseNoise(0.1, 0.05, 0.05),
}


def network(slim: bool) -> PointSegmenter:
    """A network with random weights, as it is certified."""
    torch.manual_seed(0)
    net = SlimPointNet2(50, categories=16) if slim else PointNet(50, categories=16)
    return as_point_segmenter(net.eval(), category=CATEGORY, parts=(36, 37), classes=50)


def forward(segmenter: PointSegmenter, batch: torch.Tensor, draws: int) -> None:
    """Run the bare network."""
    told = torch.full((len(batch),), CATEGORY)
    with torch.inference_mode():
        for _ in range(draws // len(batch)):
            segmenter.model(batch, told)


def draw(segmenter: PointSegmenter, cloud: np.ndarray, noise: AbstractNoise) -> None:
    """Run the sampler."""
    sample(segmenter, cloud, noise=noise, n0=0, n=DRAWS, seed=0, batch_size=BATCH)


def main() -> None:
    """Print one table for each network."""
    cloud = shapes.shape(0, points=POINTS).points
    batch = torch.from_numpy(cloud).expand(BATCH, POINTS, 3).contiguous()
    for name, slim in (("slim PointNet++", True), ("PointNet", False)):
        segmenter = network(slim)
        ways: dict[str, Callable[[], object]] = {
            f"sample, {kind}": partial(draw, segmenter, cloud, noise)
            for kind, noise in NOISES.items()
        }
        ways["forward passes"] = partial(forward, segmenter, batch, DRAWS)
        timings = time_in_turn(ways, repeats=1)
        title = f"{DRAWS} draws of {POINTS} points, batch {BATCH}, {name}"
        print_timings(title, timings, baseline="forward passes")
        rates = ", ".join(f"{one.name}: {DRAWS / one.median:.0f}" for one in timings)
        console.print(f"draws per second: {rates}\n")


if __name__ == "__main__":
    main()
