"""Rows of an evaluation as its store keeps them: sealed when written, checked whenever read."""

import hashlib
import json
import math
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from segcert.errors import VerificationError
from segcert.runs.config import EvaluationConfig
from segcert.runs.rows import Row, from_json, to_json

COLUMNS = tuple(field.name for field in fields(Row))
MATRICES = ("confusion", "certified_confusion")
SEALED = (*COLUMNS, "sha256")
DIGEST = "segcert row 2"  # what is hashed before the values


def to_values(row: Row, config_sha256: str) -> tuple[object, ...]:
    """A row as the store keeps it, with its digest at the end."""
    values = {name: getattr(row, name) for name in COLUMNS}
    line = tuple((values | {name: to_json(values[name]) for name in MATRICES}).values())
    return (*line, digest(line, config_sha256))


def digest(line: Iterable[object], config_sha256: str) -> str:
    """Hash all values of a row, with their types, and the run that they belong to.

    It finds what was changed by hand or by accident. Who changes a row and computes its digest
    again is not found: the draws would have to be made again for that.

    Raises:
        TypeError: If a value is of a type that no row has.
        ValueError: If a value is no finite number.
    """
    text = json.dumps([DIGEST, config_sha256, *line], allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def read_rows(lines: Iterable[tuple[object, ...]], config: EvaluationConfig) -> tuple[Row, ...]:
    """Read rows in the order of input and setting; each one is checked.

    Args:
        lines: The columns of `Row`, and the digest; without digests if the store has none.
        config: Of the run.

    Raises:
        VerificationError: If a row was changed, cannot be, is missing, or was added.
    """
    rows = tuple(to_row(line, config) for line in lines)
    found = [(row.number, row.setting) for row in rows]
    numbers = sorted({row.number for row in rows})
    if found != [(i, k) for i in numbers for k in range(len(config.settings))]:
        raise VerificationError("rows of its results are missing, or were added")
    return rows


def to_row(line: tuple[object, ...], config: EvaluationConfig) -> Row:
    """Read one row; SQLite itself stores anything in any column.

    Raises:
        VerificationError: If it is none that was written.
    """
    where = f"a row of its results (input {line[0]!r}, setting {line[3]!r})"
    try:
        values: dict[str, Any] = dict(zip(COLUMNS, line[: len(COLUMNS)], strict=True))
        for name in {*COLUMNS} - {*MATRICES}:
            check_value(name, values[name])
        for sealed in line[len(COLUMNS) :]:
            if sealed != digest(line[: len(COLUMNS)], config.sha256):
                raise VerificationError(f"{where} was changed: its digest is another one")
        row = Row(**(values | {name: from_json(values[name]) for name in MATRICES}))
    except (ValueError, TypeError, IndexError, RecursionError) as error:
        raise VerificationError(f"{where} is none that was written") from error
    wrong = contradiction(row, config)
    if wrong:
        raise VerificationError(f"{where} cannot be: {wrong}")
    return row


def check_value(name: str, value: object) -> None:
    """Refuse values of another type than their column, negative counts, and times that are none.

    Raises:
        ValueError: If it is such.
    """
    kind = {"name": str, "input_sha256": str, "seconds": float}.get(name, int)
    good = type(value) is kind
    if isinstance(value, float):
        good &= math.isfinite(value)  # a clock may go backwards
    elif isinstance(value, int):
        good &= value >= 0
    if not good:
        raise ValueError(f"{name} is {value!r}")


def contradiction(row: Row, config: EvaluationConfig) -> str:
    """Say what in a row contradicts itself or its run; empty if nothing does.

    Components are labelled or not, and certified or not: each of the four numbers is known from
    the row, and none may be negative.
    """
    if row.number >= config.images or row.setting >= len(config.settings):
        return "the run has no such input or setting"
    classes, n = len(config.classes), config.settings[row.setting].n
    if {row.confusion.shape, row.certified_confusion.shape} != {(classes, classes)}:
        return f"the run has {classes} classes"
    if (row.certified_confusion > row.confusion).any():
        return "more components of a class are certified than there are"
    labelled, both = int(row.confusion.sum()), int(row.certified_confusion.sum())
    if min(row.components - labelled, row.certified - both) < 0:
        return "more components are labelled than there are, or than are certified"
    if row.components - row.certified < labelled - both:
        return "more components are certified than there are"
    if row.threshold > n + 1 or (row.certified and row.threshold > n):
        return f"{n} draws cannot reach the threshold"
    if row.invalid > row.components * (config.n0 + n):
        return "more labels are lost than were drawn"
    return ""
