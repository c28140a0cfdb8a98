"""How the files of today's formats were made, once: ``python tests/formats/make.py FOLDER``.

They are never made again: later versions of the package have to read them as they are.
"""

import sys
from pathlib import Path

import numpy as np
import torch

import segcert as sc
from segcert.runs.config import EvaluationConfig, all_settings
from segcert.runs.records import opened, start
from segcert.runs.request import Request
from segcert.runs.rows import to_json
from segcert.runs.store import PartialStore
from segcert.sampling.tally import Partial, Run, Tally

REQUEST = Request(model="m", weights_sha256="w")
CONFIG = EvaluationConfig(
    data="d", note="", images=1, inputs_sha256="0", classes=("a", "b"), model="m",
    weights_sha256="w", n0=4, alpha=0.1, seed="5", device="cpu",
    settings=all_settings(sigma=(0.25,), scale=(1.0,), tau=(0.6,), n=(40,), correction=("holm",)),
)  # fmt: skip


def certificate(folder: Path) -> None:
    """A certificate of 4 x 5 pixels, with its counts."""
    model = sc.as_segmenter(lambda batch: (batch[:, 0] > 0.5).long(), classes=2, name="bright")
    image = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    counts = sc.sample(model, image, noise=sc.LatticeGaussianNoise(0.25), n0=3, n=30, seed=1)
    sc.certify(counts, tau=0.6, alpha=0.1).save(folder)


def unfinished(folder: Path) -> None:
    """Five pilot draws of 2 x 4 pixels."""
    counts = torch.arange(24, dtype=torch.int16).reshape(3, 2, 4)
    pilot = Tally(counts, 0, np.arange(5, dtype=np.uint64), (Run(0, 5, 1),))
    test = Tally(counts[0], 0, np.arange(0, dtype=np.uint64), ())
    PartialStore(folder / "a.partial.npz", REQUEST, "0", 7, Partial(pilot, test)).save()


def run(folder: Path) -> None:
    """The store of an evaluation of one image."""
    matrix, certified = (to_json(np.array(m)) for m in ([[3, 1], [0, 2]], [[2, 1], [0, 1]]))
    line = (0, "one", "0", 0, 6, 4, matrix, certified, 30, 0, 1.0)
    with opened(folder, write=True) as store:
        start(store, CONFIG)
        store.execute(f"INSERT INTO results VALUES ({', '.join('?' * len(line))})", line)


def training(folder: Path) -> None:
    """The state of a training run."""
    content = {"version": 1, "identity": {"a": "b"}, "seconds": 1.0, "state": {"w": torch.ones(3)}}
    torch.save(content, folder / "net.resume.pt")


if __name__ == "__main__":
    for make in (certificate, unfinished, run, training):
        make(Path(sys.argv[1]))
