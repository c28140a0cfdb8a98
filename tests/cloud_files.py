"""Small cloud files for tests: a scan that the ground rule labels, and a mug."""

from pathlib import Path

import numpy as np

from segcert.data.clouds import Cloud, checked_cloud
from segcert.data.point_files import write_cloud
from segcert.data.synthetic import shapes

ON_THE_GROUND = 300


def scan(above: int = 100, *, on_ground: int = ON_THE_GROUND, seed: int = 0) -> Cloud:
    """Points on a flat ground, then points from 1 to 4 metres above it."""
    rng = np.random.default_rng(seed)
    flat = rng.uniform(-6, 6, (on_ground + above, 2))
    heights = np.r_[np.zeros(on_ground), rng.uniform(1, 4, above)]
    return checked_cloud("scan", np.c_[flat, heights])


def scan_file(folder: Path) -> Path:
    """Write the scan."""
    write_cloud(folder / "scan.ply", scan())
    return folder / "scan.ply"


def mug(points: int = 512) -> Cloud:
    """A mug with normals, labels and category."""
    return shapes.shape(1_000_000, points=points, category="mug")


def mug_file(folder: Path, points: int = 512) -> Path:
    """Write the mug."""
    write_cloud(folder / "mug.npz", mug(points))
    return folder / "mug.npz"
