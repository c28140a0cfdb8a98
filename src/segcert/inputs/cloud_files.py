"""Files of point clouds, by their suffixes; what they hold is read by a module a format."""

import re
from pathlib import Path

import numpy as np

from segcert.arrays import read_arrays
from segcert.errors import InputError
from segcert.files import atomic_write, read_regular
from segcert.inputs import las, pcd, ply, scans
from segcert.inputs.cloud_columns import (
    COORDINATES,
    Columns,
    cloud_of,
    columns_of,
    known_normals,
    no_declaration,
)
from segcert.inputs.cloud_table import read_table
from segcert.inputs.clouds import Cloud, checked_cloud, checked_labels
from segcert.text import one_line

TEXT = (".xyz", ".txt", ".pts", ".asc", ".csv")
SUFFIXES = (".npz", ".ply", ".pcd", ".las", ".laz", *TEXT, ".bin")
UNCLEAR = (".txt", ".csv")  # may be anything: a folder with them need not be one of clouds
OTHERS = (".e57", ".obj", ".off", ".stl", ".gltf", ".glb", ".pcap", ".rcp", ".ptx", ".drc")
WRITTEN = (".npz", ".ply")
KEYS = {
    "points": ("points", "xyz"),
    "normals": ("normals", "normal"),
    "labels": ("labels", "label"),
}  # of .npz, with the names that are accepted
CATEGORY = re.compile(r"category (\d{1,9})")
MOST_BYTES = 1 << 30  # of the arrays of an .npz file together


def read_cloud(path: str | Path, columns: str | Columns | None = None) -> Cloud:
    """Read a point cloud, in the units of its file.

    - ``.npz``: ``points`` (or ``xyz``); optional ``normals``, ``labels``, ``category``.
    - ``.ply``, ascii or binary: x, y, z; optional nx, ny, nz, and label, part or class.
    - ``.pcd``, ascii, binary or compressed: fields as of .ply, or normal_x, normal_y, normal_z.
    - ``.las``, ``.laz``: with their classification as labels; needs ``segcert[las]``.
    - ``.xyz``, ``.txt``, ``.pts``, ``.asc``, ``.csv``: columns by their names, or x y z, then
      none, label, normal, or normal and label.
    - ``.bin``: a scan of SemanticKITTI; ``.pcd.bin``: one of nuScenes; see
      `segcert.inputs.scans.read_scan`.

    Args:
        path: The file; its suffix says which kind it is.
        columns: What the columns are, where the file does not say, such as
            ``"x,y,z,intensity"``; see `segcert.inputs.cloud_columns.columns_of`.

    Raises:
        InputError: If it is missing, of another kind, truncated or damaged, holds no cloud, or
            its columns cannot be what they were taken for.
    """
    path, declared = Path(path), columns_of(columns)
    kind = path.suffix.lower()
    if kind not in SUFFIXES:
        way = " (CloudCompare and the like convert it to .ply)" if kind in OTHERS else ""
        raise InputError(f"cloud {path} must be one of {', '.join(SUFFIXES)}{way}")
    if kind == ".bin":
        return scans.read_scan(path, declared)
    content = read_regular(path, what="cloud", most=4 * MOST_BYTES)
    if kind in TEXT:
        return cloud_of(path, read_table(path, content, declared), where=f"cloud {path}")
    if kind == ".npz":
        return from_npz(path, content, declared)
    no_declaration(declared, f"cloud {path}")
    if kind == ".ply":
        return from_ply(path, content)
    if kind == ".pcd":
        where = f"cloud {path}"
        return cloud_of(path, pcd.read_points(content, where), where=where)
    return las.read_las(path, content)


def from_npz(path: Path, content: bytes, declared: Columns | None = None) -> Cloud:
    """Read the arrays of an .npz file; a declaration is of the columns of its points."""
    try:
        arrays = read_arrays(content, most=MOST_BYTES)
    except Exception as error:  # decoders raise anything on damaged bytes
        raise InputError(
            f"cloud {path} is no .npz file that can be read: {one_line(error)}"
        ) from error
    found = {}
    for what, names in KEYS.items():
        present = [name for name in names if name in arrays]
        if len(present) > 1:
            raise InputError(f"cloud {path} has both {' and '.join(present)}: keep one")
        found[what] = arrays[present[0]] if present else None
    points = found["points"]
    if points is None:
        raise InputError(f"cloud {path} must have an array points, got {sorted(arrays)}")
    if declared is not None:
        return from_columns(path, found, declared, category_of(path, arrays))
    normals, unknown = found["normals"], 0
    if normals is not None:
        normals, unknown = known_normals(normals)
    return checked_cloud(
        path.stem,
        points,
        normals=normals,
        labels=found["labels"],
        category=category_of(path, arrays),
        where=f"cloud {path}",
        unknown=unknown,
    )


