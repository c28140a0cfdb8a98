"""Read .pcd files of the Point Cloud Library: ascii, binary and binary_compressed.

Source:
    The PCD (Point Cloud Data) file format, pointclouds.org, version 0.7.
"""

import re
from dataclasses import dataclass

import numpy as np
from jaxtyping import Shaped

from segcert.errors import InputError
from segcert.inputs.cloud_table import plain_nan
from segcert.inputs.lzf import decompress
from segcert.text import one_line

LONGEST_HEADER = 1 << 16  # bytes
MOST_COUNT = 1 << 16  # numbers of one field in a point
DATA = re.compile(rb"(?:^|\n)DATA[ \t]+(\w+)[ \t]*\r?\n")
TYPES = {
    "F4": "<f4", "F8": "<f8", "I1": "i1", "I2": "<i2", "I4": "<i4", "I8": "<i8", "U1": "u1",
    "U2": "<u2", "U4": "<u4", "U8": "<u8",
}  # fmt: skip


@dataclass(frozen=True)
class Header:
    """What a file holds.

    Args:
        kind: "ascii", "binary" or "binary_compressed".
        points: How many.
        row: Of one point, as it is stored.
        size: Bytes of the header.
    """

    kind: str
    points: int
    row: np.dtype
    size: int


def read_points(content: bytes, where: str) -> dict[str, Shaped[np.ndarray, " n"]]:
    """Read the fields that have one number a point, by name.

    Raises:
        InputError: If it is no such file, or is truncated or damaged.
    """
    header = read_header(content, where)
    body = content[header.size :]
    if header.kind == "ascii":
        table = read_ascii(body, header, where)
    elif header.kind == "binary":
        table = np.frombuffer(body[: checked_size(len(body), header, where)], header.row)
    else:
        table = read_compressed(body, header, where)
    names = header.row.names or ()
    return {name: table[name] for name in names if not header.row[name].shape}


def checked_size(there: int, header: Header, where: str) -> int:
    """Bytes of the points, all of which must be there.

    Raises:
        InputError: If not.
    """
    wanted = header.points * header.row.itemsize
    if there < wanted:
        raise InputError(
            f"{where} is truncated: {header.points} points need {wanted} bytes, {there} are there"
        )
    return wanted


def read_ascii(body: bytes, header: Header, where: str) -> Shaped[np.ndarray, " n"]:
    """Read points in lines.

    Raises:
        InputError: If there are fewer, or other numbers in one.
    """
    lines = [line for line in plain_nan(body).splitlines() if line.strip()][: header.points]
    if len(lines) < header.points:
        raise InputError(
            f"{where} is truncated: {header.points} points need as many lines, {len(lines)} are "
            "there"
        )
    width = sum(int(np.prod(header.row[name].shape)) for name in header.row.names or ())
    for number, line in enumerate(lines):
        if len(line.split()) != width:
            raise InputError(
                f"{where}: point {number} must have {width} numbers, got {len(line.split())}"
            )
    table = np.zeros(header.points, header.row)
    try:
        values = np.array(b" ".join(lines).split(), np.float64).reshape(-1, width)
    except ValueError as error:
        raise InputError(f"{where} is damaged: {one_line(error)}") from error
    at = 0
    with np.errstate(invalid="ignore", over="ignore"):  # checked as the points of a cloud
        for name in header.row.names or ():
            shape = table[name].shape[1:]
            count = int(np.prod(shape))
            table[name] = values[:, at : at + count].reshape(-1, *shape)
            at += count
    return table


def read_compressed(body: bytes, header: Header, where: str) -> Shaped[np.ndarray, " n"]:
    """Read points that are stored field by field, and compressed together.

    Raises:
        InputError: If they are truncated or damaged.
    """
    packed, size = np.frombuffer(body[:8].ljust(8, b"\0"), "<u4").tolist()
    wanted = header.points * header.row.itemsize
    if len(body) < 8 + packed or not packed:
        raise InputError(
            f"{where} is truncated: {packed} compressed bytes, {max(len(body) - 8, 0)} are there"
        )
    if size != wanted:
        raise InputError(f"{where} is damaged: {header.points} points need {wanted} bytes: {size}")
    try:
        plain = decompress(body[8 : 8 + packed], size)
    except (ValueError, IndexError) as error:
        raise InputError(f"{where} is damaged: {one_line(error)}") from error
    table, at = np.zeros(header.points, header.row), 0
    for name in header.row.names or ():
        one = table.dtype[name]
        stop = at + header.points * one.itemsize
        table[name] = np.frombuffer(plain[at:stop], one)
        at = stop
    return table


def read_header(content: bytes, where: str) -> Header:
    """Read the header.

    Raises:
        InputError: If there is none, or its lines contradict each other.
    """
    end = DATA.search(content, 0, LONGEST_HEADER)
    if end is None:
        raise InputError(f"{where} is no PCD file: its header is missing or cut off")
    text = content[: end.start() + 1].decode("ascii", "replace")
    lines = {line[0].upper(): line[1:] for line in map(str.split, text.splitlines()) if line}
    kind = end[1].decode("ascii", "replace")
    if kind not in ("ascii", "binary", "binary_compressed"):
        raise InputError(
            f"{where}: DATA must be ascii, binary or binary_compressed, got {kind[:40]!r}"
        )
    points = number_of(lines, "POINTS", where)
    if points is None:
        wide, high = (number_of(lines, name, where) for name in ("WIDTH", "HEIGHT"))
        points = (wide or 0) * (1 if high is None else high)
    return Header(kind, points, row_of(lines, where), end.end())


def number_of(lines: dict[str, list[str]], name: str, where: str) -> int | None:
    """A number of the header; None if it has no such line.

    Raises:
        InputError: If it is no number.
    """
    if name not in lines:
        return None
    words = lines[name]
    if len(words) != 1 or not re.fullmatch(r"[0-9]{1,15}", words[0]):
        raise InputError(f"{where}: {name} must be a number, got {' '.join(words)[:40]!r}")
    return int(words[0])


def row_of(lines: dict[str, list[str]], where: str) -> np.dtype:
    """How one point is stored; fields called _ are padding, of which there may be several.

    Raises:
        InputError: If fields, sizes, types and counts do not fit each other.
    """
    fields = lines.get("FIELDS", lines.get("COLUMNS", []))
    sizes, types = lines.get("SIZE", []), lines.get("TYPE", [])
    counts = lines.get("COUNT", ["1"] * len(fields))
    if not fields or not len(fields) == len(sizes) == len(types) == len(counts):
        raise InputError(
            f"{where}: FIELDS, SIZE, TYPE and COUNT must name as many columns each, got "
            f"{len(fields)}, {len(sizes)}, {len(types)}, {len(counts)}"
        )
    names = [f"_{at}" if name == "_" else name for at, name in enumerate(fields)]
    if len(set(names)) < len(names):
        raise InputError(f"{where}: FIELDS must have different names, got {', '.join(names)[:80]}")
    row: list[tuple[str, str] | tuple[str, str, tuple[int]]] = []
    for name, size, kind, count in zip(names, sizes, types, counts, strict=True):
        stored = TYPES.get(f"{kind.upper()}{size}")
        if stored is None or not re.fullmatch(r"[0-9]{1,5}", count) or int(count) > MOST_COUNT:
            raise InputError(
                f"{where}: field {name[:40]!r} must be F, I or U of 1, 2, 4 or 8 bytes and have a "
                f"count, got {kind[:9]} {size[:9]} {count[:9]}"
            )
        many = int(count)
        row.append((name, stored) if many == 1 else (name, stored, (many,)))
    return np.dtype(row)
