"""Draw once, study often: labels and scores of every draw on images of CamVid val.

python experiments/power/draws.py --images 8 --out runs/power      (half an hour on one core)

For each image it keeps the labels of the first draws, the scores of the first few at the network's
own resolution, and the counts of all: from them `power.py` computes what every procedure would have
certified with any number of draws. An image that is there is not drawn again.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from cyclopts import App

from segcert.cli.progress import DrawProgress
from segcert.cli.shell import messages
from segcert.data.camvid import CamVid
from segcert.files import atomic_write
from segcert.models.shipped import open_model
from segcert.noise.gaussian import GaussianNoise
from segcert.sampling.counting import Task, noisy_batch
from segcert.sampling.setup import make_task
from segcert.sampling.streams import Stage

DATA = Path(os.environ.get("SEGCERT_DATA", Path(__file__).parents[3] / "shared/data"))
SIGMA = 0.25
LABELLED, SCORED, ALL = 1100, 32, 10_000  # draws whose labels, scores, counts are kept
BATCH = 4

app = App(help=__doc__)


def batches(task: Task) -> Iterator[tuple[int, torch.Tensor, torch.Tensor]]:
    """Yield the first draw, the labels and the scores of each batch."""
    for start in range(0, ALL, BATCH):
        batch = noisy_batch(task, Stage.TEST, range(start, start + BATCH))
        scores = task.segmenter.output(batch)
        assert isinstance(scores, torch.Tensor)  # one look at scale 1
        yield start, task.segmenter.to_labels(scores, task.components), scores


@app.default
def draw(*, images: int = 8, root: Path = DATA / "camvid", out: Path = Path("runs/power")) -> None:
    """Draw evenly spaced images of CamVid val."""
    segmenter, val = open_model("camvid"), CamVid(root, "val")
    out.mkdir(parents=True, exist_ok=True)
    with DrawProgress(messages) as progress:
        for item in (val[i * len(val) // images] for i in range(images)):
            path = out / f"{item.name}.npz"
            if path.exists():
                continue
            task = make_task(
                segmenter, item.image, noise=GaussianNoise(SIGMA), seed=0, device="cpu"
            )
            labels = np.zeros((LABELLED, *task.components), dtype=np.uint8)
            counts = torch.zeros((task.classes, *task.components), dtype=torch.int16)
            kept = []
            for start, drawn, scores in batches(task):
                labels[start : start + BATCH] = drawn[: max(0, LABELLED - start)].numpy()
                for label in drawn:
                    counts.scatter_add_(0, label[None].long(), torch.ones_like(counts[:1]))
                if start < SCORED:
                    kept.append(scores.to(torch.float16).numpy())
                progress(item.name, start + BATCH, ALL)
            with atomic_write(path) as file:
                np.savez(
                    file, labels=labels, counts=counts.numpy(), scores=np.concatenate(kept),
                    truth=item.labels, classes=task.classes,
                )  # fmt: skip


if __name__ == "__main__":
    app()
