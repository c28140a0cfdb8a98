"""What `sample` costs against the same forward passes, bare: in time, beside others, in memory.

python -m benchmarks.overhead                               print the tables
python -m benchmarks.overhead --write docs/performance.md   and replace the block of the page
python -m benchmarks.overhead --pairs 3 --only shipped      fewer pairs, cases by their titles

Baselines, with as many passes as `sample` makes, those of its check of the model among them:

- plain loop: the bare network, one batch after the other, with torch's default threads;
- side by side: the bare network in as many threads, each with one of torch's;
- loop with noise and labels: what a user would write, with noise, resizing, labels and counts.

All take turns; a ratio is one of a pair of neighbours.
"""

import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from cyclopts import App
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.memory import peak_over
from benchmarks.timing import Timing, console, time_in_turn
from segcert.files import atomic_write
from segcert.models.adapter import Segmenter
from segcert.models.nets.depthwise import channels_last
from segcert.models.nets.hrnet import MEAN, STD, HRNetV2
from segcert.models.shipped import open_model
from segcert.models.wrapping import as_segmenter
from segcert.noise.gaussian import GaussianNoise
from segcert.sampling.copies import copies_of
from segcert.sampling.counting import count_block
from segcert.sampling.sampler import sample
from segcert.sampling.setup import automatic_batch_size, make_task
from segcert.sampling.streams import Stage
from segcert.sampling.tally import DrawBlock
from segcert.sampling.threads import side_by_side
from segcert_scenes.streets import street_scene

CHECKED = 4  # draws with which `sample` checks that the model does not mix the draws of a batch
BEGIN, END = "<!-- overhead: begin -->", "<!-- overhead: end -->"
LOOP, BESIDE, BY_HAND, SAMPLE = "plain loop", "side by side", "loop with noise and labels", "sample"
BUSY, BUSY_DRAWS, BUSY_GOAL = 2, 20, 2.0


@dataclass(frozen=True)
class Case:
    """One model on one image.

    Args:
        title: What is timed.
        segmenter: The model.
        size: Height and width, pixels.
        n0: Pilot draws.
        n: Test draws.
        loop_goal: Largest ratio to the plain loop that is aimed at; None for no aim.
        best_goal: Largest ratio to the better of the two bare arrangements.
    """

    title: str
    segmenter: Segmenter
    size: tuple[int, int]
    n0: int
    n: int
    loop_goal: float | None
    best_goal: float

    @property
    def batch(self) -> int:
        """Draws that go through the model together in `sample`."""
        return automatic_batch_size(self.size, on_cuda=False, stochastic=False)

    @property
    def image(self) -> np.ndarray:
        """The image."""
        height, width = self.size
        found: np.ndarray = street_scene(0, height=height, width=width).image
        return found

    @property
    def seen(self) -> tuple[int, int]:
        """Height and width that the network sees."""
        factor = self.segmenter.resizing.factors[0]
        return int(self.size[0] * factor), int(self.size[1] * factor)

    @property
    def draws(self) -> int:
        """Draws that pass the model in `sample`."""
        return self.n0 + self.n + CHECKED


NOISE = GaussianNoise(0.25)


def hrnet(width: int, scale: float) -> Segmenter:
    """HRNetV2 with random weights, which cost as much as others."""
    torch.manual_seed(0)
    net = channels_last(HRNetV2(19, width).eval())
    return as_segmenter(net, mean=MEAN, std=STD, scale=scale, smallest_side=32)


def cases() -> list[Case]:
    """All models, with random weights where they are not shipped."""
    shipped = open_model("synthetic")
    return [
        Case("shipped net", shipped, (360, 480), 10, 50, 1.00, 1.15),
        Case("shipped net", shipped, (1024, 2048), 4, 16, 0.80, 1.15),
        Case("HRNetV2-W48, scale 0.25", hrnet(48, 0.25), (1024, 2048), 4, 32, None, 1.05),
    ]


