"""Read and write the vertices of PLY files, ascii and binary.

Only what point clouds need: the vertices are the first element and have numbers, no lists. Faces
and whatever else follows are left alone.

Source:
    Turk (1994), The PLY polygon file format.
"""

import re
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from jaxtyping import Shaped

from segcert.errors import InputError

LONGEST_HEADER = 1 << 16  # bytes
TYPES = {
    "char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4",
    "float": "f4", "double": "f8", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2",
    "int32": "i4", "uint32": "u4", "float32": "f4", "float64": "f8",
}  # fmt: skip
NAMES = {"f4": "float", "u1": "uchar"}  # what is written
ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}


@dataclass(frozen=True)
class Header:
    """What a file holds.

    Args:
        kind: "ascii", "binary_little_endian" or "binary_big_endian".
        count: Number of vertices.
        properties: Name and type of each column of the vertices.
        comments: Without the word "comment".
        size: Bytes of the header.
    """

    kind: str
    count: int
    properties: tuple[tuple[str, str], ...]
    comments: tuple[str, ...]
    size: int


def read_vertices(content: bytes, where: str) -> tuple[Header, dict[str, Shaped[np.ndarray, " n"]]]:
    """Read the columns of the vertices by name.

    Raises:
        InputError: If it is no such file, or is truncated or damaged.
    """
    header = read_header(content, where)
    names = [name for name, _ in header.properties]
    if header.kind == "ascii":
        return header, dict(zip(names, read_ascii(content, header, where).T, strict=True))
    order = ORDERS[header.kind]
    row = np.dtype([(name, order + kind) for name, kind in header.properties])
    there = len(content) - header.size
    if there < header.count * row.itemsize:
        raise InputError(
            f"{where} is truncated: {header.count} vertices need {header.count * row.itemsize} "
            f"bytes, {there} are there"
        )
    table = np.frombuffer(content, row, header.count, header.size)
    return header, {name: table[name].astype(table[name].dtype.newbyteorder("=")) for name in names}


def read_ascii(content: bytes, header: Header, where: str) -> Shaped[np.ndarray, " n columns"]:
    """Read the vertices of an ascii file as float64."""
    columns = len(header.properties)
    lines = content[header.size :].split(b"\n", header.count)[: header.count]
    lines = [line for line in lines if line.strip()]
    if len(lines) < header.count:
        raise InputError(
            f"{where} is truncated: {header.count} vertices need as many lines, "
            f"{len(lines)} are there"
        )
    for number, line in enumerate(lines):
        if len(line.split()) != columns:
            raise InputError(
                f"{where}: vertex {number} must have {columns} numbers, got {len(line.split())}"
            )
    try:
        return np.array(b" ".join(lines).split(), np.float64).reshape(-1, columns)
    except ValueError as error:
        raise InputError(f"{where} is damaged: {error}") from error


def read_header(content: bytes, where: str) -> Header:
    """Read the header of a PLY file.

    Raises:
        InputError: If there is none, or the vertices are not its first element or have lists.
    """
    end = content.find(b"end_header", 0, LONGEST_HEADER)
    stop = content.find(b"\n", end)
    if not content.startswith(b"ply") or end < 0 or stop < 0:
        raise InputError(f"{where} is no PLY file: its header is missing or cut off")
    lines = content[:stop].decode("ascii", "replace").splitlines()
    words = [line.split() for line in lines[1:-1] if line.strip()]
    kinds = [line[1] for line in words if line[0] == "format" and len(line) > 1]
    if len(kinds) != 1 or kinds[0] not in ORDERS:
        raise InputError(f"{where}: PLY format must be one of {', '.join(ORDERS)}, got {kinds}")
    elements = [number for number, line in enumerate(words) if line[0] == "element"]
    if not elements or words[elements[0]][1:2] != ["vertex"]:
        raise InputError(f"{where}: the first element of a PLY file must be vertex")
    after = elements[1] if len(elements) > 1 else len(words)
    columns = [line for line in words[elements[0] + 1 : after] if line[0] == "property"]
    return Header(
        kind=kinds[0],
        count=count_of(words[elements[0]], where),
        properties=checked_properties(columns, where),
        comments=tuple(" ".join(line[1:]) for line in words if line[0] == "comment"),
        size=stop + 1,
    )


def count_of(words: list[str], where: str) -> int:
    """Return the number of vertices."""
    if len(words) != 3 or not re.fullmatch(r"[0-9]{1,18}", words[2]):
        raise InputError(f"{where}: 'element vertex' must have a number, got {' '.join(words)!r}")
    return int(words[2])


def checked_properties(columns: list[list[str]], where: str) -> tuple[tuple[str, str], ...]:
    """Return name and type of each column; a name twice or a list is refused."""
    for words in columns:
        if len(words) != 3 or words[1] not in TYPES:
            raise InputError(
                f"{where}: properties of vertices must be numbers, got {' '.join(words)!r}"
            )
    names = [words[2] for words in columns]
    if not names or len(set(names)) < len(names):
        raise InputError(f"{where}: properties of vertices must have different names, got {names}")
    return tuple((words[2], TYPES[words[1]]) for words in columns)


def write_vertices(
    file: BinaryIO,
    columns: dict[str, Shaped[np.ndarray, " n"]],
    *,
    comments: tuple[str, ...] = (),
    text: bool = False,
) -> None:
    """Write vertices as float (coordinates, normals) and uchar (labels).

    Args:
        file: Open for writing.
        columns: float32 or uint8 arrays by name.
        comments: Lines of the header.
        text: Write ascii rather than binary; both hold exactly the same numbers.
    """
    row = np.dtype([(name, array.dtype.newbyteorder("<")) for name, array in columns.items()])
    table = np.empty(len(next(iter(columns.values()))), row)
    for name, array in columns.items():
        table[name] = array
    kind = "ascii" if text else "binary_little_endian"
    lines = ["ply", f"format {kind} 1.0", *(f"comment {comment}" for comment in comments)]
    lines.append(f"element vertex {len(table)}")
    lines += [f"property {NAMES[row[name].str[1:]]} {name}" for name in columns]
    file.write("\n".join([*lines, "end_header", ""]).encode("ascii"))
    if text:
        for values in table.tolist():
            file.write((" ".join(map(shown, values)) + "\n").encode("ascii"))
    else:
        file.write(table.tobytes())


def shown(value: float) -> str:
    """Print a number so that float32 reads the same back."""
    return f"{value:.9g}"
