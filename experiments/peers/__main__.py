"""Certify one image in the ways of others and in ours, in one run, and compare.

python -m experiments.peers --write docs/comparison.md      (minutes; one thread)

A row for the Adversarial Robustness Toolbox appears where it is installed.
"""

from functools import partial
from pathlib import Path

from cyclopts import App

from segcert.cli.shell import messages, results

from .measure import Way, measured_apart
from .one_pixel import art_is_installed, certify_by_art, certify_one
from .ours import certify_by_loop, certify_ours
from .published import certify
from .setting import Setting
from .table import markdown, write_between_markers

OURS = "segcert, Holm"
app = App(help=__doc__, help_format="plaintext")


def ways() -> dict[str, Way]:
    """All ways that can be measured here, by name."""
    found: dict[str, Way] = {
        OURS: certify_ours,
        "segcert, in the pilot's order": partial(certify_ours, correction="ordered"),
        "SegCertify as published: labels kept, one-hot counts, a test for each pixel": certify,
        "draws of segcert, `scipy.stats.binomtest` for each pixel": certify_by_loop,
        "smoothing of one label (Cohen's CERTIFY), one pixel": certify_one,
    }
    if art_is_installed():
        found["`RandomizedSmoothing` of ART, one pixel"] = certify_by_art
    return found


@app.default
def compare(
    *, height: int = 240, width: int = 320, n0: int = 10, n: int = 100, write: Path | None = None
) -> None:
    """Measure each way in a process of its own, and print the table.

    Args:
        height: Of the image, pixels.
        width: Of the image, pixels.
        n0: Pilot draws.
        n: Test draws.
        write: Page whose table is replaced, between its two markers.
    """
    rows = []
    for name, way in ways().items():
        messages.print(name, markup=False)
        rows.append(measured_apart(name, way, Setting((height, width), n0=n0, n=n)))
    text = markdown(rows, Setting((height, width), n0=n0, n=n), ours=OURS)
    results.print(text, markup=False)
    if write:
        write_between_markers(write, text)


if __name__ == "__main__":
    app()
