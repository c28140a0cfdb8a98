"""Clouds as text: numbers in lines, as many in each, with or without a line of names.

Read are .xyz, .txt, .pts, .asc and .csv: by spaces, tabs, commas or semicolons; lines that begin
with # or // are comments, and the last one before the numbers may name the columns, as CloudCompare
writes it (``//X Y Z Intensity``); .pts begins with the number of points.
"""

import io
import re
import warnings
from pathlib import Path

import numpy as np
from jaxtyping import Float

from segcert.errors import InputError
from segcert.inputs.cloud_columns import COORDINATES, DECLARE, Columns, guessed, known
from segcert.text import one_line

MARKS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig"))
COMMENT = ("#", "//")
NOT_A_NUMBER = re.compile(rb"[-+]?(nan\(\w*\)|1\.#(QNAN|SNAN|IND|INF)\w*)", re.IGNORECASE)
TWO_MEANINGS = re.compile(r"\d,\d[^,;]*[ \t;]+[-+.]?\d")  # 1,5 2,5: a comma in the number or after
WORD = re.compile(r"[A-Za-z_][\w.\[\]()-]*")
LONGEST = 60  # letters of a line in an error


def text_of(content: bytes) -> str:
    """Decode a text with or without a mark of its encoding.

    Raises:
        ValueError: If it is no text.
    """
    encoding = next((name for mark, name in MARKS if content.startswith(mark)), "ascii")
    return plain_nan(content).decode(encoding)


def plain_nan(content: bytes) -> bytes:
    """Write as nan what other C libraries print for no number, as ``-nan(ind)``."""
    return NOT_A_NUMBER.sub(b"nan", content)


def read_table(
    path: Path, content: bytes, declared: Columns | None
) -> dict[str, Float[np.ndarray, " n"]]:
    """Read the columns of a text by their names, which it or the user says, or a guess.

    Raises:
        InputError: If it is no table of numbers, holds no points, or its columns are not known.
    """
    where = f"cloud {path}"
    try:
        text = text_of(content)
    except ValueError as error:
        raise InputError(
            f"{where} must be a table of numbers: {one_line(error)}: save it as text in ASCII or "
            "UTF-8"
        ) from error
    header, body = split(text.splitlines())
    if path.suffix.lower() == ".pts":
        body = without_count(body, where)
    check_commas(body, where)
    table = numbers(body, where)
    if not len(table):
        raise InputError(f"{where} holds no points: it must be a table of numbers")
    if declared is not None:
        return declared.of(table, where)
    names = names_of(header, table.shape[1], where)
    return (Columns(names) if names else guessed(table, where)).of(table, where)


def split(lines: list[str]) -> tuple[str, list[str]]:
    """Split a text into its last comment or line of names before the numbers, and the rest."""
    header = ""
    body: list[str] = []
    for line in lines:
        plain = line.strip()
        if plain.startswith(COMMENT):
            header = header if body else plain.lstrip("#/ ")
        elif plain and not body and WORD.match(plain.lstrip("\"'")) and not is_number(plain):
            header = plain
        elif plain:
            body.append(plain.partition("#")[0].partition("//")[0])
    return header, body


def is_number(line: str) -> bool:
    """Tell whether a line begins with a number, which nan and inf are."""
    first = re.split(r"[\s,;]+", line)[0]
    try:
        float(first)
    except ValueError:
        return False
    return True


def without_count(lines: list[str], where: str) -> list[str]:
    """Take off the number of points that .pts begins with.

    Raises:
        InputError: If it is not their number.
    """
    if not lines or not re.fullmatch(r"\d{1,18}", lines[0]):
        return lines
    if int(lines[0]) != len(lines) - 1:
        raise InputError(
            f"{where} says that it has {lines[0]} points and has {len(lines) - 1}: it is cut off, "
            "or several scans are in one file"
        )
    return lines[1:]


def check_commas(lines: list[str], where: str) -> None:
    """Refuse commas that may be decimal ones: ``1,5 2,5`` has two numbers or four.

    Raises:
        InputError: With the first such line.
    """
    for line in lines:
        if TWO_MEANINGS.search(line):
            raise InputError(
                f"{where} has commas within numbers, or two separators: {line[:LONGEST]!r}: write "
                "decimal points"
            )


def numbers(lines: list[str], where: str) -> Float[np.ndarray, " n columns"]:
    """Read lines of numbers.

    Raises:
        InputError: If one has another number of them, or another thing.
    """
    text = "\n".join(lines).replace(",", " ").replace(";", " ")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of files without a line
            return np.loadtxt(io.StringIO(text), np.float64, ndmin=2, comments=None)
    except ValueError as error:
        raise InputError(f"{where} must be a table of numbers: {one_line(error)}") from error


def names_of(header: str, count: int, where: str) -> tuple[str, ...]:
    """Read the names of the columns; none if the line is another remark.

    Raises:
        InputError: If it names x, y and z, but not as many columns as there are.
    """
    words = [word.strip("\"'()[]") for word in re.split(r"[\s,;]+", header.strip()) if word]
    names = tuple(known(re.sub(r"\W.*", "", word)) for word in words)
    if not set(COORDINATES) <= set(names):
        return ()
    if len(names) != count:
        raise InputError(
            f"{where} names {len(names)} columns ({header[:LONGEST]}) and has {count}: {DECLARE}"
        )
    twice = {name for name in names if names.count(name) > 1}
    return tuple("_" if name in twice and name not in COORDINATES else name for name in names)
