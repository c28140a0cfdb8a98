"""Cost of `sample` to 100,000 draws and 100 megapixels: a figure for the documents.

python -m benchmarks.scale            (writes docs/images/scale.png; half an hour, 10 GiB)

The model is a threshold, which costs nothing, so that what is seen is the sampler. Each point is a
process of its own with one thread: its processor time, and by how much its peak memory rose.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from cyclopts import App
from jaxtyping import Float, Int64
from matplotlib.axes import Axes
from torch import Tensor

from benchmarks.memory import used_by
from benchmarks.timing import console
from segcert.models.wrapping import as_segmenter
from segcert.noise.gaussian import GaussianNoise
from segcert.sampling.sampler import sample

DRAWS = (100, 1_000, 10_000, 100_000)
SMALL = (36, 48)  # height and width of the image that gets so many draws
SIDES = ((75, 100), (240, 320), (750, 1000), (2400, 3200), (7500, 10_000), (10_000, 10_000))
FEW = 4  # draws of the large images, one of them of the pilot
CHECKED = 4  # draws with which `sample` checks the model; they are counted, too
SMALL_BATCH = 100

app = App(help=__doc__, help_format="plaintext")


@dataclass(frozen=True)
class Point:
    """One run: what was asked, and what it took."""

    amount: int  # draws or pixels
    seconds: float  # of the processor
    memory: int  # bytes


def bright(batch: Float[Tensor, " b 3 h w"]) -> Int64[Tensor, " b h w"]:
    """Label a pixel by whether its first channel is above one half."""
    return (batch[:, 0] > 0.5).long()


def run(size: tuple[int, int], draws: int, batch: int) -> None:
    """Sample a grey image."""
    torch.set_num_threads(1)
    image = np.full((*size, 3), 128, dtype=np.uint8)
    sample(
        as_segmenter(bright, classes=2), image, noise=GaussianNoise(0.25), n0=1, n=draws - 1,
        seed=0, device="cpu", batch_size=batch,
    )  # fmt: skip


def point(amount: int, size: tuple[int, int], draws: int, batch: int) -> Point:
    """Measure one run, and print it."""
    used = used_by(partial(run, size, draws, batch))
    console.print(
        f"{size[1]}x{size[0]}, {draws} draws: {used.seconds:.2f} s, {used.memory / 2**20:.0f} MiB"
    )
    return Point(amount, used.seconds, used.memory)


def slope(points: list[Point], value: str) -> float:
    """Exponent of the power law through the last two points: 1 is linear."""
    x, y = ([float(getattr(one, name)) for one in points[-2:]] for name in ("amount", value))
    return float(np.polyfit(np.log(x), np.log(np.maximum(y, 1e-9)), 1)[0])


def draw(axis: Axes, points: list[Point], value: str, label: str, unit: float = 1.0) -> None:
    """Draw one panel, with the line on which cost is proportional."""
    x = [one.amount for one in points]
    y = [getattr(one, value) / unit for one in points]
    axis.loglog(x, y, "o-")
    axis.loglog(x, [y[-1] * each / x[-1] for each in x], ":", color="grey", label="proportional")
    axis.set(ylabel=label, title=f"last exponent {slope(points, value):.2f}")
    axis.legend()


@app.default
def main(
    *, draws: int = DRAWS[-1], pixels: int = SIDES[-1][0] * SIDES[-1][1], write: bool = True
) -> None:
    """Measure and draw.

    Args:
        draws: The most draws.
        pixels: The most pixels: 100 million need 10 GiB.
        write: Write the figure of the documents.
    """
    by_draws = [point(one, SMALL, one, SMALL_BATCH) for one in DRAWS if one <= draws]
    sides = [size for size in SIDES if size[0] * size[1] <= pixels]
    by_pixels = [point(size[0] * size[1], size, FEW, 1) for size in sides]
    figure, axes = plt.subplots(2, 2, figsize=(8, 5.6), layout="constrained")
    for row, (points, name) in enumerate(
        ((by_draws, f"draws at {SMALL[1]}x{SMALL[0]}"), (by_pixels, f"pixels, {FEW} draws"))
    ):
        draw(axes[row, 0], points, "seconds", "processor seconds")
        draw(axes[row, 1], points, "memory", "peak memory, MiB", 2**20)
        for axis in axes[row]:
            axis.set(xlabel=name)
        console.print(
            f"{name}: last exponents {slope(points, 'seconds'):.2f} (time), "
            f"{slope(points, 'memory'):.2f} (memory)"
        )
    if write:
        figure.savefig(Path(__file__).parents[1] / "docs/images/scale.png", dpi=110)


if __name__ == "__main__":
    app()
