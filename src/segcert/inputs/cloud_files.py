"""Files of point clouds: .npz, .ply, .xyz, .txt, .pts, and the .bin of SemanticKITTI."""

import io
import re
import warnings
from pathlib import Path

import numpy as np

from segcert.arrays import read_arrays
from segcert.errors import InputError
from segcert.files import atomic_write, read_regular
from segcert.inputs import ply, semantic_kitti
from segcert.inputs.clouds import Cloud, checked_cloud, checked_labels
from segcert.text import one_line

TEXT = (".xyz", ".txt", ".pts")
SUFFIXES = (".npz", ".ply", *TEXT, ".bin")
WRITTEN = (".npz", ".ply")
KEYS = {
    "points": ("points", "xyz"),
    "normals": ("normals", "normal"),
    "labels": ("labels", "label"),
}  # of .npz, with the names that are accepted
LABELS = ("label", "part", "class")  # properties of .ply
LAYOUTS = {3: "x y z", 4: "x y z label", 6: "x y z nx ny nz", 7: "x y z nx ny nz label"}
LARGEST_NORMAL = 1.01  # component of a normal in a text file; colours are larger
CATEGORY = re.compile(r"category (\d{1,9})")
MOST_BYTES = 1 << 30  # of the arrays of an .npz file together


def read_cloud(path: str | Path) -> Cloud:
    """Read a point cloud, in the units of its file.

    - ``.npz``: ``points`` (or ``xyz``); optional ``normals``, ``labels``, ``category``.
    - ``.ply``, ascii or binary: x, y, z; optional nx, ny, nz, and label, part or class.
    - ``.xyz``, ``.txt``, ``.pts``: columns x y z, then none, label, normal, or normal and label.
    - ``.bin``: a scan of SemanticKITTI, see `segcert.inputs.semantic_kitti.read_scan`.

    Args:
        path: The file; its suffix says which kind it is.

    Raises:
        InputError: If it is missing, of another kind, truncated or damaged, or holds no cloud.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"cloud {path} must be one of {', '.join(SUFFIXES)}")
    kind = path.suffix.lower()
    if kind == ".bin":
        return semantic_kitti.read_scan(path)
    content = read_regular(path, what="cloud", most=4 * MOST_BYTES)
    reader = {".npz": from_npz, ".ply": from_ply}.get(kind, from_text)
    return reader(path, content)


def from_npz(path: Path, content: bytes) -> Cloud:
    """Read the arrays of an .npz file."""
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
    return checked_cloud(
        path.stem,
        points,
        normals=found["normals"],
        labels=found["labels"],
        category=category_of(path, arrays),
        where=f"cloud {path}",
    )


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
    columns = {name.lower().removeprefix("scalar_"): array for name, array in stored.items()}
    labels = [name for name in LABELS if name in columns]
    normals = [name for name in ("nx", "ny", "nz") if name in columns]
    missing = [name for name in "xyz" if name not in columns]
    if missing or len(normals) in (1, 2) or len(labels) > 1:
        raise InputError(
            f"{where} must have x, y, z, all or none of nx, ny, nz, and at most one of "
            f"{', '.join(LABELS)}, got {', '.join(stored)}"
        )
    matches = [match for match in map(CATEGORY.fullmatch, header.comments) if match]
    return checked_cloud(
        path.stem,
        np.column_stack([columns[name] for name in "xyz"]),
        normals=np.column_stack([columns[name] for name in normals]) if normals else None,
        labels=columns[labels[0]] if labels else None,
        category=int(matches[0][1]) if matches else None,
        where=where,
    )


def from_text(path: Path, content: bytes) -> Cloud:
    """Read a table of numbers; lines that begin with # are left out."""
    table = read_table(path, content)
    columns = table.shape[1]
    if not len(table):
        raise InputError(f"cloud {path} holds no points")
    if columns not in LAYOUTS:
        raise InputError(
            f"cloud {path} has {columns} columns, must have {'; '.join(LAYOUTS.values())}"
        )
    normals = table[:, 3:6] if columns >= 6 else None
    if normals is not None and np.abs(normals).max(initial=0) > LARGEST_NORMAL:
        worst = normals[np.abs(normals).max(1).argmax()].tolist()
        raise InputError(
            f"cloud {path}: columns 4 to 6 must be a normal, got {worst}: drop colours and the like"
        )
    labels = table[:, -1] if columns in (4, 7) else None
    return checked_cloud(
        path.stem, table[:, :3], normals=normals, labels=labels, where=f"cloud {path}"
    )


def read_table(path: Path, content: bytes) -> np.ndarray:
    """Read numbers separated by spaces or commas, as many in each line."""
    try:
        text = content.decode("ascii").replace(",", " ")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of files without a line
            return np.loadtxt(io.StringIO(text), np.float64, ndmin=2)
    except ValueError as error:
        raise InputError(f"cloud {path} must be a table of numbers: {error}") from error


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
            np.savez_compressed(file, **arrays, **more)  # type: ignore[arg-type]
        else:
            comments = () if cloud.category is None else (f"category {cloud.category}",)
            ply.write_vertices(file, ply_columns(arrays), comments=comments, text=text)


def ply_columns(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Name the columns of a .ply file."""
    columns = dict(zip("xyz", arrays["points"].T, strict=True))
    if "normals" in arrays:
        columns |= dict(zip(("nx", "ny", "nz"), arrays["normals"].T, strict=True))
    return columns | ({"label": arrays["labels"]} if "labels" in arrays else {})
