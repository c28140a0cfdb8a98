"""Read and write the vertices of PLY files, ascii and binary.

Only what point clouds need: the vertices, whose lists are left out. Elements before them are
skipped, what follows is left alone. The package that reads all of PLY is under a licence that asks
the same of what uses it.

Source:
    Turk (1994), The PLY polygon file format.
"""

import re
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

import numpy as np
from jaxtyping import Float64, Shaped

from segcert.errors import InputError
from segcert.inputs.cloud_table import plain_nan
from segcert.text import one_line

LONGEST_HEADER = 1 << 16  # bytes
LONGEST_LENGTH = 9  # digits of the length of a list
MARK = b"\xef\xbb\xbf"  # of UTF-8, which editors put in front
END = re.compile(rb"(?:\r\n|\n|\r)end_header[ \t]*(\r\n|\n|\r)")
TYPES = {
    "char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4",
    "float": "f4", "double": "f8", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2",
    "int32": "i4", "uint32": "u4", "float32": "f4", "float64": "f8", "int64": "i8",
    "uint64": "u8",
}  # fmt: skip
NAMES = {"f4": "float", "u1": "uchar"}  # what is written
ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}


@dataclass(frozen=True)
class Property:
    """A number, or a list of them, of each row of an element.

    Args:
        name: How the file calls it.
        kind: Type of the number, or of those of a list.
        length: Type of the length of a list; empty for a number.
    """

    name: str
    kind: str
    length: str = ""


@dataclass(frozen=True)
class Element:
    """A table of a file.

    Args:
        name: "vertex" is that of the points.
        count: Number of rows.
        properties: Of each row.
    """

    name: str
    count: int
    properties: tuple[Property, ...]

    @property
    def has_lists(self) -> bool:
        """Whether rows differ in length."""
        return any(one.length for one in self.properties)

    @property
    def numbers(self) -> tuple[str, ...]:
        """Names of what is no list."""
        return tuple(one.name for one in self.properties if not one.length)


@dataclass(frozen=True)
class Header:
    """What a file holds.

    Args:
        kind: "ascii", "binary_little_endian" or "binary_big_endian".
        before: What is to be skipped.
        vertices: What is read.
        comments: Without the word "comment".
        size: Bytes of the header.
    """

    kind: str
    before: tuple[Element, ...]
    vertices: Element
    comments: tuple[str, ...]
    size: int


def read_vertices(content: bytes, where: str) -> tuple[Header, dict[str, Shaped[np.ndarray, " n"]]]:
    """Read the columns of the vertices by name.

    Raises:
        InputError: If it is no such file, or is truncated or damaged.
    """
    content = content.removeprefix(MARK)
    header = read_header(content, where)
    if header.kind == "ascii":
        names = header.vertices.numbers
        return header, dict(zip(names, read_ascii(content, header, where).T, strict=True))
    order, at = ORDERS[header.kind], header.size
    for element in header.before:
        at = after(content, at, element, order, where)
    return header, read_binary(content, at, header.vertices, order, where)


def checked_room(content: bytes, at: int, element: Element, where: str) -> int:
    """Where rows without lists end, all of which must be there.

    Raises:
        InputError: If they are not.
    """
    size = sum(np.dtype(one.kind).itemsize for one in element.properties)
    there, wanted = len(content) - at, element.count * size
    if there < wanted:
        many = "vertices" if element.name == "vertex" else f"rows of {element.name[:40]!r}"
        raise InputError(
            f"{where} is truncated: {element.count} {many} need {wanted} bytes, {max(there, 0)} "
            "are there"
        )
    return at + wanted


def after(content: bytes, at: int, element: Element, order: str, where: str) -> int:
    """Where an element ends.

    Raises:
        InputError: If the file ends before.
    """
    if not element.has_lists:
        return checked_room(content, at, element, where)
    for _ in range(element.count):
        at = after_row(content, at, element, order, where)
    return at


def after_row(content: bytes, at: int, element: Element, order: str, where: str) -> int:
    """Where a row with lists ends.

    Raises:
        InputError: If the file ends before.
    """
    for one in element.properties:
        size, many = np.dtype(one.kind).itemsize, 1
        if one.length:
            width = np.dtype(one.length).itemsize
            many = int.from_bytes(
                content[at : at + width], "big" if order == ">" else "little", signed=False
            )
            at += width
        at += many * size
        if at > len(content):
            raise InputError(
                f"{where} is truncated: a row of {element.name[:40]!r} ends after the file"
            )
    return at


def read_binary(
    content: bytes, at: int, element: Element, order: str, where: str
) -> dict[str, Shaped[np.ndarray, " n"]]:
    """Read the numbers of the vertices; of each row with lists what is none.

    Raises:
        InputError: If the file is truncated.
    """
    if not element.has_lists:
        checked_room(content, at, element, where)
        row = np.dtype([(one.name, order + one.kind) for one in element.properties])
        table = np.frombuffer(content, row, element.count, at)
        return {
            name: table[name].astype(table[name].dtype.newbyteorder("="))
            for name in element.numbers
        }
    found: dict[str, list[object]] = {name: [] for name in element.numbers}
    for _ in range(element.count):
        spot, at = at, after_row(content, at, element, order, where)
        for one in element.properties:
            kind = np.dtype(order + one.kind)
            if not one.length:
                found[one.name].append(np.frombuffer(content, kind, 1, spot)[0])
                spot += kind.itemsize
            else:
                spot = after_row(content, spot, Element("", 1, (one,)), order, where)
    return {name: np.array(values, np.float64) for name, values in found.items()}


