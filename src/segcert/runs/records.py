"""The store of an evaluation: one SQLite file, one transaction for each input."""

import fcntl
import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

from segcert.errors import InputError
from segcert.runs.config import EvaluationConfig
from segcert.runs.rows import Row, from_json, to_json

RECORDS, LOCK = "records.sqlite", "records.lock"
VERSION = 1
COLUMNS = tuple(field.name for field in fields(Row))
MATRICES = ("confusion", "certified_confusion")
SCHEMA = f"""
CREATE TABLE run (version INTEGER NOT NULL, config TEXT NOT NULL, sha256 TEXT NOT NULL);
CREATE TABLE results (
    number INTEGER NOT NULL, name TEXT NOT NULL, input_sha256 TEXT NOT NULL,
    setting INTEGER NOT NULL, components INTEGER NOT NULL, certified INTEGER NOT NULL,
    confusion TEXT NOT NULL, certified_confusion TEXT NOT NULL, threshold INTEGER NOT NULL,
    invalid INTEGER NOT NULL, seconds REAL NOT NULL,
    PRIMARY KEY (number, setting)
);
PRAGMA user_version = {VERSION};
"""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a run folder; the lock ends with the process, however it ends.

    Raises:
        InputError: If another process holds it, or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK).open("w")
    except OSError as error:
        raise InputError(
            f"--out {folder} cannot be written: {error.strerror}: choose another folder"
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(
                f"another process works on {folder}: wait for it, or choose another --out"
            ) from error
        yield


@contextmanager
def opened(folder: Path, *, write: bool = False) -> Iterator[sqlite3.Connection]:
    """Open the store of a run; whatever SQLite finds wrong becomes one line.

    Raises:
        InputError: If it is damaged, no store of an evaluation, or of another version.
    """
    path = folder / RECORDS
    mode = "rwc" if write else "rw"  # to read, too, SQLite may have to undo a torn transaction
    try:
        uri = f"{path.resolve().as_uri()}?mode={mode}"
        with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as store:
            check(store, path)
            yield store
    except sqlite3.OperationalError as error:  # disk full, read-only, cannot open
        raise InputError(f"{path} cannot be used: {error}") from error
    except sqlite3.DatabaseError as error:
        raise InputError(damaged(path, str(error))) from error


def damaged(path: Path, what: str) -> str:
    """Say that a store is damaged, and the way out."""
    line = " ".join(what.split())
    return f"{path} is damaged ({line}): delete it to start again, or choose another --out"


def check(store: sqlite3.Connection, path: Path) -> None:
    """Refuse a store that is damaged, of something else, or of another version.

    Raises:
        InputError: With the way out.
    """
    try:
        (found,) = store.execute("PRAGMA quick_check(1)").fetchone()
    except UnicodeDecodeError as error:  # the message that SQLite has for it quotes the damage
        raise InputError(damaged(path, "its schema is no text")) from error
    if found != "ok":
        raise InputError(damaged(path, found))
    kinds = dict(store.execute("SELECT name, type FROM sqlite_master"))
    if not set(kinds.values()) <= {"table", "index"}:  # a view computes what it likes
        raise InputError(damaged(path, "it holds views or triggers"))
    tables = {*kinds}
    (version,) = store.execute("PRAGMA user_version").fetchone()
    if tables and (not {"run", "results"} <= tables or version != VERSION):
        raise InputError(
            f"{path} is no store of an evaluation of version {VERSION}: choose another --out"
        )


@contextmanager
def transaction(store: sqlite3.Connection) -> Iterator[None]:
    """All of the block is stored, or nothing."""
    store.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        store.execute("ROLLBACK")
        raise
    store.execute("COMMIT")


def start(store: sqlite3.Connection, config: EvaluationConfig) -> None:
    """Write the configuration into an empty store."""
    with transaction(store):
        for statement in SCHEMA.split(";"):
            store.execute(statement)
        line = (VERSION, config.model_dump_json(), config.sha256)
        store.execute("INSERT INTO run VALUES (?, ?, ?)", line)


def stored_config(store: sqlite3.Connection, folder: Path) -> EvaluationConfig | None:
    """Read the configuration of a store; None if it is empty.

    Raises:
        InputError: If it is not what was written.
    """
    if not store.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        return None
    found = store.execute("SELECT config, sha256 FROM run").fetchall()
    try:
        ((text, sha256),) = found
        config = EvaluationConfig.model_validate_json(text)
    except ValueError as error:
        raise InputError(damaged(folder / RECORDS, "its configuration")) from error
    if config.sha256 != sha256:
        raise InputError(damaged(folder / RECORDS, "its configuration has another hash"))
    return config


def add(store: sqlite3.Connection, rows: list[Row]) -> None:
    """Store all rows of one input, or none."""
    marks = ", ".join("?" for _ in COLUMNS)
    with transaction(store):
        store.executemany(f"INSERT INTO results VALUES ({marks})", map(to_values, rows))


def to_values(row: Row) -> tuple[object, ...]:
    """A row as the store keeps it."""
    values = {name: getattr(row, name) for name in COLUMNS}
    return tuple((values | {name: to_json(values[name]) for name in MATRICES}).values())


def stored_rows(store: sqlite3.Connection) -> list[Row]:
    """Read all rows, by input and setting."""
    query = f"SELECT {', '.join(COLUMNS)} FROM results ORDER BY number, setting"
    return [to_row(line) for line in store.execute(query)]


def to_row(line: tuple[object, ...]) -> Row:
    """Read one row; SQLite itself stores anything in any column.

    Raises:
        sqlite3.DatabaseError: If a value is none that was written.
    """
    values: dict[str, Any] = dict(zip(COLUMNS, line, strict=True))
    try:
        matrices = {name: from_json(values[name]) for name in MATRICES}
        for name in {*COLUMNS} - {*MATRICES}:
            check_value(name, values[name])
    except (ValueError, TypeError, IndexError, RecursionError) as error:
        raise sqlite3.DatabaseError("a row of its results") from error
    return Row(**(values | matrices))


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


def finished(store: sqlite3.Connection) -> set[int]:
    """Numbers of the inputs that are done."""
    return {number for (number,) in store.execute("SELECT DISTINCT number FROM results")}
