"""Certify CamVid with each way to smooth scores, and write the tables of docs/choosing.md.

python -m experiments.smoothing --images 10                    (train: every way; 8 minutes)
python -m experiments.smoothing --split val --images 101       (none and Gaussians; 2 hours)
python -m experiments.smoothing --write docs/choosing.md       (nothing is drawn)

Noise of sigma = 0.25, the network `camvid`, n0 = 4, n = 96, tau = 0.75, Holm, alpha = 0.001 for
each image. All ways see the same draws: the network answers once. What an image gave is kept in
results/, so the same command goes on where it was stopped.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any, Literal

import numpy as np
from cyclopts import App
from torch import Tensor

import segcert as sc
from segcert.cli.progress import DrawProgress
from segcert.cli.shell import messages, results
from segcert.data.camvid import CamVid
from segcert.files import atomic_write
from segcert.metrics.iou import iou, mean_iou
from segcert.models.adapter import Segmenter
from segcert.models.shipped import open_model

from .filters import TRIED, Filter

DATA = Path(os.environ.get("SEGCERT_DATA", Path(__file__).parents[3] / "shared/data"))
RESULTS = Path(__file__).parent / "results"
BEGIN, END = "<!-- smoothing: begin -->", "<!-- smoothing: end -->"
SIGMA, N0, N, TAU, ALPHA, BATCH = 0.25, 4, 96, 0.75, 1e-3, 4
SIZES = {"train": 367, "val": 101}  # images of a split
SUMMED = ("components", "certified", "labelled", "correct")
BY_CLASS = ("truth", "hits", "false_hits", "uncertified")
Row = dict[str, Any]

app = App(help=__doc__, help_format="plaintext")


class Remembered:
    """A network that answers each batch once; later ways to smooth are given what it said."""

    def __init__(self, segmenter: Segmenter) -> None:
        self.network = segmenter.model
        self.answers: dict[bytes, Tensor] = {}

    def __call__(self, batch: Tensor) -> Tensor:
        """Answer, or remember."""
        key = hashlib.sha256(batch.contiguous().numpy().tobytes()).digest()
        if key not in self.answers:
            self.answers[key] = self.network(batch)
        return self.answers[key]


def certified(segmenter: Segmenter, item: Any) -> Row:
    """What is certified of one image, in counts that add up."""
    counts = sc.sample(
        segmenter, item.image, noise=sc.GaussianNoise(SIGMA), n0=N0, n=N, seed=0, device="cpu",
        batch_size=BATCH,
    )  # fmt: skip
    found = sc.certify(counts, tau=TAU, alpha=ALPHA)
    score, worst = sc.score(found, item.labels), sc.worst_case(found, item.labels)
    return {
        "components": score.components, "certified": score.certified, "labelled": score.labelled,
        "correct": score.certified_correct,
        **{name: getattr(worst, name).tolist() for name in BY_CLASS},
    }  # fmt: skip


def study(item: Any, ways: tuple[Filter, ...], segmenter: Segmenter) -> dict[str, Row]:
    """One image with every way to smooth, on the same draws."""
    remembered = Remembered(segmenter)
    return {way.name: certified(way.of(segmenter, remembered), item) for way in ways}


def load(split: str) -> dict[str, dict[str, Row]]:
    """What was measured before: image -> way -> counts."""
    path = RESULTS / f"{split}.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def save(split: str, rows: dict[str, dict[str, Row]]) -> None:
    """Keep what was measured."""
    with atomic_write(RESULTS / f"{split}.json") as file:
        file.write((json.dumps(rows, separators=(",", ":"), sort_keys=True) + "\n").encode())


def table(rows: dict[str, dict[str, Row]]) -> str:
    """One line for each way that every image has."""
    lines = [
        "| scores smoothed by | certified share | certified accuracy | worst-case mIoU |",
        "|---|---|---|---|",
    ]
    names = [way.name for way in TRIED if all(way.name in row for row in rows.values())]
    for name in names:
        total = {key: sum(row[name][key] for row in rows.values()) for key in SUMMED}
        of = {key: np.sum([row[name][key] for row in rows.values()], axis=0) for key in BY_CLASS}
        others = of["uncertified"].sum() - of["uncertified"]
        worst = mean_iou(iou(of["hits"], of["truth"] + of["false_hits"] + others))
        lines.append(
            f"| {name} | {total['certified'] / total['components']:.4f} | "
            f"{total['correct'] / total['labelled']:.4f} | {worst:.3f} |"
        )
    return "\n".join(lines)


def page() -> str:
    """Both tables with what they are of."""
    parts = []
    for split, words in (("train", "the width is chosen on these"), ("val", "not chosen on these")):
        rows = load(split)
        if rows:
            parts.append(
                f"CamVid {split}, {len(rows)} of {SIZES[split]} images ({words}):\n\n{table(rows)}"
            )
    return "\n\n".join(parts) + "\n"


@app.default
def smoothing(
    *,
    split: Literal["train", "val"] = "train",
    images: int = 0,
    root: Path = DATA / "camvid",
    write: Path | None = None,
) -> None:
    """Measure so many evenly spaced images of a split, and print or write all tables."""
    if images:
        rows, segmenter, data = load(split), open_model("camvid"), CamVid(root, split)
        ways = TRIED if split == "train" else tuple(way for way in TRIED if not way.change)
        with DrawProgress(messages) as progress:
            for at in range(images):
                item = data[at * len(data) // images]
                if item.name not in rows:
                    rows[item.name] = study(item, ways, segmenter)
                    save(split, rows)
                progress(split, at + 1, images)
    text = page()
    if write is None:
        results.print(text, markup=False, highlight=False)
        return
    before, begin, rest = write.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{write} needs the lines {BEGIN} and {END}")
    with atomic_write(write) as file:
        file.write(f"{before}{BEGIN}\n{text}{END}{after}".encode())


if __name__ == "__main__":
    app()
