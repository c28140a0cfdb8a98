"""Kill a command at seeded points, go on, and compare: `python killing.py certify|train FOLDER`.

A point is a call of the model, or of the operating system for a file: kill -9 comes right before
it. Children are forked from a process that has read the libraries and started no thread.
"""

import os
import signal
import sys
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from forked import RAISED, in_child

sys.path.append(str(Path(__file__).parents[1]))

from requests_of_runs import request_with

import segcert as sc
from segcert.data.labelled import LabelledImage
from segcert.data.sets import LabelledSet
from segcert.models.nets.depthwise import DepthwiseNet
from segcert.report.image_files import write_files
from segcert.runs import store
from segcert.runs.certify_inputs import certify_inputs
from segcert.training import resume
from segcert.training.augment import Views
from segcert.training.recipe import Recipe
from segcert.training.save import train_and_save

POINTS = {"certify": 8, "train": 3}
FILES = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod")


class Clock:
    """Counts points, and kills this process at one of them."""

    def __init__(self, folder: Path, at: int) -> None:
        self.folder, self.at, self.passed = str(folder), at, 0

    def tick(self) -> None:
        self.passed += 1
        if self.passed == self.at:
            os.kill(os.getpid(), signal.SIGKILL)

    def hear(self, event: str, arguments: tuple[object, ...]) -> None:
        """A hook of the interpreter; what lies elsewhere does not count."""
        if event in FILES and self.folder in str(arguments[0]):
            self.tick()


def certify(folder: Path, clock: Clock) -> None:
    """Two images, with all files of a result, the second of them replaced."""

    def bright(batch: torch.Tensor) -> torch.Tensor:
        clock.tick()
        return (batch[:, 0] > 0.5).long()

    store.SECONDS_BETWEEN_SAVES = 0.0
    model = sc.as_segmenter(bright, classes=2, name="bright")
    request = request_with(model="bright", weights_sha256="none", tau=0.6, alpha=0.1, n0=4, n=40)
    images = {name: folder.parents[1] / f"{name}.png" for name in ("one", "two")}
    options = {"seed": 5, "batch_size": 4, "write": write_files}
    for _ in certify_inputs(model, images, request, out=folder, **options):
        pass


def train(folder: Path, clock: Clock) -> None:
    """Two epochs, kept after every step; only the minutes may differ."""
    rng, images = np.random.default_rng(0), []
    for name in ("a", "b", "c", "d"):
        image = rng.integers(0, 256, (32, 40, 3), dtype=np.uint8)
        images.append(LabelledImage(name, image, (image[..., 0] > 127).astype(np.uint8)))
    data = LabelledSet("toy", images, ("a", "b"), ((0, 0, 0), (9, 9, 9)), "Apache-2.0")
    resume.ResumeFile.__init__.__kwdefaults__["every"] = 0.0
    resume.time.monotonic = lambda: 0.0
    torch.manual_seed(0)
    net = DepthwiseNet(2, width=(8, 8, 8, 8), dilations=(1,))
    recipe = Recipe(epochs=2, batch_size=2, views=Views(crop=(32, 32)))
    net.register_forward_pre_hook(lambda *_: clock.tick())
    train_and_save(net, data, recipe, out=folder / "net.safetensors", log=lambda _: None)


def certificates_hold(folder: Path) -> None:
    """What looks like a result is one, with all its files."""
    for name in ("one", "two"):
        if (folder / name).exists():
            sc.load_certificate(folder / name)
            found = {path.name for path in (folder / name).iterdir()}
            assert found >= {"certificate.json", "counts.npz", "labels.png", "report.html"}, found


def weights_open(folder: Path) -> None:
    """What looks like weights can be used."""
    if (folder / "net.safetensors").exists():
        assert safetensors.torch.load_file(folder / "net.safetensors")


COMMANDS = {"certify": (certify, certificates_hold), "train": (train, weights_open)}


def run(command: str, folder: Path, at: int) -> int:
    """Run a command; the number of points that it passed, at most 254."""
    clock = Clock(folder, at)
    sys.addaudithook(clock.hear)
    COMMANDS[command][0](folder, clock)
    return min(clock.passed, 254)


def check(command: str, folder: Path) -> int:
    COMMANDS[command][1](folder)
    return 0


def tree(folder: Path) -> dict[str, bytes]:
    """All files, hidden ones too."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def main(command: str, folder: Path) -> None:
    whole = folder / "whole"
    whole.mkdir()
    points = in_child(lambda: run(command, whole, 0))
    assert 20 < points < RAISED, points
    rng = np.random.default_rng(11)
    chosen = rng.choice(np.arange(1, points + 1), POINTS[command], replace=False)
    for at in sorted(chosen.tolist()):
        place = folder / f"killed{at}"
        place.mkdir()
        assert in_child(lambda: run(command, place, at)) == -signal.SIGKILL  # noqa: B023
        assert in_child(lambda: check(command, place)) == 0  # noqa: B023
        assert in_child(lambda: run(command, place, 0)) < RAISED  # noqa: B023
        assert tree(place) == tree(whole), (at, [*tree(place)], [*tree(whole)])
        print(f"killed at point {at} of {points}", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(sys.argv[1], Path(sys.argv[2]))
