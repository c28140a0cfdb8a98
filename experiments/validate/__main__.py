"""Measure the error of every procedure, and that the measurement sees defects.

python -m experiments.validate --write docs/validation.md      (a few minutes on one core)

Exits with status 1 if a procedure exceeds alpha significantly, or a negative control is not
flagged.
"""

import sys
from pathlib import Path

from cyclopts import App

from segcert.cli.progress import DrawProgress
from segcert.cli.shell import messages, results
from segcert.files import atomic_write

from .adversaries import adversaries
from .cases import grid
from .controls import controls
from .counts import counts
from .end_to_end import end_to_end, repeats_are_refused
from .float_noise import float_noise
from .harness import Case, find
from .models import INDEPENDENT
from .pairs import pairs, stopped_orders
from .replays import replays
from .shared_randomness import shared_randomness
from .table import as_json, markdown, write_between_markers

app = App(help=__doc__)


def cases(*, short: bool) -> list[Case]:
    """What is measured; the short version leaves out most of the grid and repeats less."""
    if short:
        return [
            *grid(40, (INDEPENDENT,)),
            *pairs(20, (INDEPENDENT,)),
            *stopped_orders(40, 200, (1,)),
            *adversaries(430),
            *counts(40, 300, (INDEPENDENT,)),
            *end_to_end(800),
            *float_noise(800, 50),
            *shared_randomness(800),
            *replays(430),
            *controls(600),
        ]
    return [
        *grid(500),
        *pairs(250),
        *stopped_orders(500, 1500, (1, 10)),
        *adversaries(3000),
        *counts(150, 600),
        *end_to_end(4000),
        *float_noise(1600, 200),
        *shared_randomness(4000),
        *replays(430),
        *controls(1500),
    ]


@app.default
def validate(
    *,
    short: bool = False,
    seed: int = 0,
    write: Path | None = None,
    numbers: Path | None = None,
    jobs: int = 1,
) -> None:
    """Print the tables.

    Args:
        short: Seconds in place of minutes.
        seed: Of all random numbers.
        write: Page whose tables are replaced, between its two markers.
        numbers: File for the counts of all cases, as JSON.
        jobs: Processes that measure side by side.
    """
    with DrawProgress(messages) as progress:
        found = find(cases(short=short), seed, progress, jobs=jobs)
    refused = repeats_are_refused()
    text = markdown(found, seed=seed, refused=refused)
    results.print(text, markup=False)
    if numbers:
        with atomic_write(numbers) as file:
            file.write(as_json(found).encode())
    if write:
        write_between_markers(write, text)
    wrong = [one for one in found if not one.as_it_should_be]
    for one in wrong:
        messages.print(f"not as it should be: {one.case.row}, {one.case.truth}", markup=False)
    sys.exit(1 if wrong or not refused else 0)


if __name__ == "__main__":
    app()