def batches(case: Case) -> list[Tensor]:
    """Batches as the network sees them in a run."""
    size = case.batch
    full = torch.rand(size, 3, *case.seen).contiguous(memory_format=torch.channels_last)
    rest = case.draws % size
    return [full] * (case.draws // size) + ([full[:rest]] if rest else [])


def plain_loop(net: nn.Module, given: list[Tensor]) -> None:
    """One batch after the other, with torch's threads."""
    with torch.inference_mode():
        for batch in given:
            net(batch)


def bare_side_by_side(nets: list[nn.Module], given: list[Tensor]) -> None:
    """Several batches at a time, each in one thread."""

    def call(net: nn.Module, batch: Tensor) -> None:
        with torch.inference_mode():
            net(batch)

    side_by_side(call, nets, given)


def loop_by_hand(case: Case, batch: int) -> None:
    """Noise, model, labels and counts as one would write them."""
    image = torch.from_numpy(case.image).permute(2, 0, 1)[None].float() / 255
    counts: Tensor | None = None
    with torch.inference_mode():
        for start in range(0, case.draws, batch):
            size = min(batch, case.draws - start)
            noisy = image + NOISE.sigma * torch.randn(size, *image.shape[1:])
            scores = case.segmenter.output(noisy)
            assert isinstance(scores, Tensor)
            scores = functional.interpolate(scores, size=case.size, mode="bilinear")
            hit = functional.one_hot(scores.argmax(1), scores.shape[1]).sum(0)
            counts = hit if counts is None else counts + hit


def draw(case: Case) -> None:
    """Run the sampler."""
    sample(case.segmenter, case.image, noise=NOISE, n0=case.n0, n=case.n, seed=0)


def measured(case: Case, pairs: int) -> dict[str, Timing]:
    """Time everything in turn."""
    given, threads = batches(case), torch.get_num_threads()
    nets = [copy.model for copy in copies_of(case.segmenter, threads)]
    functions: dict[str, Callable[[], object]] = {
        LOOP: partial(plain_loop, nets[0], given),
        SAMPLE: partial(draw, case),
        BESIDE: partial(bare_side_by_side, nets, given),
        BY_HAND: partial(loop_by_hand, case, len(given[0])),
    }
    return {one.name: one for one in time_in_turn(functions, repeats=pairs)}


def ratios(one: Timing, other: Timing) -> list[float]:
    """Ratios of pairs."""
    return [a / b for a, b in zip(one.seconds, other.seconds, strict=True)]


def spread(values: list[float], form: str = ".2f") -> str:
    """Median, least and largest."""
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def verdict(value: float, goal: float | None, *, least: bool = False) -> str:
    """The aim, and whether it is missed."""
    if goal is None:
        return ""
    reached = value >= goal if least else value <= goal
    return f"{goal:.2f}" if reached else f"{goal:.2f}, **missed**"


def table_of_times(found: list[tuple[Case, dict[str, Timing]]]) -> list[str]:
    """Lines of a table: milliseconds a draw, of all draws that pass the model."""
    lines = [
        "| model, image, draws | plain loop | side by side | with noise and labels | `sample` |",
        "|---|---|---|---|---|",
    ]
    for case, times in found:
        cells = [
            spread([1e3 * one / case.draws for one in times[name].seconds], ".1f")
            for name in (LOOP, BESIDE, BY_HAND, SAMPLE)
        ]
        lines.append(f"| {described(case)} | {' | '.join(cells)} |")
    return lines


def table_of_ratios(found: list[tuple[Case, dict[str, Timing]]]) -> list[str]:
    """Lines of a table: `sample` over the plain loop and over the better bare arrangement."""
    lines = [
        "| model, image, draws | `sample` / plain loop | aim | `sample` / best bare | aim |",
        "|---|---|---|---|---|",
    ]
    for case, times in found:
        best = min(times[LOOP], times[BESIDE], key=lambda one: one.median)
        to_loop, to_best = ratios(times[SAMPLE], times[LOOP]), ratios(times[SAMPLE], best)
        lines.append(
            f"| {described(case)} | {spread(to_loop)} | "
            f"{verdict(statistics.median(to_loop), case.loop_goal)} | {spread(to_best)} | "
            f"{verdict(statistics.median(to_best), case.best_goal)} |"
        )
    return lines


def described(case: Case) -> str:
    """A case in a table."""
    height, width = case.size
    return f"{case.title}, {width}x{height}, {case.n0} + {case.n}"


def beside_others(pairs: int) -> str:
    """Draws a second beside busy processes: side by side, over one after the other."""
    image, model = street_scene(0, height=360, width=480).image, open_model("synthetic")
    tasks = {
        name: make_task(model, image, noise=NOISE, seed=0, device="cpu", workers=workers)
        for name, workers in (("now", torch.get_num_threads()), ("before", 1))
    }
    block, size = DrawBlock(Stage.TEST, 0, BUSY_DRAWS), cases()[0].batch
    functions: dict[str, Callable[[], object]] = {
        name: partial(count_block, task, block, None, batch_size=size)
        for name, task in tasks.items()
    }
    with busy_processes(BUSY):
        now, before = time_in_turn(functions, repeats=pairs)
    gains = ratios(before, now)
    rates = [spread([BUSY_DRAWS / one for one in it.seconds], ".1f") for it in (now, before)]
    return (
        f"Beside {BUSY} busy processes, the shipped net at 480x360: {rates[0]} draws/s side by "
        f"side, {rates[1]} one after the other with torch's threads; {spread(gains)} times; "
        f"aim {verdict(statistics.median(gains), BUSY_GOAL, least=True)}."
    )


@contextmanager
def busy_processes(number: int) -> Iterator[None]:
    """Keep processors busy meanwhile."""
    spawning = multiprocessing.get_context("spawn")
    running = [spawning.Process(target=spin, daemon=True) for _ in range(number)]
    for one in running:
        one.start()
    time.sleep(1)
    try:
        yield
    finally:
        for one in running:
            one.terminate()
            one.join()


def spin() -> None:
    """Compute for ever."""
    while True:
        sum(range(10_000))


def bare(case: Case, batch: int) -> None:
    """Run the bare network, with one thread."""
    torch.set_num_threads(1)
    given = torch.rand(batch, 3, *case.seen).contiguous(memory_format=torch.channels_last)
    assert isinstance(case.segmenter.model, nn.Module)
    plain_loop(case.segmenter.model, [given] * 3)


def drawn(case: Case, batch: int) -> None:
    """Run the sampler with batches of a given size and one worker."""
    torch.set_num_threads(1)
    sample(case.segmenter, case.image, noise=NOISE, n0=1, n=11, seed=0, batch_size=batch)


def memory(batch: int = 4) -> str:
    """What a run holds at its peak, over what the bare passes hold.

    With four draws at once, as the check of the model takes two, whatever the batch; with one
    worker, as each further one holds a pass of its own.
    """
    case = Case("shipped net", open_model("synthetic"), (1024, 2048), 1, 11, None, 1.0)
    passes, whole = peak_over(partial(bare, case, batch)), peak_over(partial(drawn, case, batch))
    components = case.size[0] * case.size[1]
    over = (whole - passes - 4 * 3 * components * batch) / components
    return (
        f"Peak memory of the shipped net at 2048x1024, batch {batch}, one worker: bare "
        f"{passes / 2**20:.0f} MiB, `sample` {whole / 2**20:.0f} MiB; beyond the bare passes and "
        f"one batch: {over:.1f} bytes a component; aim {verdict(over, 16)}."
    )


app = App(help=__doc__)


@app.default
def main(*, pairs: int = 5, only: str = "", write: Path | None = None) -> None:
    """Print the tables, and replace the block of a page with them.

    Args:
        pairs: Runs of everything, in turn.
        only: Part of the titles of the cases that are run.
        write: Page whose block is replaced, between its two markers.
    """
    found = [(case, measured(case, pairs)) for case in cases() if only in case.title]
    parts = [
        f"{torch.get_num_threads()} threads, {pairs} pairs; milliseconds a draw, median (least to "
        "largest):",
        *table_of_times(found),
        *table_of_ratios(found),
        beside_others(pairs),
    ]
    if os.name == "posix":
        parts.append(memory())
    text = as_page(parts)
    console.print(text, markup=False, soft_wrap=True)
    if write:
        before, begin, rest = write.read_text(encoding="utf-8").partition(BEGIN)
        after = rest.partition(END)[2]
        with atomic_write(write) as file:
            file.write(f"{before}{begin}\n{text}\n{END}{after}".encode())


def as_page(parts: list[str]) -> str:
    """Paragraphs and tables with empty lines between them."""
    lines: list[str] = []
    for part in parts:
        begins = part.startswith("| model") or not part.startswith("|")
        lines += ["", part] if lines and begins else [part]
    return "\n".join(lines)


if __name__ == "__main__":
    app()
