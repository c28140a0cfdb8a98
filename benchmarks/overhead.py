"""What sampling costs beyond the model's own forward passes, in time and in memory.

Baseline: the bare network in the same batches, its scores thrown away.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from benchmarks.memory import peak_over
from benchmarks.timing import console, print_timings, time_in_turn
from segcert.models.adapter import Segmenter
from segcert.models.nets.depthwise import channels_last
from segcert.models.nets.hrnet import MEAN, STD, HRNetV2
from segcert.models.shipped import open_model
from segcert.models.wrapping import as_segmenter
from segcert.noise.gaussian import GaussianNoise
from segcert.sampling.sampler import sample
from segcert_scenes.streets import street_scene

CHECKED = 4  # draws with which `sample` checks that the model does not mix the draws of a batch


@dataclass(frozen=True)
class Case:
    """One model on one image.

    Args:
        title: What is timed.
        segmenter: The model.
        size: Height and width, pixels.
        batch: Draws that go through the model together.
        draws: All draws of a run.
        repeats: Runs.
        goal: Largest ratio that is aimed at.
    """

    title: str
    segmenter: Segmenter
    size: tuple[int, int]
    batch: int
    draws: int
    repeats: int
    goal: float


def hrnet(width: int, scale: float) -> Segmenter:
    """HRNetV2 with random weights, which cost as much as others."""
    torch.manual_seed(0)
    net = channels_last(HRNetV2(19, width).eval())
    return as_segmenter(net, mean=MEAN, std=STD, scale=scale, smallest_side=32)


def cases() -> list[Case]:
    """All models; at scale 1 the narrow HRNetV2, as a pass of the wide one takes half a minute."""
    shipped = open_model("synthetic")
    return [
        Case("shipped net", shipped, (360, 480), 4, 104, 5, 1.20),
        Case("shipped net", shipped, (1024, 2048), 1, 32, 2, 1.20),
        Case("HRNetV2-W48, scale 0.25", hrnet(48, 0.25), (1024, 2048), 1, 24, 2, 1.05),
        Case("HRNetV2-W18, scale 1", hrnet(18, 1.0), (1024, 2048), 1, 8, 1, 1.05),
    ]


def forward(case: Case) -> None:
    """Run the bare network on batches of the size that it sees in a run."""
    scale = case.segmenter.resizing.factors[0]
    height, width = (int(side * scale) for side in case.size)
    batch = torch.rand(case.batch, 3, height, width).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        for _ in range(case.draws // case.batch):
            case.segmenter.model(batch)


def draw(case: Case, image: np.ndarray, n0: int) -> None:
    """Run the sampler."""
    sample(
        case.segmenter, image, noise=GaussianNoise(0.25), n0=n0, n=case.draws - n0, seed=0,
        batch_size=case.batch,
    )  # fmt: skip


def print_case(case: Case) -> None:
    """Print the table of one case.

    The draws of the check cost as many passes, whatever the number of draws; the last line takes
    them out, as in a run of 1000 draws they are 0.4%.
    """
    height, width = case.size
    image = street_scene(0, height=height, width=width).image
    pilot = max(1, case.draws // 13)
    functions: dict[str, Callable[[], object]] = {
        "forward passes": partial(forward, case),
        "sample, pilot": partial(draw, case, image, pilot),
        "sample, no pilot": partial(draw, case, image, 0),
    }
    timings = time_in_turn(functions, repeats=case.repeats)
    print_timings(
        f"{case.title}: {case.draws} draws of {width}x{height}, batch {case.batch} "
        f"(and {CHECKED} more in `sample`, its check of the model)",
        timings,
        baseline="forward passes",
    )
    base = [bare / case.draws for bare in timings[0].seconds]
    ratios = [
        (whole - CHECKED * bare) / (bare * case.draws)
        for whole, bare in zip(timings[1].seconds, base, strict=True)
    ]
    console.print(
        f"ratio without the check, run by run: {min(ratios):.3f} to {max(ratios):.3f}; "
        f"goal {case.goal:.2f}\n"
    )


def print_memory() -> None:
    """Print what a run holds at its peak, over what the bare passes hold.

    With four draws at once, as the check of the model takes two, whatever the batch.
    """
    case = Case("shipped net", open_model("synthetic"), (1024, 2048), 4, 12, 1, 1.2)
    image = street_scene(0, height=1024, width=2048).image
    bare = peak_over(partial(forward, case))
    whole = peak_over(partial(draw, case, image, 1))
    components = case.size[0] * case.size[1]
    batch = 4 * 3 * components * case.batch
    over = (whole - bare - batch) / components
    console.print(
        f"peak memory of the shipped net at 2048x1024, batch {case.batch}: "
        f"bare {bare / 2**20:.0f} MiB, sample {whole / 2**20:.0f} MiB; over the bare "
        f"passes and one batch: {over:.1f} bytes a component; goal 16\n"
    )


def main() -> None:
    """Print one table per case, and the memory."""
    for case in cases():
        print_case(case)
    if os.name == "posix":
        print_memory()


if __name__ == "__main__":
    main()
