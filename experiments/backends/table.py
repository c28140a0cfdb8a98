"""Draws per second, certified share and accuracy of each backend, on images of CamVid val.

python -m experiments.backends.table --root DATA/camvid --images 20 --n 100

Seconds are those of sampling after everything is exported, compiled and warm; ratios are to PyTorch
in fp32 in the same run. The backends take turns, image by image, so that all see the same machine.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cyclopts import App
from rich.console import Console

from segcert.certificates.segcertify import certify
from segcert.data.camvid import CamVid
from segcert.data.labelled import LabelledImage
from segcert.data.subset import evenly_spaced
from segcert.errors import InputError, ModelError
from segcert.metrics.score import Score, score
from segcert.models.adapter import Segmenter
from segcert.models.backends.calibration import Calibration
from segcert.models.backends.choosing import with_backend
from segcert.models.identity.runtime import Precision
from segcert.models.shipped import open_model
from segcert.noise.gaussian import GaussianNoise
from segcert.sampling.sampler import sample

DATA = Path(os.environ.get("SEGCERT_DATA", Path(__file__).parents[3] / "shared/data"))
SIGMA, TAU, ALPHA, N0 = 0.25, 0.75, 1e-3, 10
RUNS: tuple[tuple[str, Precision], ...] = (
    ("torch", "fp32"), ("torch", "bf16"), ("torch", "fp16"), ("compile", "fp32"),
    ("onnx", "fp32"), ("openvino", "fp32"), ("openvino-int8", "fp32"),
)  # fmt: skip

app = App(help=__doc__)
messages, results = Console(stderr=True), Console()


@dataclass
class Line:
    """What one backend did so far.

    Args:
        segmenter: The model.
        seconds: Of all sampling.
        draws: Of all sampling.
        total: Of all images.
    """

    segmenter: Segmenter
    seconds: float = 0.0
    draws: int = 0
    total: Score | None = None

    def certify(self, item: LabelledImage, **options: Any) -> None:
        """Certify one image and add it up."""
        began = time.perf_counter()
        counts = sample(self.segmenter, item.image, noise=GaussianNoise(SIGMA), **options)
        self.seconds += time.perf_counter() - began
        self.draws += counts.n0 + counts.n
        cert = certify(counts, tau=TAU, alpha=ALPHA)
        found = score(cert.labels, cert.certified, item.labels, classes=counts.classes)
        self.total = found if self.total is None else self.total.plus(found)


@app.default
def table(
    *,
    root: Path = DATA / "camvid",
    images: int = 20,
    n: int = 100,
    model: str = "camvid",
    backend: list[str] | None = None,
    batch_size: int = 4,
    seed: int = 0,
) -> None:
    """Certify the images with each backend that is installed and print the table."""
    val = CamVid(root, "val")
    chosen = [val[number] for number in evenly_spaced(val, images).numbers]
    first = chosen[0]
    lines: dict[str, Line] = {}
    for name, precision in RUNS:
        if backend and name not in backend:
            continue
        try:
            segmenter = ready(model, name, precision, size=first.labels.shape)
        except (InputError, ModelError) as error:
            messages.print(f"left out: {error}", markup=False)
            continue
        lines[f"{name} {segmenter.runtime.precision}"] = Line(segmenter)
        sample(
            segmenter, first.image, noise=GaussianNoise(SIGMA),
            n0=1, n=batch_size, seed=seed, batch_size=batch_size,
        )  # fmt: skip
    for number in range(images):
        for line in lines.values():
            line.certify(chosen[number], n0=N0, n=n, seed=seed, batch_size=batch_size)
        messages.print(f"image {number + 1} of {images}")
    settings = f"sigma {SIGMA}, tau {TAU}, alpha {ALPHA}, n0 {N0}, n {n}, seed {seed}"
    results.print(f"{model}, {images} images of CamVid val, {settings}", markup=False)
    for text in rows(lines):
        results.print(text, markup=False)


def ready(model: str, backend: str, precision: Precision, *, size: tuple[int, ...]) -> Segmenter:
    """Open the model with one backend."""
    calibration = Calibration(SIGMA) if backend == "openvino-int8" else None
    height, width = size
    return with_backend(
        open_model(model), backend,
        precision=precision, calibration=calibration, size=(height, width),
    )  # fmt: skip


def rows(lines: dict[str, Line]) -> list[str]:
    """The table, in Markdown."""
    usual = lines.get("torch fp32")
    found = [
        "| backend | draws/s | of torch fp32 | certified share | certified accuracy | accuracy |",
        "|---|---|---|---|---|---|",
    ]
    for name, line in lines.items():
        if line.total is None:
            continue
        speed = line.draws / line.seconds
        ratio = f"{speed / (usual.draws / usual.seconds):.2f}" if usual else "–"
        total = line.total
        shares = (1 - total.abstention_all, total.certified_accuracy, total.accuracy)
        figures = " | ".join(f"{share:.4f}" for share in shares)
        found.append(f"| {name} | {speed:.1f} | {ratio} | {figures} |")
    return found


if __name__ == "__main__":
    app()
