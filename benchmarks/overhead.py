"""What sampling costs beyond the model's own forward passes.

Baseline: the bare network in the same batches, its scores thrown away.
"""

from functools import partial

import numpy as np
import torch

from benchmarks.timing import print_timings, time_in_turn
from segcert.data.synthetic import street_scene
from segcert.models.adapter import Segmenter
from segcert.models.shipped import open_model
from segcert.noise.gaussian import GaussianNoise
from segcert.sampling.sampler import sample

SIZES = ((360, 480, 4, 104, 5), (1024, 2048, 1, 32, 2))  # height, width, batch, draws, repeats


def forward(segmenter: Segmenter, batch: torch.Tensor, draws: int) -> None:
    """Run the bare network."""
    with torch.inference_mode():
        for _ in range(draws // len(batch)):
            segmenter.model(batch)


def draw(segmenter: Segmenter, image: np.ndarray, *, n0: int, n: int, batch_size: int) -> None:
    """Run the sampler."""
    sample(segmenter, image, noise=GaussianNoise(0.25), n0=n0, n=n, seed=0, batch_size=batch_size)


def main() -> None:
    """Print one table per image size."""
    segmenter = open_model("synthetic")
    for height, width, size, draws, repeats in SIZES:
        image = street_scene(0, height=height, width=width).image
        batch = torch.rand(size, 3, height, width).contiguous(memory_format=torch.channels_last)
        timings = time_in_turn(
            {
                "forward passes": partial(forward, segmenter, batch, draws),
                "sample, pilot": partial(
                    draw, segmenter, image, n0=8, n=draws - 8, batch_size=size
                ),
                "sample, no pilot": partial(draw, segmenter, image, n0=0, n=draws, batch_size=size),
            },
            repeats=repeats,
        )
        print_timings(
            f"{draws} draws of {width}x{height}, batch {size} (sample checks the model by 4 more)",
            timings,
            baseline="forward passes",
        )


if __name__ == "__main__":
    main()
