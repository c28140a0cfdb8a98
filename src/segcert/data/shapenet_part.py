"""ShapeNet-Part in its text layout: 16,881 shapes of 16 categories with 50 parts and normals."""

import hashlib
import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from segcert.data.labelled import AbstractLabelled
from segcert.data.part_numbers import CATEGORIES, category_number, check_parts
from segcert.errors import InputError
from segcert.files import read_text
from segcert.inputs.cloud_files import read_cloud
from segcert.inputs.clouds import Cloud

POINTS = 2048
SPLITS = {"train": ("train",), "val": ("val",), "test": ("test",), "trainval": ("train", "val")}
TABLE = "synsetoffset2category.txt"
WHERE = (
    "get shapenetcore_partanno_segmentation_benchmark_v0_normal from shapenet.org "
    "(non-commercial research and education)"
)


@dataclass(frozen=True)
class ShapeNetPart(AbstractLabelled):
    """One split of ShapeNet-Part, read from disk on demand, in the order of the split's list.

    Points stay in the units of the file: noise and radii are in them, and scaling to the unit
    sphere belongs into the model. Of a shape with more points ``points`` are chosen at random, by
    its name alone, so always the same; one with fewer stays as it is.

    Args:
        root: Folder with ``synsetoffset2category.txt``, ``train_test_split/`` and one folder of
            ``.txt`` files per category.
        split: "train", "val", "test" or "trainval".
        categories: Names of the categories to keep; empty: all.
        points: How many points to choose; 0 keeps all.
        files: The files of the split.

    Raises:
        InputError: If a file of the layout is missing or damaged, or a category is unknown.

    Source:
        Yi et al. (2016), ACM Trans. Graphics 35(6):210.
    """

    root: Path
    split: str
    categories: tuple[str, ...] = ()
    points: int = POINTS
    files: tuple[tuple[Path, int], ...] = field(init=False)

    def __post_init__(self) -> None:
        """Read the lists of the split."""
        if self.split not in SPLITS:
            raise InputError(f"split must be one of {', '.join(SPLITS)}, got {self.split!r}")
        if self.points < 0:
            raise InputError(f"points must be at least 0 (all), got {self.points}")
        wanted = {category_number(name) for name in self.categories or CATEGORIES}
        folders = read_synsets(Path(self.root))
        names = [name for part in SPLITS[self.split] for name in read_list(Path(self.root), part)]
        found = []
        for synset, name in names:
            if synset not in folders:
                raise InputError(f"{self.root} lists folder {synset}, which {TABLE} lacks: {WHERE}")
            if folders[synset] in wanted:
                found.append((Path(self.root) / synset / f"{name}.txt", folders[synset]))
        if not found:
            raise InputError(f"ShapeNet-Part split {self.split!r} of {self.root} is empty: {WHERE}")
        object.__setattr__(self, "files", tuple(found))

    def __len__(self) -> int:
        """Count the shapes."""
        return len(self.files)

    def item(self, index: int) -> Cloud:
        """Read one shape.

        Raises:
            InputError: If its file is missing or damaged, or a label is no part of its category.
        """
        path, category = self.files[index]
        if not path.is_file():
            raise InputError(f"ShapeNet-Part lacks {path}: {WHERE}")
        cloud = read_cloud(path)
        if cloud.labels is None or cloud.normals is None:
            raise InputError(f"{path} must have the columns x y z nx ny nz label: {WHERE}")
        check_parts(str(path), cloud.labels, category)
        name = f"{CATEGORIES[category]}-{path.stem}"
        return chosen(replace(cloud, name=name, category=category), self.points, path.stem)


def chosen(cloud: Cloud, count: int, key: str) -> Cloud:
    """Keep ``count`` points, chosen by ``key`` alone, in the order of the file; 0 keeps all."""
    size = len(cloud.points)
    if not count or size <= count:
        note = (f"all {size} points of the file, fewer than {count}",) if size < count else ()
        return replace(cloud, notes=(*cloud.notes, *note))
    kept = choice(size, count, key)
    normals, labels = cloud.normals, cloud.labels
    return replace(
        cloud,
        points=cloud.points[kept],
        normals=None if normals is None else normals[kept],
        labels=None if labels is None else labels[kept],
        notes=(*cloud.notes, f"{count} of {size} points, chosen at random by the name {key}"),
    )


def choice(size: int, count: int, key: str) -> Int64[np.ndarray, " count"]:
    """Choose ``count`` of ``size`` numbers without repeats, ascending.

    They are those with the smallest 64-bit words of a Philox stream whose key is the SHA-256 of
    ``key``: the same on every machine.
    """
    seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:16], "little")
    words = np.random.Philox(key=seed).random_raw(size)
    smallest: np.ndarray = np.sort(np.argsort(words, kind="stable")[:count])
    return smallest


def read_synsets(root: Path) -> dict[str, int]:
    """Read which folder holds which category.

    Raises:
        InputError: If the table is missing (of the HDF5 layout it is), or a line is wrong.
    """
    path = root / TABLE
    if not path.is_file():
        if any(root.glob("*.h5")):
            raise InputError(
                f"{root} holds ShapeNet-Part as HDF5, without normals, which is not read: {WHERE}"
            )
        raise InputError(f"ShapeNet-Part needs {path}, which is missing: {WHERE}")
    rows = [line.split() for line in read_text(path, what="table").splitlines() if line.strip()]
    found = {}
    for row in rows:
        name = {"motor": "motorbike"}.get(row[0].lower(), row[0].lower())
        if len(row) != 2 or name not in CATEGORIES:
            raise InputError(
                f"{path}: a line must be a category and its folder, got {' '.join(row)!r}"
            )
        found[row[1]] = CATEGORIES.index(name)
    return found


def read_list(root: Path, part: str) -> list[tuple[str, str]]:
    """Read the folders and names of the shapes of a split.

    Raises:
        InputError: If the list is missing, or no list of FOLDER/SYNSET/NAME.
    """
    path = root / "train_test_split" / f"shuffled_{part}_file_list.json"
    if not path.is_file():
        raise InputError(f"ShapeNet-Part split {part!r} needs {path}, which is missing: {WHERE}")
    try:
        names = json.loads(read_text(path, what="list of shapes"))
        found = [(name.split("/")[-2], name.split("/")[-1]) for name in names]
    except (ValueError, AttributeError, TypeError, IndexError, RecursionError) as error:
        raise InputError(f"{path} must list the shapes as FOLDER/SYNSET/NAME: {error}") from error
    if any(name in ("", "..") or folder in ("", "..") for folder, name in found):
        raise InputError(f"{path} names a file outside its folder")
    return found
