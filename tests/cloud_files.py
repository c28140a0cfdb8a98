"""Small cloud files for tests: a scan that the ground rule labels, a mug, a data set of shapes."""

import json
from pathlib import Path

import numpy as np

from segcert.data.drawn_shapes import as_cloud
from segcert.inputs.cloud_files import write_cloud
from segcert.inputs.clouds import Cloud, checked_cloud
from segcert_scenes import shapes

ON_THE_GROUND = 300
SYNSETS = {"cap": "02954340", "mug": "03797390"}


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


def bits(cloud: Cloud) -> tuple[object, ...]:
    """What a model sees of a cloud, to compare bit by bit."""
    arrays = (cloud.points, cloud.normals)
    seen = [None if one is None else (one.dtype, one.shape, one.tobytes()) for one in arrays]
    return (*seen, cloud.category)


def mug(points: int = 512) -> Cloud:
    """A mug with normals, labels and category."""
    return as_cloud(shapes.shape(1_000_000, points=points, category="mug"))


def mug_file(folder: Path, points: int = 512) -> Path:
    """Write the mug."""
    write_cloud(folder / "mug.npz", mug(points))
    return folder / "mug.npz"


def shapenet_part(
    root: Path, sizes: tuple[tuple[str, int], ...] = (("cap", 64), ("mug", 64), ("cap", 80))
) -> Path:
    """Write a small ShapeNet-Part in its text layout: each split has these shapes and sizes.

    Shape k of a split is shape k of the procedural ones of its category, in other units.
    """
    (root / "train_test_split").mkdir(parents=True)
    names = sorted({name for name, _ in sizes})
    table = "".join(f"{name.title()}\t{SYNSETS[name]}\n" for name in names)
    (root / "synsetoffset2category.txt").write_text(table)
    for split in ("train", "val", "test"):
        listed = []
        for number, (name, points) in enumerate(sizes):
            cloud = shapes.shape(number, category=name, points=points)
            rows = np.column_stack([3 * cloud.points + 1, cloud.normals, cloud.labels])
            (root / SYNSETS[name]).mkdir(exist_ok=True)
            np.savetxt(root / SYNSETS[name] / f"{split}{number}.txt", rows, fmt="%.6f")
            listed.append(f"shape_data/{SYNSETS[name]}/{split}{number}")
        path = root / "train_test_split" / f"shuffled_{split}_file_list.json"
        path.write_text(json.dumps(listed))
    return root
