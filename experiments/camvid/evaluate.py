"""Certify CamVid val with the shipped model and print the figures of docs/camvid.md.

python experiments/camvid/evaluate.py [--images 101] [--root DIR] [--model camvid] [--seed 0]
"""

import json
import os
import time
from pathlib import Path

from cyclopts import App
from rich.console import Console

from segcert.certificates.segcertify import certify
from segcert.cli.shell import messages
from segcert.data.camvid import CLASSES, CamVid
from segcert.metrics.score import Score, score
from segcert.models.shipped import open_model
from segcert.noise.lattice import LatticeGaussianNoise
from segcert.report.progress import DrawProgress
from segcert.sampling.sampler import sample

DATA = Path(os.environ.get("SEGCERT_DATA", Path(__file__).parents[3] / "shared/data"))
SIGMA, TAU, ALPHA, N0, N = 0.25, 0.75, 1e-3, 10, 100

app = App(help=__doc__)


@app.default
def evaluate(
    *,
    root: Path = DATA / "camvid",
    images: int = 101,
    model: str = "camvid",
    seed: int = 0,
) -> None:
    """Certify evenly spaced images of the val split and print one line of figures."""
    data = CamVid(root, "val")
    segmenter = open_model(model)
    chosen = [data[i * len(data) // images] for i in range(images)]
    total: Score | None = None
    start = time.monotonic()
    with DrawProgress(messages) as progress:
        for number, item in enumerate(chosen):
            counts = sample(
                segmenter, item.image,
                noise=LatticeGaussianNoise(SIGMA), n0=N0, n=N, seed=seed,
            )  # fmt: skip
            cert = certify(counts, tau=TAU, alpha=ALPHA)
            found = score(cert.labels, cert.certified, item.labels, classes=len(CLASSES))
            total = found if total is None else total.plus(found)
            progress("images", number + 1, images)
    assert total is not None
    figures = {
        "images": images,
        "model": model,
        "sigma": SIGMA, "tau": TAU, "alpha per image": ALPHA, "n0": N0, "n": N, "seed": seed,
        "radius": cert.radius,
        "certified accuracy": round(total.certified_accuracy, 4),
        "accuracy": round(total.accuracy, 4),
        "mean IoU": round(total.mean_iou, 4),
        "abstention (labelled pixels)": round(total.abstention, 4),
        "abstention (all pixels)": round(total.abstention_all, 4),
        "seconds per image": round((time.monotonic() - start) / images, 2),
    }  # fmt: skip
    Console().print_json(json.dumps(figures))


if __name__ == "__main__":
    app()
