"""What one draw costs beyond the model, step by step: before and now, in one run.

python -m benchmarks.draw            (half a minute)

Processor time of one thread, the least of several runs in turn. "Before" is the same work by the
code of an older version: streams of version 1, which are kept for replays, or what is written out
here.
"""

import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from rich.table import Table
from torch import Tensor
from torch.nn import functional

from benchmarks.timing import console
from segcert.models.shipped import open_model
from segcert.noise.base import AbstractNoise
from segcert.noise.gaussian import GaussianNoise, LatticeGaussianNoise
from segcert.noise.grid import LEVELS, AbstractGridNoise, unsigned_buckets
from segcert.noise.laplace import LaplaceNoise, LatticeLaplaceNoise
from segcert.noise.uniform import LatticeUniformNoise, UniformNoise
from segcert.sampling.counting import add_labels
from segcert.sampling.fingerprints import ROW, hashes, weights
from segcert.sampling.streams import PhiloxStream, Stage, Streams
from segcert_scenes.streets import street_scene

SIZE = (360, 480)
RUNS = 15
SCALE = 0.25
CPU = torch.device("cpu")
GRIDS: tuple[AbstractGridNoise, ...] = (
    LatticeGaussianNoise(SCALE), LatticeUniformNoise(SCALE), LatticeLaplaceNoise(SCALE),
)  # fmt: skip
FLOATS = (GaussianNoise(SCALE), UniformNoise(SCALE), LaplaceNoise(SCALE))
Step = tuple[str, Callable[[], object] | None, Callable[[], object]]


def stream(version: int) -> PhiloxStream:
    """The stream of one draw."""
    found = Streams(1, "0" * 64, CPU, "cpu", version).of_draw(Stage.TEST, 0)
    assert isinstance(found, PhiloxStream)
    return found


def noise_steps(pixels: Tensor) -> list[Step]:
    """The whole noise of a draw, for each law, on bytes and on floats."""
    floats = pixels.float() / LEVELS
    cases: list[tuple[str, AbstractNoise, Tensor]] = [
        *((f"noise of bytes, {one.kind}", one, pixels) for one in GRIDS),
        *((f"noise of floats, {one.kind}", one.with_grid(floats), floats) for one in FLOATS),
    ]

    def draw(noise: AbstractNoise, x: Tensor, version: int) -> Tensor:
        return noise.sample(x, 1, rng=stream(version))

    return [(name, partial(draw, one, x, 1), partial(draw, one, x, 2)) for name, one, x in cases]


def inner_steps(pixels: Tensor) -> list[Step]:
    """What the noise of bytes is made of, all values at once."""
    count, (noise, *_) = pixels.numel(), GRIDS
    table, words = noise.table, stream(2).part_words(count)
    buckets = unsigned_buckets(table)
    steps = np.take(buckets, words.leading, mode="wrap")
    unsure = np.flatnonzero(steps == table.unsure)
    whole = stream(1).words((len(unsure),)).numpy()
    thresholds, ints = table.thresholds.numpy(), torch.from_numpy(steps.copy())
    noisy, flat = torch.empty(count), pixels.reshape(-1)

    def undecided() -> None:
        found = np.flatnonzero(steps == table.unsure)
        steps[found] = np.searchsorted(thresholds, whole[: len(found)], side="right")
        steps[unsure] = table.unsure

    def converted() -> None:
        noisy.copy_(ints.clone().add_(flat)).div_(LEVELS)

    share = f"{len(unsure) / count:.1%}"
    return [
        ("  random bits", lambda: stream(1).words((count,)), lambda: stream(2).part_words(count)),
        ("  look-up", None, lambda: np.take(buckets, words.leading, mode="wrap")),
        (f"  undecided, {share} of the values", None, undecided),
        ("  addition, conversion", None, converted),
    ]


def padded_hashes(batch: Tensor) -> Tensor:
    """Fingerprints as they were: rows that are not full were copied, with zeros behind."""
    words = batch.reshape(len(batch), -1).view(torch.int32)
    columns, lines = weights(ROW, CPU).numpy(), weights(2**20, CPU).numpy()
    whole = words.shape[1] // (2 * ROW) * 2 * ROW
    rest = functional.pad(words[:, whole:], (0, -words.shape[1] % (2 * ROW))).numpy()
    found = []
    for full, last in zip(words[:, :whole].numpy(), rest, strict=True):
        parts = [part.view(np.int64).reshape(-1, ROW) @ columns for part in (full, last)]
        by_line = np.concatenate(parts)
        found.append(by_line @ lines[: len(by_line)])
    return torch.from_numpy(np.array(found, dtype=np.int64))


def model_steps(pixels: Tensor) -> list[Step]:
    """What comes after the noise, but for the network."""
    segmenter = open_model("camvid")
    batch = GRIDS[0].sample(pixels, 1, rng=stream(2))
    scores = segmenter.output(batch.clone())
    labels = segmenter.to_labels(scores, SIZE)
    guess, classes = labels[0], segmenter.count_classes(scores)

    def counted(dtype: torch.dtype, chosen: Tensor | None) -> Callable[[], None]:
        shape = SIZE if chosen is not None else (classes, *SIZE)
        counts = torch.zeros(shape, dtype=dtype)
        return lambda: add_labels(counts, labels, chosen)

    return [
        ("fingerprint", lambda: padded_hashes(batch), lambda: hashes(batch)),
        (f"labels, {classes} classes", None, lambda: segmenter.to_labels(scores, SIZE)),
        ("counts of the test", counted(torch.int16, guess), counted(torch.uint8, guess)),
        ("counts of the pilot", counted(torch.int16, None), counted(torch.uint8, None)),
    ]


def least(functions: list[Callable[[], object]]) -> list[float]:
    """Milliseconds of this thread, each the least of runs in turn."""
    found = [float("inf")] * len(functions)
    for _ in range(RUNS):
        for number, function in enumerate(functions):
            start = time.thread_time()
            function()
            found[number] = min(found[number], 1e3 * (time.thread_time() - start))
    return found


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    height, width = SIZE
    image = street_scene(0, height=height, width=width).image
    pixels = torch.from_numpy(image).permute(2, 0, 1).contiguous()
    steps = noise_steps(pixels) + inner_steps(pixels) + model_steps(pixels)
    table = Table(
        title=f"one draw of {width}x{height}: ms of one thread, the least of {RUNS}",
        title_justify="left", box=None, pad_edge=False, header_style="bold",
    )  # fmt: skip
    table.add_column("step")
    for name in ("before", "now", "now / before"):
        table.add_column(name, justify="right")
    with torch.inference_mode():
        for name, before, now in steps:
            *was, is_ = least([*([before] if before else []), now])
            ratio = f"{is_ / was[0]:.2f}" if was else ""
            table.add_row(name, f"{was[0]:.2f}" if was else "", f"{is_:.2f}", ratio)
    console.print(table)


if __name__ == "__main__":
    main()
