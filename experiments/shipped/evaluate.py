"""Certify the evaluation images of a shipped model and print the figures of docs/models.md.

python experiments/shipped/evaluate.py camvid [--images 101]     (needs CamVid val)
python experiments/shipped/evaluate.py synthetic [--images 50]
"""

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from cyclopts import App
from rich.console import Console

from segcert.certificates.segcertify import certify
from segcert.cli.progress import DrawProgress
from segcert.cli.shell import messages
from segcert.data.camvid import CamVid
from segcert.data.drawn_scenes import FIRST_TEST_SCENE, Scenes
from segcert.data.labelled import LabelledImage
from segcert.metrics.score import Score, score
from segcert.models.shipped import open_model
from segcert.noise.gaussian import GaussianNoise
from segcert.sampling.sampler import sample

DATA = Path(os.environ.get("SEGCERT_DATA", Path(__file__).parents[3] / "shared/data"))
SIGMA, TAU, ALPHA, N0, N = 0.25, 0.75, 1e-3, 10, 100

app = App(help=__doc__)


def evaluation_images(data: str, images: int, root: Path) -> Sequence[LabelledImage]:
    """Evenly spaced images of CamVid val, or synthetic scenes that were not trained on."""
    if data == "synthetic":
        return Scenes(images, first=FIRST_TEST_SCENE)
    val = CamVid(root, "val")
    return [val[i * len(val) // images] for i in range(images)]


@app.default
def evaluate(
    data: Literal["camvid", "synthetic"],
    *,
    images: int = 101,
    root: Path = DATA / "camvid",
    model: str | None = None,
    seed: int = 0,
) -> None:
    """Certify the images and print the figures."""
    segmenter = open_model(model or data)
    chosen = evaluation_images(data, images, root)
    total: Score | None = None
    start = time.monotonic()
    with DrawProgress(messages) as progress:
        for number, item in enumerate(chosen):
            noise = GaussianNoise(SIGMA)
            counts = sample(segmenter, item.image, noise=noise, n0=N0, n=N, seed=seed)
            cert = certify(counts, tau=TAU, alpha=ALPHA)
            found = score(cert.labels, cert.certified, item.labels, classes=counts.classes)
            total = found if total is None else total.plus(found)
            progress("images", number + 1, images)
    assert total is not None
    figures = {
        "data": f"{data}, {images} images",
        "model": segmenter.name,
        "settings": f"sigma {SIGMA}, tau {TAU}, alpha {ALPHA} per image, n0 {N0}, n {N}, Holm",
        "seed": seed,
        "radius": cert.radius,
        "certified accuracy": round(total.certified_accuracy, 4),
        "accuracy": round(total.accuracy, 4),
        "mean IoU": round(total.mean_iou, 4),
        "abstention, labelled pixels": round(total.abstention, 4),
        "abstention, all pixels": round(total.abstention_all, 4),
        "seconds per image": round((time.monotonic() - start) / images, 2),
    }
    Console().print_json(json.dumps(figures))


if __name__ == "__main__":
    app()