def read_ascii(content: bytes, header: Header, where: str) -> Float64[np.ndarray, " n columns"]:
    """Read the vertices of an ascii file, a line each."""
    element = header.vertices
    skipped = min(sum(one.count for one in header.before), len(content))
    every = (line for line in plain_nan(content[header.size :]).splitlines() if line.strip())
    lines = list(islice(every, skipped, skipped + min(element.count, len(content))))
    if len(lines) < element.count:
        raise InputError(
            f"{where} is truncated: {element.count} vertices need as many lines, "
            f"{len(lines)} are there"
        )
    rows: list[bytes] = []
    for number, line in enumerate(lines):
        words = without_lists(line.split(), element.properties)
        if len(words) != len(element.numbers):
            raise InputError(
                f"{where}: vertex {number} must have {len(element.numbers)} numbers, "
                f"got {len(line.split())}"
            )
        rows += words
    try:
        return np.array(rows, np.float64).reshape(-1, len(element.numbers))
    except ValueError as error:
        raise InputError(f"{where} is damaged: {one_line(error)}") from error


def without_lists(words: list[bytes], properties: tuple[Property, ...]) -> list[bytes]:
    """Leave the lists out of a line; of a line that they do not fit nothing is left."""
    if all(not one.length for one in properties):
        return words
    kept: list[bytes] = []
    at = 0
    for one in properties:
        if not one.length:
            kept += words[at : at + 1]
            at += 1
        elif at < len(words) and words[at].isdigit() and len(words[at]) < LONGEST_LENGTH:
            at += 1 + int(words[at])
        else:
            return []
    return kept if at == len(words) else []


def read_header(content: bytes, where: str) -> Header:
    """Read the header of a PLY file.

    Raises:
        InputError: If there is none, or it has no vertices.
    """
    end = END.search(content, 0, LONGEST_HEADER)
    if not content.startswith(b"ply") or end is None:
        raise InputError(f"{where} is no PLY file: its header is missing or cut off")
    lines = content[: end.start()].decode("ascii", "replace").splitlines()
    words = [line.split() for line in lines[1:] if line.strip()]
    kinds = [line[1] for line in words if line[0] == "format" and len(line) > 1]
    if len(kinds) != 1 or kinds[0] not in ORDERS:
        raise InputError(f"{where}: PLY format must be one of {', '.join(ORDERS)}, got {kinds}")
    elements = elements_of(words, where)
    named = [element.name for element in elements]
    if named.count("vertex") != 1:
        raise InputError(
            f"{where}: a PLY file must have one element vertex, got "
            f"{', '.join(named)[:80] or 'none'}"
        )
    at = named.index("vertex")
    check_vertices(elements[at], where)
    return Header(
        kind=kinds[0],
        before=elements[:at],
        vertices=elements[at],
        comments=tuple(" ".join(line[1:]) for line in words if line[0] == "comment"),
        size=end.end(),
    )


def elements_of(words: list[list[str]], where: str) -> tuple[Element, ...]:
    """Read what tables there are.

    Raises:
        InputError: If a number of rows or a type of a column is none.
    """
    found: list[Element] = []
    for line in words:
        if line[0] == "element":
            name = line[1] if len(line) > 1 else ""
            found.append(Element(name, count_of(line, name, where), ()))
        elif line[0] == "property" and found:
            last = found[-1]
            more = property_of(line, where)
            found[-1] = Element(last.name, last.count, (*last.properties, more))
    return tuple(found)


def count_of(words: list[str], name: str, where: str) -> int:
    """Return the number of rows of an element."""
    if len(words) != 3 or not re.fullmatch(r"[0-9]{1,18}", words[2]):
        raise InputError(
            f"{where}: 'element {name[:40]}' must have a number, got {' '.join(words)[:80]!r}"
        )
    return int(words[2])


def property_of(words: list[str], where: str) -> Property:
    """Read a column."""
    if len(words) == 3 and words[1] in TYPES:
        return Property(words[2], TYPES[words[1]])
    if len(words) == 5 and words[1] == "list" and {words[2], words[3]} <= TYPES.keys():
        length = TYPES[words[2]]
        if not length.startswith("f"):
            return Property(words[4], TYPES[words[3]], length)
    raise InputError(
        f"{where}: properties must be numbers, or lists of them, got {' '.join(words)[:80]!r}"
    )


def check_vertices(element: Element, where: str) -> None:
    """Refuse a name twice, and vertices without a number."""
    names = [one.name for one in element.properties]
    if not element.numbers or len(set(names)) < len(names):
        raise InputError(f"{where}: properties of vertices must have different names, got {names}")


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