def from_columns(
    path: Path, found: dict[str, np.ndarray | None], declared: Columns, category: int | None
) -> Cloud:
    """Make a cloud of the points of an .npz file whose columns were declared.

    Raises:
        InputError: If they are no table of numbers, or normals or labels are there twice.
    """
    where, points = f"cloud {path}", found["points"]
    if points is None or points.ndim != 2 or points.dtype.kind not in "fiu":
        raise InputError(f"points of {where} must be numbers of shape (n, columns)")
    if points.shape[1] == len(COORDINATES):
        no_declaration(declared, where, "has points of 3 columns, which says")
    stored = declared.of(points.astype(np.float64), where)
    for what, first in (("normals", "nx"), ("labels", "label")):
        if found[what] is not None and first in stored:
            raise InputError(f"{where} has {what} beside points, and --columns names them too")
    if found["normals"] is not None:
        normals = np.atleast_2d(found["normals"])
        stored |= dict(zip(("nx", "ny", "nz"), normals.T, strict=False))
    if found["labels"] is not None:
        stored["label"] = found["labels"]
    return cloud_of(path, stored, where=where, category=category)


def category_of(path: Path, arrays: dict[str, np.ndarray]) -> int | None:
    """Return the category of an .npz file, if it has one."""
    if "category" not in arrays:
        return None
    category = arrays["category"]
    if category.ndim or category.dtype.kind not in "iu" or category < 0:
        raise InputError(f"category of cloud {path} must be a number from 0, got {category}")
    return int(category)


def from_ply(path: Path, content: bytes) -> Cloud:
    """Read the vertices of a .ply file."""
    where = f"cloud {path}"
    header, stored = ply.read_vertices(content, where)
    matches = [match for match in map(CATEGORY.fullmatch, header.comments) if match]
    category = int(matches[0][1]) if matches else None
    return cloud_of(path, stored, where=where, category=category)


def write_cloud(
    path: str | Path, cloud: Cloud, labels: np.ndarray | None = None, *, text: bool = False
) -> None:
    """Write a cloud with its labels, or with others, so that `read_cloud` reads it back.

    Args:
        path: A ``.npz`` or ``.ply`` file.
        cloud: What to write.
        labels: Numbers in 0..255 in place of those of the cloud; 255 is unlabelled, and also
            where a result abstains.
        text: Write an ascii .ply rather than a binary one.

    Raises:
        InputError: If the suffix is another, or the labels do not fit.
        OSError: As the file system says it.
    """
    path = Path(path)
    kind = path.suffix.lower()
    if kind not in WRITTEN or (text and kind != ".ply"):
        raise InputError(f"clouds are written as {' or '.join(WRITTEN)} (text: .ply), got {path}")
    chosen = cloud.labels if labels is None else checked_labels(cloud.name, labels)
    if chosen is not None and len(chosen) != len(cloud.points):
        raise InputError(f"{cloud.name} has {len(cloud.points)} points but {len(chosen)} labels")
    arrays = {"points": cloud.points}
    if cloud.normals is not None:
        arrays["normals"] = cloud.normals
    if chosen is not None:
        arrays["labels"] = chosen.astype(np.uint8)
    with atomic_write(path) as file:
        if kind == ".npz":
            more = {} if cloud.category is None else {"category": np.array(cloud.category)}
            np.savez_compressed(file, **arrays, **more)  # type: ignore[arg-type]  # none is a flag
        else:
            comments = () if cloud.category is None else (f"category {cloud.category}",)
            ply.write_vertices(file, ply_columns(arrays), comments=comments, text=text)


def ply_columns(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Name the columns of a .ply file."""
    columns = dict(zip("xyz", arrays["points"].T, strict=True))
    if "normals" in arrays:
        columns |= dict(zip(("nx", "ny", "nz"), arrays["normals"].T, strict=True))
    return columns | ({"label": arrays["labels"]} if "labels" in arrays else {})
