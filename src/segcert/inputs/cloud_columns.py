"""What the columns of a cloud are: said by the file, declared by the user, or guessed and checked.

A guess is made where a file has numbers alone, and is refused where the numbers speak against it:
a cloud with columns mixed up has a certificate as any other, and it would be about nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Shaped

from segcert.errors import InputError
from segcert.inputs.clouds import Cloud, checked_cloud

COORDINATES, NORMALS = ("x", "y", "z"), ("nx", "ny", "nz")
LABELS = ("label", "part", "class")  # at most one of them
OTHER_LABELS = ("classification", "semantic", "sem_label")  # where there is none of those
ALIASES = {
    f"{word}{gap}{axis}": f"n{axis}"
    for axis in "xyz"
    for word, gap in (("normal", "_"), ("normal", ""), ("n", "_"))
}
LEFT_OUT = (
    "intensity", "remission", "reflectance", "ring", "beam", "time", "timestamp", "return",
    "curvature", "red", "green", "blue", "r", "g", "b", "rgb", "alpha", "_",
)  # fmt: skip
KINDS = {"float32": "<f4", "float64": "<f8"}
DECLARE = "say what they are, as in --columns x,y,z,intensity (or nx,ny,nz, label, _ for any other)"
LAYOUTS = {3: "x y z", 4: "x y z label", 6: "x y z nx ny nz", 7: "x y z nx ny nz label"}
LARGEST_NORMAL = 1.01  # component of a normal; colours are larger
NEAR, MOST_WRONG = 0.05, 0.1  # of length 1; share of normals that may be of another length
MOST_CLASSES = 64  # different labels that a guess may find
DECIMALS = 6  # of numbers in errors


@dataclass(frozen=True)
class Columns:
    """Columns as they were declared.

    Args:
        names: In the order of the file, in lower case.
        kind: Of the numbers of a binary file: "float32" or "float64".
    """

    names: tuple[str, ...]
    kind: str = "float32"

    def __str__(self) -> str:
        """As it is typed."""
        front = "" if self.kind == "float32" else f"{self.kind}:"
        return front + ",".join(self.names)

    def of(
        self, table: Float[np.ndarray, " n columns"], where: str
    ) -> dict[str, Shaped[np.ndarray, " n"]]:
        """Name the columns of a table.

        Raises:
            InputError: If it has another number of them.
        """
        if table.shape[1] != len(self.names):
            raise InputError(
                f"{where} has {table.shape[1]} columns, must have {len(self.names)}: {self}"
            )
        return {name: table[:, at] for at, name in enumerate(self.names) if name != "_"}


def columns_of(text: str | Columns | None) -> Columns | None:
    """Read a declaration: ``x,y,z,intensity``, of doubles ``float64:x,y,z,intensity``.

    Names are x, y, z; nx, ny, nz; label, part or class; intensity, ring, r, g, b and the like,
    which are left out as ``_`` is.

    Raises:
        InputError: If a name is unknown or there twice, or x, y or z is missing.
    """
    if text is None or isinstance(text, Columns):
        return text
    kind, colon, names = text.rpartition(":")
    if colon and kind not in KINDS:
        raise InputError(f"--columns {text}: before the colon may be {' or '.join(KINDS)}")
    found = tuple(known(name.strip().lower()) for name in names.split(","))
    usable = (*COORDINATES, *NORMALS, *LABELS, *OTHER_LABELS, *LEFT_OUT)
    unknown = [name for name in found if name not in usable]
    twice = sorted({name for name in found if name != "_" and found.count(name) > 1})
    if unknown or twice:
        what = f"{unknown[0]!r} is unknown" if unknown else f"{twice[0]} is there twice"
        raise InputError(
            f"--columns {text}: {what}: take {', '.join((*COORDINATES, *NORMALS, *LABELS))}, "
            f"{', '.join(LEFT_OUT[:4])}, or _ for any other"
        )
    check_names(found, f"--columns {text}")
    return Columns(found, kind or "float32")


def known(name: str) -> str:
    """A name in lower case and as it is used here."""
    plain = name.lower().removeprefix("scalar_").removeprefix("scalar-")
    return ALIASES.get(plain, plain)


def check_names(names: tuple[str, ...], where: str) -> None:
    """Refuse columns that are no cloud.

    Raises:
        InputError: If a coordinate is missing, or some of the normals, or labels are there twice.
    """
    missing = [name for name in COORDINATES if name not in names]
    normals = [name for name in NORMALS if name in names]
    if missing or len(normals) in (1, 2) or sum(name in names for name in LABELS) > 1:
        raise InputError(
            f"{where} must have x, y, z, all or none of nx, ny, nz, and at most one of "
            f"{', '.join(LABELS)}, got {', '.join(names)}"
        )


def cloud_of(
    path: Path,
    stored: Mapping[str, Shaped[np.ndarray, " n"]],
    *,
    where: str,
    category: int | None = None,
    notes: tuple[str, ...] = (),
) -> Cloud:
    """Make a cloud of columns that have names; those that are no part of one are left out.

    Normals that are not finite are unknown, as zeros are, and are noted.

    Args:
        path: The file.
        stored: Columns by their names.
        where: The file, for errors.
        category: Number of the category of the shape.
        notes: What else a reader should know.

    Raises:
        InputError: If they are no cloud, or break a rule of `checked_cloud`.
    """
    columns = {known(name): array for name, array in stored.items()}
    check_names(tuple(columns), where)
    labels = [name for name in (*LABELS, *OTHER_LABELS) if name in columns][:1]
    normals, unknown = None, 0
    if NORMALS[0] in columns:
        normals, unknown = known_normals(np.column_stack([columns[name] for name in NORMALS]))
    return checked_cloud(
        path.stem,
        np.column_stack([columns[name] for name in COORDINATES]),
        normals=normals,
        unknown=unknown,
        labels=columns[labels[0]] if labels else None,
        category=category,
        where=where,
        notes=notes,
    )


def known_normals(normals: np.ndarray) -> tuple[np.ndarray, int]:
    """Take normals that are not finite as unknown: zeros, and their number.

    Programs write NaN where a point has no neighbours to compute a normal from.
    """
    if normals.dtype.kind != "f" or normals.ndim != 2:
        return normals, 0
    bad = ~np.isfinite(normals).all(1)
    return np.where(bad[:, None], 0, normals) if bad.any() else normals, int(bad.sum())


def guessed(table: Float[np.ndarray, " n columns"], where: str) -> Columns:
    """Guess the columns of a table without names by their number, and check the guess.

    Raises:
        InputError: If there is no guess, or the numbers speak against it.
    """
    count = table.shape[1]
    if count not in LAYOUTS:
        raise InputError(
            f"{where} has {count} columns, must have {'; '.join(LAYOUTS.values())}: {DECLARE}"
        )
    names = tuple(LAYOUTS[count].split())
    if "nx" in names:
        check_normals(table[:, 3:6], where)
    if "label" in names:
        check_labels(table[:, -1], where)
    return Columns(names)


def check_normals(normals: Float[np.ndarray, " n 3"], where: str) -> None:
    """Refuse what cannot be normals: components over 1, or lengths that are not 1.

    Raises:
        InputError: With the first or the worst row.
    """
    rows = normals[np.isfinite(normals).all(1)]
    largest = np.abs(rows).max(1, initial=0)
    length = np.linalg.norm(rows / np.maximum(largest, 1)[:, None], axis=1)
    wrong = (np.abs(length - 1) > NEAR) & (largest > 0)
    if largest.max(initial=0) > LARGEST_NORMAL:
        worst = rows[largest.argmax()].tolist()
        reason = f"got {worst}"
    elif wrong.sum() > MOST_WRONG * len(rows):
        reason = (
            f"got {rows[wrong.argmax()].round(DECIMALS).tolist()}, and {wrong.sum()} of "
            f"{len(rows)} have another length than 1"
        )
    else:
        return
    raise InputError(
        f"{where}: columns 4 to 6 must be a normal, {reason}: drop colours and the like, or "
        f"{DECLARE}"
    )


def check_labels(labels: Float[np.ndarray, " n"], where: str) -> None:
    """Refuse a last column that is none of labels: fractions, and numbers of many values.

    Raises:
        InputError: With the first number that is no label, or how many there are.
    """
    bad = np.flatnonzero(~((labels == np.floor(labels)) & (labels >= -1) & (labels <= 255)))
    if bad.size:
        raise InputError(
            f"labels of {where} must be whole numbers in 0..254, or 255 for unlabelled, got "
            f"{labels[bad[0]]} in point {bad[0]} (the first of {len(bad)}): if the last column is "
            f"none, {DECLARE}"
        )
    values = len(np.unique(labels))
    if values > MOST_CLASSES:
        raise InputError(
            f"{where}: the last column has {values} different numbers, too many to be taken for "
            f"labels unasked: {DECLARE}; of labels, --columns x,y,z,label"
        )


def no_declaration(columns: Columns | None, where: str, why: str = "says itself") -> None:
    """Refuse a declaration for a file that says what its columns are.

    Raises:
        InputError: If there is one.
    """
    if columns is not None:
        raise InputError(f"{where} {why} what its columns are: leave out --columns")
