"""Check a GPU against the CPU, then time certificates beside the paper's figures.

python -m experiments.gpu --budget 480

From a source tree that is not installed: ``PYTHONPATH=src python -m experiments.gpu``. Random
weights cost as much as trained ones. Writes ``gpu.json`` and ``gpu.md`` after each row, so that
what was measured before an end of any kind is kept.
"""

import json
import platform
import sys
import time
from dataclasses import asdict
from pathlib import Path

import torch
from cyclopts import App

from segcert.files import atomic_write

from .checks import Check, checks
from .measure import Row, convolution_rate, tf32
from .rows import Sizes, Work, nets, rows

PAPER_CARD = "RTX 2080 Ti"
app = App(help="Check and time certificates on a GPU.")


class Record:
    """What was found so far; written after each finding.

    Args:
        out: Folder of the figures.
        device: Where it runs.
    """

    def __init__(self, out: Path, device: str) -> None:
        self.out = out
        self.device = device
        self.checks: list[Check] = []
        self.rates: dict[str, float] = {}
        self.rows: list[Row] = []
        self.left_out: list[str] = []

    @property
    def passed(self) -> bool:
        """Whether all checks are right."""
        return all(check.passed for check in self.checks)

    def write(self) -> None:
        """Write both files."""
        found = {
            "device": device_name(self.device),
            "torch": torch.__version__, "python": platform.python_version(),
            "checks": [asdict(check) for check in self.checks],
            "convolutions, TFLOP/s": {key: rate / 1e12 for key, rate in self.rates.items()},
            "rows": [asdict(row) for row in self.rows],
            "left out for want of time": self.left_out,
        }  # fmt: skip
        for name, content in (
            ("gpu.json", json.dumps(found, indent=1) + "\n"),
            ("gpu.md", self.markdown()),
        ):
            with atomic_write(self.out / name) as file:
                file.write(content.encode())

    def markdown(self) -> str:
        """Tell all findings."""
        rates = ", ".join(f"{key} {rate / 1e12:.3g}" for key, rate in self.rates.items())
        lines = [
            f"{device_name(self.device)}, torch {torch.__version__}; measured rate of a large "
            f"convolution, TFLOP/s: {rates}.",
            "",
            "| check | found | |",
            "|---|---|---|",
            *(f"| {one.name} | {one.found} | {verdict(one)} |" for one in self.checks),
            "",
            "| what | settings | draws | seconds | over bare passes | share of the rate "
            f"| paper ({PAPER_CARD}) |",
            "|---|---|---|---|---|---|---|",
            *(self.told(row) for row in self.rows),
        ]
        if self.left_out:
            lines += ["", "Left out for want of time: " + "; ".join(self.left_out) + "."]
        return "\n".join(lines) + "\n"

    def told(self, row: Row) -> str:
        """Tell one row."""
        over = f"{row.seconds / row.bare:.3f}" if row.bare else ""
        rate = self.rates["bf16" if "bf16" in row.settings else "fp32" if "fp32" in row.settings
                          else "TF32"]  # fmt: skip
        share = f"{row.share(rate):.0%}" if row.operations else ""
        paper = f"{row.paper:g}" if row.paper else ""
        return (
            f"| {row.name} | {row.settings} | {row.draws} | {row.seconds:.3g} | {over} | {share} "
            f"| {paper} |"
        )


def verdict(check: Check) -> str:
    """A check in one word."""
    return "passed" if check.passed else "**failed**"


def device_name(device: str) -> str:
    """Name the device."""
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else "a CPU"


def rates(device: str) -> dict[str, float]:
    """Measure the rate of convolutions in each arithmetic."""
    found = {}
    for name, allowed, dtype in (
        ("fp32", False, torch.float32),
        ("TF32", True, torch.float32),
        ("bf16", True, torch.bfloat16),
    ):
        with tf32(allowed):
            found[name] = convolution_rate(device, dtype)
    return found


def run(out: Path, device: str, sizes: Sizes, *, budget: float) -> bool:
    """Check, then measure the most important first, while there is time.

    Args:
        out: Folder of the figures.
        device: Where to run.
        sizes: How large everything is.
        budget: Seconds in all.

    Returns:
        Whether all checks are right.
    """
    ends = time.monotonic() + budget
    torch.manual_seed(0)
    record, models = Record(out, device), nets(sizes)
    record.checks = checks(models.wide, sizes.checked, device=device)
    record.rates = rates(device)
    record.write()
    for work in rows(models, sizes, device):
        measure(work, record, ends)
        record.write()
    print(record.markdown())
    return record.passed


def measure(work: Work, record: Record, ends: float) -> None:
    """Measure one row, or say that there is no time for it, or why it failed."""
    if time.monotonic() + work.expected > ends:
        record.left_out.append(work.title)
        return
    print(work.title, file=sys.stderr, flush=True)
    try:
        record.rows.append(work.measure())
    except Exception as error:  # the other rows are worth their time
        record.left_out.append(f"{work.title} ({type(error).__name__}: {error})")


@app.default
def main(*, out: Path = Path("runs/gpu"), device: str = "cuda", budget: float = 480) -> None:
    """Check and time.

    Args:
        out: Folder of the figures.
        device: Where to run.
        budget: Seconds in all; rows that do not fit are named.
    """
    if device.startswith("cuda") and not torch.cuda.is_available():
        sys.exit("no CUDA device: this study needs one; --device cpu times this processor instead")
    if not run(out, device, Sizes(), budget=budget):
        sys.exit("a check failed: see the table")


if __name__ == "__main__":
    app()
