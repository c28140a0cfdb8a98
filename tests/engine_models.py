"""Models for workers of other processes: importable, picklable, and some of them deadly."""

import os
import signal
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from segcert.data.labelled import AbstractLabelled, LabelledImage
from segcert.data.part_numbers import CATEGORIES
from segcert.data.sets import Arguments, LabelledSet, open_evaluation_set
from segcert.models.adapter import Segmenter
from segcert.models.files.checkpoints import PointDescription, save_weights
from segcert.models.nets.pointnet import PointNet
from segcert.models.wrapping import as_segmenter
from segcert.runs.config import EvaluationConfig
from segcert.runs.evaluate import Results, evaluate
from segcert.runs.inventory import take_inventory
from segcert.runs.setting import all_settings

NAMES = ("dark", "middle", "bright")


class Net(nn.Module):
    """A tiny network with three classes; NaN where a pixel is very dark."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(3)
            self.body = nn.Sequential(
                nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 3, 3, padding=1)
            )

    def forward(self, batch: Tensor) -> Tensor:
        return self.body(batch).masked_fill((batch[:, :1] < -0.75), float("nan"))


def open_net() -> Segmenter:
    return as_segmenter(Net().eval(), class_names=NAMES, name="tiny")


def label(batch: Tensor) -> Tensor:
    return (batch[:, 0] > 0.3).long() + (batch[:, 0] > 0.6)


def open_labels() -> Segmenter:
    return as_segmenter(label, class_names=NAMES, name="labels")


class Deadly(nn.Module):
    """Kills its process at the k-th call, once in the life of a folder (or in each process)."""

    def __init__(self, folder: str, call: int, often: bool, number: int) -> None:
        super().__init__()
        self.net, self.left, self.number = Net(), call, number
        self.folder, self.often = folder, often

    def forward(self, batch: Tensor) -> Tensor:
        self.left -= 1
        if self.left == 0 and os.environ.get("SEGCERT_TEST_DRIVER") != str(os.getpid()):
            try:
                Path(self.folder, "killed").touch(exist_ok=self.often)
            except FileExistsError:
                return self.net(batch)
            os.kill(os.getpid(), self.number)
        return self.net(batch)


@dataclass(frozen=True)
class OpenDeadly:
    folder: str
    call: int
    often: bool = False
    number: int = signal.SIGKILL

    def __call__(self) -> Segmenter:
        model = Deadly(self.folder, self.call, self.often, self.number).eval()
        return as_segmenter(model, class_names=NAMES, name="tiny")


def open_nothing() -> Segmenter:
    raise OSError("no such disk")


class Images(AbstractLabelled):
    """Images of noise with a truth, made when asked for."""

    def __init__(self, count: int, side: int = 12) -> None:
        self._count, self._side = count, side

    def __len__(self) -> int:
        return self._count

    def item(self, index: int) -> LabelledImage:
        rng = np.random.default_rng(index)
        image = rng.integers(0, 256, (self._side, self._side + 2, 3), dtype=np.uint8)
        return LabelledImage(f"i{index}", image, (image[..., 0] // 86).astype(np.uint8))


def open_images(count: int, side: int = 12) -> LabelledSet:
    return LabelledSet("noise", Images(count, side), NAMES, (), "none", "as drawn")


def evaluate_noise(
    segmenter: Segmenter,
    out: Path,
    *,
    images: int = 3,
    side: int = 12,
    n0: int = 20,
    **options: object,
) -> Results:
    """Evaluate images of noise at settings that share draws."""
    data = open_images(images, side)
    inventory = take_inventory(data)
    config = EvaluationConfig(
        data=data.name, note=data.note, images=images, inputs_sha256=inventory.sha256,
        classes=data.classes, model=segmenter.name, weights_sha256=segmenter.weights_sha256,
        settings=all_settings(
            sigma=(0.25, 0.5), scale=(1.0,), tau=(0.6,), n=(40, 90), correction=("holm",)
        ),
        n0=n0, alpha=0.1, seed="8", device="cpu",
    )  # fmt: skip
    return evaluate(segmenter, data, inventory, config, out=out, batch_size=2, **options)


def save_cloud_net(path: Path) -> Path:
    """Write weights of a network of clouds, of the classes of the shapes."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = PointNet(50, columns=6, categories=16).eval()
    data = open_evaluation_set("shapes", Arguments(scenes=1))
    about = PointDescription(
        architecture="pointnet", columns=6, categories=CATEGORIES, classes=data.classes,
        palette=data.palette, sigma=0.1, data="nothing", licence="Apache-2.0",
        training={"epochs": 0},
    )  # fmt: skip
    save_weights(path, net, about)
    return path


def figures_of(results: Results) -> list[dict[str, object]]:
    """All rows without their times."""
    found = []
    for row in results.rows:
        line = {field.name: getattr(row, field.name) for field in fields(row)}
        del line["seconds"]
        found.append({k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in line.items()})
    return found
