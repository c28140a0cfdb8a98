"""Time functions in turn, and print medians with their spread."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

console = Console(highlight=False, width=110)


@dataclass(frozen=True)
class Timing:
    """Seconds of several runs of one function."""

    name: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Median seconds."""
        return statistics.median(self.seconds)


def time_in_turn(functions: dict[str, Callable[[], object]], *, repeats: int) -> list[Timing]:
    """Run functions A B C A B C ..., once to warm up and then several times."""
    found: dict[str, list[float]] = {name: [] for name in functions}
    for repeat in range(repeats + 1):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            if repeat:
                found[name].append(time.perf_counter() - start)
    return [Timing(name, tuple(seconds)) for name, seconds in found.items()]


def print_timings(title: str, timings: list[Timing], *, baseline: str) -> None:
    """Print milliseconds (median, min, max) and the ratio of medians to a baseline."""
    base = next(t.median for t in timings if t.name == baseline)
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    table.add_column("what")
    for name in ("median ms", "min", "max", f"ratio to {baseline}"):
        table.add_column(name, justify="right")
    for timing in timings:
        low, high = min(timing.seconds) * 1e3, max(timing.seconds) * 1e3
        ratio = f"{timing.median / base:.3g}"
        table.add_row(timing.name, f"{timing.median * 1e3:.1f}", f"{low:.1f}", f"{high:.1f}", ratio)
    console.print(table)
    console.print()
