"""Read .las and .laz files of airborne and terrestrial scans with laspy, and with it lazrs.

Source:
    ASPRS (2019), LAS specification 1.4.
"""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from jaxtyping import Float64, Shaped

from segcert.errors import InputError
from segcert.inputs.cloud_columns import cloud_of
from segcert.inputs.clouds import ROUNDING, Cloud
from segcert.text import one_line

EXTRA = ".las and .laz files need laspy: pip install 'segcert[las]'"
MOST_POINTS = 1 << 26
MOST_PACKED = 64  # points that a compressed byte may stand for
SHORTEST, RECORD = 227, 54  # bytes of the header, and of a record, at least
CHUNK = 1 << 20  # points that are decoded at once


def read_las(path: Path, content: bytes) -> Cloud:
    """Read the points, their classes and, where CloudCompare wrote them, their normals.

    Coordinates of a map are too large for float32; then the whole number below the least one is
    taken off each axis, which a note says.

    Raises:
        InputError: If laspy is not installed, or the file cannot be read.
    """
    where = f"cloud {path}"
    with decoding(where):
        columns = columns_of(content, library(), where)
    points = np.column_stack([columns.pop(axis) for axis in "xyz"])
    points, notes = near_zero(points)
    columns |= dict(zip("xyz", points.T, strict=True))
    if not columns["classification"].any():  # never classified
        del columns["classification"]
    return cloud_of(path, columns, where=where, notes=notes)


def library() -> ModuleType:
    """Import laspy, which is an extra.

    Raises:
        InputError: If it is not installed.
    """
    try:
        import laspy
    except ImportError as error:
        raise InputError(EXTRA) from error
    module: ModuleType = laspy
    return module


@contextmanager
def decoding(where: str) -> Iterator[None]:
    """Turn whatever a decoder raises on damaged bytes, be it a panic, into one line."""
    try:
        yield
    except (InputError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # of the Rust library: a panic is no Exception
        lacks = "LazBackend" in str(error) or "laz-rs" in str(error)
        raise InputError(
            EXTRA if lacks else f"{where} cannot be read as LAS: {one_line(error)}"
        ) from error


def columns_of(
    content: bytes, laspy: ModuleType, where: str
) -> dict[str, Shaped[np.ndarray, " n"]]:
    """Read the columns that clouds may have, in parts, so that a header cannot ask for memory.

    Raises:
        InputError: If there are too many points, or fewer than the header says.
    """
    check_records(content, where)
    logging.getLogger("laspy").setLevel(logging.CRITICAL)  # what matters is raised
    with laspy.open(io.BytesIO(content), laz_backend=laspy.LazBackend.Lazrs) as file:
        stated, header = file.header.point_count, file.header
        if stated > MOST_POINTS:
            raise InputError(f"{where} has {stated} points, the most are {MOST_POINTS}: cut it")
        if header.are_points_compressed:
            check_packed(content, header.offset_to_point_data, stated, where)
        least = header.offset_to_point_data + stated * header.point_format.size
        if not header.are_points_compressed and least > len(content):
            raise InputError(
                f"{where} is truncated: {stated} points need {least} bytes, {len(content)} are "
                "there"
            )
        parts = [part_of(chunk) for chunk in file.chunk_iterator(CHUNK)]
    found = sum(len(part["x"]) for part in parts)
    if not parts or found != stated:
        raise InputError(f"{where} is truncated: {stated} points by its header, {found} are there")
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def check_records(content: bytes, where: str) -> None:
    """Refuse a header that announces more records than the file could hold; laspy reads them all.

    Raises:
        InputError: If it does, or is cut off.
    """
    if len(content) < SHORTEST or not content.startswith(b"LASF"):
        raise InputError(f"{where} cannot be read as LAS: its header is missing or cut off")
    records = int.from_bytes(content[100:104], "little")
    extended = int.from_bytes(content[243:247], "little") if content[25] >= 4 else 0
    if (records + extended) * RECORD > len(content):
        raise InputError(
            f"{where} is truncated or damaged: {len(content)} bytes for {records + extended} "
            "records"
        )


def check_packed(content: bytes, start: int, stated: int, where: str) -> None:
    """Refuse compressed points whose table asks for more memory than they need.

    The decoder takes the numbers of that table as they are, and ends the process where memory does
    not suffice.

    Raises:
        InputError: If they cannot be so many points, or so many parts of them.
    """
    table = int.from_bytes(content[start : start + 8], "little", signed=True)
    if table == -1:  # written at the end, as of streams
        table = int.from_bytes(content[-8:], "little", signed=True)
    parts = int.from_bytes(content[table + 4 : table + 8], "little")
    if (
        stated > MOST_PACKED * len(content)
        or not start < table <= len(content) - 8
        or parts > min(stated, len(content))
    ):
        raise InputError(
            f"{where} is truncated or damaged: {len(content)} bytes for {stated} points in {parts} "
            "parts"
        )


def part_of(chunk: Any) -> dict[str, Shaped[np.ndarray, " n"]]:
    """The columns of some points, as laspy has them."""
    names = {name.lower(): name for name in chunk.point_format.dimension_names}
    kept = {axis: np.array(getattr(chunk, axis), np.float64) for axis in "xyz"}
    kept["classification"] = np.array(chunk.classification, np.int64)
    normals = [name for name in ("normalx", "normaly", "normalz") if name in names]
    if len(normals) == 3:
        kept |= {name: np.array(chunk[names[name]], np.float64) for name in normals}
    return kept


def near_zero(
    points: Float64[np.ndarray, " n 3"],
) -> tuple[Float64[np.ndarray, " n 3"], tuple[str, ...]]:
    """Take an offset off coordinates that float32 cannot hold, and say so."""
    if not np.isfinite(points).all() or not len(points):
        return points, ()
    with np.errstate(over="ignore"):
        moved = float(np.abs(points.astype(np.float32) - points).max())
    if moved <= ROUNDING * float(np.ptp(points, axis=0).max()):
        return points, ()
    offset = np.floor(points.min(0))
    words = ", ".join(f"{value:.0f}" for value in offset)
    return points - offset, (f"coordinates are those of the file less ({words})",)
