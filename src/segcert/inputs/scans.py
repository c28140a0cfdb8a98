"""Scans without names: .bin of SemanticKITTI and KITTI, .pcd.bin of nuScenes, and declared ones.

A file of numbers alone does not say how many belong to a point. The usual number is checked against
others: read with the right one, each column has a distribution of its own; with a wrong one, they
are mixed.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from segcert.errors import InputError
from segcert.files import read_regular
from segcert.inputs.cloud_columns import DECLARE, KINDS, Columns, cloud_of
from segcert.inputs.clouds import Cloud
from segcert.inputs.semantic_kitti import MOST_BYTES, read_labels

KITTI = Columns(("x", "y", "z", "remission"))
NUSCENES = Columns(("x", "y", "z", "intensity", "ring"))
NUSCENES_NAME = ".pcd.bin"
FARTHEST = 2000.0  # metres from the scanner
COUNTS = range(3, 13)  # numbers that a point may have
LOOKED_AT = 1 << 15  # numbers of a file, for the check
BETTER = 0.1  # share of the variance that another number of columns explains more
LEAST_ROWS = 16  # of the largest count, to compare at all


def read_scan(path: Path, columns: Columns | None = None) -> Cloud:
    """Read a scan; with labels in the 19 classes of SemanticKITTI if there is a file of them.

    The labels of ``velodyne/NAME.bin`` are in ``labels/NAME.label``, or beside it. The intensity is
    left out: models of clouds take coordinates. Moving and standing things are one class.

    Args:
        path: A ``.bin`` file: float32 x, y, z, remission; or, as ``.pcd.bin``, also the ring.
        columns: What each number of a point is, where it is something else.

    Raises:
        InputError: If a file cannot be read or is truncated, does not look like a scan of the
            usual columns, or a class is unknown.

    Source:
        Behley et al. (2019), ICCV, SemanticKITTI; classes of its single-scan benchmark.
        Caesar et al. (2020), CVPR, nuScenes; five numbers a point.
    """
    where = f"scan {path}"
    of_nuscenes = path.name.lower().endswith(NUSCENES_NAME)
    layout = columns or (NUSCENES if of_nuscenes else KITTI)
    table = read_rows(path, layout, declared=columns is not None)
    if columns is None:
        check_guess(table, where)
    stored = layout.of(table, where)
    labels = None if of_nuscenes else labels_of(path)
    if labels is not None:
        stored["label"] = labels
    notes = (f"read as {', '.join(NUSCENES.names)}",) if layout is NUSCENES else ()
    return cloud_of(path, stored, where=where, notes=notes)


def labels_of(path: Path) -> np.ndarray | None:
    """The labels of a scan, if there is a file of them."""
    for place in (path.parent.parent / "labels", path.parent):
        beside = place / f"{path.stem}.label"
        if beside.is_file():
            return read_labels(beside)
    return None


def read_rows(path: Path, layout: Columns, *, declared: bool) -> Float[np.ndarray, " n columns"]:
    """Read the numbers of a file, a row for each point.

    Raises:
        InputError: If its size is not that of whole rows.
    """
    content = read_regular(path, what="scan", most=MOST_BYTES)
    kind, count = np.dtype(KINDS[layout.kind]), len(layout.names)
    size = kind.itemsize * count
    if not content or len(content) % size:
        way = f"--columns {layout} does not fit" if declared else DECLARE
        raise InputError(
            f"scan {path} must have a multiple of {size} bytes, {count} numbers of "
            f"{8 * kind.itemsize} bits a point, got {len(content)}: it is truncated or of another "
            f"kind: {way}"
        )
    return np.frombuffer(content, kind).reshape(-1, count)


def check_guess(table: Float[np.ndarray, " n columns"], where: str) -> None:
    """Refuse a file that was not declared and does not look as it should.

    Raises:
        InputError: With what speaks against it.
    """
    usual = f"{table.shape[1]} numbers of 32 bits a point"
    flat = table.reshape(-1)
    better = other_count(flat[:LOOKED_AT], table.shape[1])
    reasons = []
    if better:
        reasons.append(f"{better} a point fit it better (or half as many of float64)")
    with np.errstate(invalid="ignore"):
        away = np.abs(table[:, :3])
        if not np.isfinite(table).all() or away.max() > FARTHEST:
            worst = table[(~np.isfinite(table).all(1) | (away.max(1) > FARTHEST)).argmax()]
            reasons.append(f"no scanner gives a point as {worst.tolist()}")
        if not (table[:, 3] >= 0).all():
            reasons.append(f"an intensity of {table[:, 3].min():.4g} is none")
    if reasons:
        raise InputError(
            f"{where} does not look like {usual}: {'; '.join(reasons)}: {DECLARE}; of doubles "
            "--columns float64:x,y,z,intensity"
        )


def other_count(numbers: Float[np.ndarray, " n"], guess: int) -> int | None:
    """Find a number of columns that separates the numbers clearly better than the guess."""
    if len(numbers) < LEAST_ROWS * max(COUNTS):
        return None
    finite = np.nan_to_num(numbers.astype(np.float64), nan=0, posinf=0, neginf=0)
    features = [ranks(finite), ranks(np.abs(finite))]
    share = {count: max(explained(one, count) for one in features) for count in COUNTS}
    best = max(COUNTS, key=lambda count: share[count])
    return best if share[best] > share[guess] + BETTER else None


def ranks(numbers: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Ranks, the same for equal numbers."""
    _, inverse, sizes = np.unique(numbers, return_inverse=True, return_counts=True)
    last = np.cumsum(sizes)
    middle: np.ndarray = (last - (sizes - 1) / 2)[inverse]
    return middle


def explained(numbers: Float[np.ndarray, " n"], count: int) -> float:
    """Share of the variance between columns, adjusted for their number (adjusted R squared)."""
    rows = len(numbers) // count
    table = numbers[: rows * count].reshape(rows, count)
    total = table.var()
    if not total:
        return 0.0
    within = table.var(0).mean() / total
    return float(1 - within * (table.size - 1) / (table.size - count))
