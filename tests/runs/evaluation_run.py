"""A run of its own process: `evaluation_run.py DATA OUT [kill|hang N]`.

It is killed, or hangs, right before the N-th batch.
"""

import itertools
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from segcert.data.sets import Arguments, open_evaluation_set
from segcert.models.wrapping import as_segmenter
from segcert.runs.config import EvaluationConfig
from segcert.runs.evaluate import evaluate
from segcert.runs.inventory import take_inventory
from segcert.runs.setting import all_settings

SETTINGS = all_settings(
    sigma=(0.25, 0.5), scale=(1.0,), tau=(0.6, 0.75), n=(40, 60), correction=("holm", "k-fwer:k=2")
)


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def hang() -> None:
    signal.pause()


def run(
    folder: Path, out: Path, fate: Callable[[], None] = kill, at: int = 0, **changed: object
) -> object:
    batches = itertools.count(1)

    def bright(batch: torch.Tensor) -> torch.Tensor:
        if next(batches) == at:
            fate()
        return (batch[:, 0] > 0.5).long()

    data = open_evaluation_set(
        "folder",
        Arguments(images=folder / "images", masks=folder / "masks", classes=folder / "names.txt"),
    )
    inventory = take_inventory(data)
    fields = {
        "data": data.name, "note": data.note, "images": len(data.items),
        "inputs_sha256": inventory.sha256, "classes": data.classes, "model": "bright",
        "weights_sha256": "none", "settings": SETTINGS, "n0": 4, "alpha": 0.1, "seed": "5",
        "device": "cpu",
    }  # fmt: skip
    options = {key: changed.pop(key) for key in ("any_seed", "progress") if key in changed}
    return evaluate(
        as_segmenter(bright, classes=2, name="bright"), data, inventory,
        EvaluationConfig(**(fields | changed)), out=out, batch_size=8, **options,
    )  # fmt: skip


if __name__ == "__main__":
    torch.set_num_threads(1)
    fate, at = (sys.argv[3], int(sys.argv[4])) if len(sys.argv) > 3 else ("kill", 0)
    run(Path(sys.argv[1]), Path(sys.argv[2]), {"kill": kill, "hang": hang}[fate], at)
