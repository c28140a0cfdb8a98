"""What sampling point clouds costs beyond the model's own forward passes.

Baseline: the bare network on noisy clouds of the same kind, in the same batches, its scores thrown
away.
"""

from functools import partial

import numpy as np
import torch

from benchmarks.timing import console, print_timings, time_in_turn
from segcert.models.nets.point_frame import unit_sphere
from segcert.models.nets.slim_pointnet2 import SlimPointNet2
from segcert.models.point_segmenter import PointSegmenter
from segcert.models.wrapping_points import as_point_segmenter
from segcert.noise.base import AbstractNoise
from segcert.noise.points import PointNoise
from segcert.noise.pose import PoseNoise
from segcert.noise.rotation import RotationNoise
from segcert.sampling.sampler import sample
from segcert.sampling.streams import Stage, Streams
from segcert_scenes import shapes

POINTS, DRAWS, BATCH, CATEGORY = 2048, 1000, 8, 11
NOISES: dict[str, AbstractNoise] = {
    "coordinates": PointNoise(0.05),
    "rotation": RotationNoise(0.1),
    "pose": PoseNoise(0.1, 0.05, 0.05),
}


def network() -> PointSegmenter:
    """The small PointNet++ with random weights, as it is certified."""
    net = SlimPointNet2(50, categories=16).eval()
    return as_point_segmenter(net, category=CATEGORY, parts=(36, 37), classes=50)


def noisy(cloud: np.ndarray, noise: AbstractNoise) -> torch.Tensor:
    """A batch of noisy clouds as the network gets them."""
    device = torch.device("cpu")
    rng = Streams(0, "", device, "cpu").of_draw(Stage.TEST, 0)
    return unit_sphere(noise.sample(torch.from_numpy(cloud), BATCH, rng=rng))


def forward(segmenter: PointSegmenter, batch: torch.Tensor) -> None:
    """Run the bare network."""
    told = torch.full((len(batch),), CATEGORY)
    with torch.inference_mode():
        for _ in range(DRAWS // len(batch)):
            segmenter.model(batch, told)


def draw(segmenter: PointSegmenter, cloud: np.ndarray, noise: AbstractNoise) -> None:
    """Run the sampler."""
    sample(segmenter, cloud, noise=noise, n0=0, n=DRAWS, seed=0, batch_size=BATCH)


def main() -> None:
    """Print one table for each noise."""
    cloud, segmenter = shapes.shape(0, points=POINTS).points, network()
    for kind, noise in NOISES.items():
        timings = time_in_turn(
            {
                "forward passes": partial(forward, segmenter, noisy(cloud, noise)),
                "sample": partial(draw, segmenter, cloud, noise),
            },
            repeats=2,
        )
        title = f"{DRAWS} draws of {POINTS} points, {kind}, batch {BATCH}, small PointNet++"
        print_timings(title, timings, baseline="forward passes")
        rates = ", ".join(f"{one.name} {DRAWS / one.median:.0f}" for one in timings)
        console.print(f"draws per second: {rates}\n")


if __name__ == "__main__":
    main()
