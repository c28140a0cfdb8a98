"""A run of its own process, to be killed: its arguments are data, out, seconds per batch."""

import sys
import time
from pathlib import Path

import torch

from segcert.data.evaluation_sets import Arguments, open_evaluation_set
from segcert.models.wrapping import as_segmenter
from segcert.runs.config import EvaluationConfig, all_settings
from segcert.runs.evaluate import evaluate
from segcert.runs.inventory import take_inventory

SETTINGS = all_settings(
    sigma=(0.25, 0.5), scale=(1.0,), tau=(0.6, 0.75), n=(40, 60), correction=("holm", "k-fwer:k=2")
)


def run(folder: Path, out: Path, pause: float = 0.0, **changed: object) -> object:
    def bright(batch: torch.Tensor) -> torch.Tensor:
        time.sleep(pause)
        return (batch[:, 0] > 0.5).long()

    data = open_evaluation_set(
        "folder",
        Arguments(images=folder / "images", masks=folder / "masks", classes=folder / "names.txt"),
    )
    inventory = take_inventory(data)
    fields = {
        "data": data.name, "note": data.note, "images": len(data.images),
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
    print("ready", flush=True)
    run(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]))
