"""How the files of the formats were made: ``python tests/formats/make.py FOLDER PART...``.

They are never made again once a version is released: later versions of the package have to read
them as they are. Those in ``2`` were made, all parts, by the last program that wrote version 2 of
certificates; those in ``3``, ``certificate`` and ``kinds``, by the first that wrote version 3, and
``streams_2`` by the first that had two versions of streams.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

sys.path.append(str(Path(__file__).parents[1]))

from requests_of_runs import request_with

import segcert as sc
from segcert.noise.axis_angle import AxisAngleNoise
from segcert.runs.config import EvaluationConfig
from segcert.runs.record_store import add, opened, start
from segcert.runs.rows import Row
from segcert.runs.setting import all_settings
from segcert.runs.store import PartialStore
from segcert.sampling.partial import Identity, Partial
from segcert.sampling.tally import Run, Tally
from segcert.stats.looks import even_looks

REQUEST = request_with(model="m", weights_sha256="w")
CONFIG = EvaluationConfig(
    data="d", note="", images=1, inputs_sha256="0", classes=("a", "b"), model="m",
    weights_sha256="w", n0=4, alpha=0.1, seed="5", device="cpu",
    settings=all_settings(sigma=(0.25,), scale=(1.0,), tau=(0.6,), n=(40,), correction=("holm",)),
)  # fmt: skip
SHAPE = (4, 5)
IGNORE = np.arange(20).reshape(SHAPE) < 3
STRIPES = np.arange(20).reshape(SHAPE) // 5
TREE = sc.ClassTree(("low", "high", "all"), (2, 2, 2))


def certificate(folder: Path) -> None:
    """A certificate of 4 x 5 pixels, with its counts."""
    model = sc.as_segmenter(lambda batch: (batch[:, 0] > 0.5).long(), classes=2, name="bright")
    image = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    counts = sc.sample(model, image, noise=sc.LatticeGaussianNoise(0.25), n0=3, n=30, seed=1)
    sc.certify(counts, tau=0.6, alpha=0.1).save(folder)


def draw(
    *, noise: sc.AbstractNoise | None = None, dtype: type = np.uint8, **options: object
) -> sc.Counts:
    """Counts of 4 x 5 pixels, of a model that returns scores."""
    image = np.random.default_rng(0).integers(0, 256, (1, *SHAPE), dtype=np.uint8)
    model = sc.as_segmenter(
        lambda batch: torch.cat([0.5 - batch, batch - 0.5], 1), name="step",
        class_names=("low", "high"), palette=((0, 0, 0), (255, 200, 0)),
    )  # fmt: skip
    chosen = {"n0": 5, "n": 60, "seed": 7, "device": "cpu", "batch_size": 4} | options
    pixels = image if dtype is np.uint8 else image / np.float32(255)
    return sc.sample(model, pixels, noise=noise or sc.LatticeGaussianNoise(0.25), **chosen)  # type: ignore[arg-type]


def scan(noise: sc.AbstractNoise, *, normals: bool = False) -> sc.Counts:
    """Counts of a cloud of 12 points."""
    points = np.random.default_rng(1).normal(size=(12, 6 if normals else 3)).astype(np.float32)
    if normals:
        points[:, 3:] /= np.linalg.norm(points[:, 3:], axis=1, keepdims=True)
    model = sc.as_point_segmenter(
        lambda batch: (batch[:, :, 2] > 0).long(),
        classes=2,
        name="above",
        columns=6 if normals else 3,
    )
    return sc.sample(model, points, noise=noise, n0=5, n=60, seed=7, device="cpu", batch_size=4)


def certified(counts: sc.Counts, **options: object) -> sc.Certificate:
    """Certify at settings of which a few dozen draws certify something."""
    return sc.certify(counts, **{"tau": 0.6, "alpha": 0.1} | options)  # type: ignore[arg-type]


KINDS: dict[str, Callable[[], sc.Certificate]] = {
    "no-pilot": lambda: certified(draw(n0=0), correction=sc.bonferroni),
    "tree": lambda: sc.certify_tree(draw(n0=0), TREE, tau=0.6, alpha=0.1),
    "ordered": lambda: certified(draw(), correction=sc.Ordered(3)),
    "capped": lambda: certified(draw(), correction=sc.Capped(6)),
    "errors": lambda: certified(draw(), correction=sc.KFwer(3)),
    "regions": lambda: certified(
        draw(), ignore=IGNORE, regions=STRIPES, drop_below=0.3, correction=sc.KFwer(2)
    ),
    "blocks": lambda: certified(draw(), regions=sc.Blocks(2)),
    "looks": lambda: certified(draw(n=even_looks(60, 3))),
    "anytime": lambda: certified(draw(n=sc.Anytime(60)), alpha=0.3),
    "tiny-alpha": lambda: certified(draw(n=90), alpha=1e-12),
    "gaussian": lambda: certified(draw(noise=sc.GaussianNoise(0.3), dtype=np.float32)),
    "uniform": lambda: certified(draw(noise=sc.UniformNoise(0.5), dtype=np.float32)),
    "lattice-uniform": lambda: certified(draw(noise=sc.UniformNoise(0.5))),
    "laplace": lambda: certified(draw(noise=sc.LaplaceNoise(0.2), dtype=np.float32)),
    "lattice-laplace": lambda: certified(draw(noise=sc.LaplaceNoise(0.2))),
    "brightness": lambda: certified(draw(noise=sc.BrightnessNoise(0.2))),
    "contrast": lambda: certified(draw(noise=sc.ContrastNoise(0.2))),
    "points": lambda: certified(scan(sc.PointNoise(0.3))),
    "points-normals": lambda: certified(scan(sc.PointNoise(0.3), normals=True)),
    "rotation": lambda: certified(scan(sc.RotationNoise(0.25))),
    "axis-rotation": lambda: certified(scan(sc.AxisRotationNoise(0.25, 1.0, 0.0, 0.0))),
    "pose": lambda: certified(scan(sc.PoseNoise(0.25, 0.1, 0.05))),
    "axis-angle": lambda: certified(scan(AxisAngleNoise(0.25))),
}


def kinds(folder: Path) -> None:
    """One certificate of each kind: corrections, families, ways of stopping, noises."""
    for name, make in KINDS.items():
        make().save(folder / "kinds" / name)


def streams_2(folder: Path) -> None:
    """A certificate of draws from streams of version 2, the first that said a version."""
    certified(draw()).save(folder / "streams-2")


def unfinished(folder: Path) -> None:
    """Five pilot draws of 2 x 4 pixels."""
    counts = torch.arange(24, dtype=torch.int16).reshape(3, 2, 4)
    pilot = Tally(counts, 0, np.arange(5, dtype=np.uint64), (Run(0, 5, 1),))
    test = Tally(counts[0], 0, np.arange(0, dtype=np.uint64), ())
    identity = Identity(
        input_sha256="0", noise="none", n0=5, n="100", stop_rule="", seed=7, streams="cpu",
        classes=3, model="m", weights_sha256="w", scale="1", backend="torch", precision="float32",
    )  # fmt: skip
    PartialStore(folder / "a.partial.npz", REQUEST, "0", 7, Partial(pilot, test, identity)).save()


def run(folder: Path) -> None:
    """The store of an evaluation of one image."""
    matrix, certified = np.array([[3, 1], [0, 2]]), np.array([[2, 1], [0, 1]])
    with opened(folder, write=True) as store:
        start(store, CONFIG)
        add(store, [Row(0, "one", "0", 0, 6, 4, matrix, certified, 30, 0, 1.0)], CONFIG)


def training(folder: Path) -> None:
    """The state of a training run."""
    content = {"version": 1, "identity": {"a": "b"}, "seconds": 1.0, "state": {"w": torch.ones(3)}}
    torch.save(content, folder / "net.resume.pt")


if __name__ == "__main__":
    for part in sys.argv[2:]:
        {
            each.__name__: each
            for each in (certificate, kinds, streams_2, unfinished, run, training)
        }[part](Path(sys.argv[1]))
