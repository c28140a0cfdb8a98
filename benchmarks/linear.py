"""Cost of `sample` against the number of draws and of pixels: a figure for the documents.

python -m benchmarks.linear            (writes docs/images/linear.png; a few minutes)
"""

import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from benchmarks.timing import console
from segcert.models.shipped import open_model
from segcert.noise.gaussian import GaussianNoise
from segcert.sampling.sampler import sample
from segcert_scenes.streets import street_scene

DRAWS = (16, 32, 64, 128)
SIDES = ((90, 120), (180, 240), (360, 480), (720, 960))  # height, width
REPEATS = 3


def seconds(size: tuple[int, int], draws: int) -> float:
    """Processor time of a run, the least of several: other work on the machine does not count."""
    image = street_scene(0, height=size[0], width=size[1]).image
    found = []
    for _ in range(REPEATS):
        start = time.process_time()
        sample(
            open_model("synthetic"), image, noise=GaussianNoise(0.25), n0=4, n=draws - 4, seed=0,
            batch_size=1,
        )  # fmt: skip
        found.append(time.process_time() - start)
    return min(found)


def slope(x: list[float], y: list[float]) -> float:
    """Exponent of the power law through the points: 1 is linear."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def main() -> None:
    """Measure and draw."""
    seconds(SIDES[0], DRAWS[0])  # warm up
    by_draws = [seconds((180, 240), draws) for draws in DRAWS]
    by_pixels = [seconds(size, 16) for size in SIDES]
    pixels = [float(height * width) for height, width in SIDES]
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    for axis, x, y, name in (
        (axes[0], [float(draws) for draws in DRAWS], by_draws, "draws at 240x180"),
        (axes[1], pixels, by_pixels, "pixels, 16 draws"),
    ):
        exponent = slope(x, y)
        console.print(f"{name}: exponent {exponent:.2f}, seconds {[round(s, 2) for s in y]}")
        axis.loglog(x, y, "o-")
        axis.loglog(x, [y[-1] * each / x[-1] for each in x], ":", color="grey", label="linear")
        axis.set(xlabel=name, ylabel="processor seconds", title=f"exponent {exponent:.2f}")
        axis.legend()
    figure.savefig(Path(__file__).parents[1] / "docs/images/linear.png", dpi=110)


if __name__ == "__main__":
    main()
