"""The store of an evaluation: one SQLite file, one transaction for each input."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from segcert.errors import InputError, VerificationError
from segcert.files import check_regular
from segcert.runs.config import EvaluationConfig
from segcert.runs.rows import Row
from segcert.runs.stored_rows import COLUMNS, SEALED, read_rows, to_values

RECORDS = "records.sqlite"
VERSION = 2  # 1 had no digests
SEALS = {1: "", 2: " sha256 TEXT NOT NULL,"}  # a column, by version
SCHEMA = """
CREATE TABLE run (version INTEGER NOT NULL, config TEXT NOT NULL, sha256 TEXT NOT NULL);
CREATE TABLE results (
    number INTEGER NOT NULL, name TEXT NOT NULL, input_sha256 TEXT NOT NULL,
    setting INTEGER NOT NULL, components INTEGER NOT NULL, certified INTEGER NOT NULL,
    confusion TEXT NOT NULL, certified_confusion TEXT NOT NULL, threshold INTEGER NOT NULL,
    invalid INTEGER NOT NULL, seconds REAL NOT NULL,{seal}
    PRIMARY KEY (number, setting)
);
PRAGMA user_version = {version};
"""


@contextmanager
def opened(folder: Path, *, write: bool = False) -> Iterator[sqlite3.Connection]:
    """Open the store of a run; whatever SQLite finds wrong becomes one line.

    Raises:
        InputError: If it is damaged, no store of an evaluation, or of another version.
    """
    path = folder / RECORDS
    if path.exists():
        check_regular(path, what="results")
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

    Its schema must be, to the letter, the one that `start` writes: a view, a trigger, a generated
    column or a table more could compute what it likes.

    Raises:
        InputError: With the way out.
    """
    store.execute("PRAGMA trusted_schema = OFF")
    try:
        (found,) = store.execute("PRAGMA quick_check(1)").fetchone()
        schema = schema_of(store)
    except UnicodeDecodeError as error:  # the message that SQLite has for it quotes the damage
        raise InputError(damaged(path, "its schema is no text")) from error
    if found != "ok":
        raise InputError(damaged(path, found))
    version = version_of(store)
    if schema and (
        version not in SEALS or not {"run", "results"} <= {name for _, name, _ in schema}
    ):
        raise InputError(
            f"{path} is no store of an evaluation of version {VERSION}: choose another --out"
        )
    if schema and schema != written_schema(version):
        raise InputError(
            damaged(path, "its tables are others than were written, or there are views or triggers")
        )


def schema_of(store: sqlite3.Connection) -> set[tuple[str, str, str]]:
    """Type, name and text of all that a store defines."""
    return {*store.execute("SELECT type, name, coalesce(sql, '') FROM sqlite_master")}


def written_schema(version: int) -> set[tuple[str, str, str]]:
    """The schema of a store as this program writes it."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as store:
        create(store, version)
        return schema_of(store)


def version_of(store: sqlite3.Connection) -> int:
    """Number of the format."""
    return int(store.execute("PRAGMA user_version").fetchone()[0])


def create(store: sqlite3.Connection, version: int) -> None:
    """Make the tables."""
    for statement in SCHEMA.format(seal=SEALS[version], version=version).split(";"):
        store.execute(statement)


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
        create(store, VERSION)
        line = (VERSION, config.model_dump_json(), config.sha256)
        store.execute("INSERT INTO run VALUES (?, ?, ?)", line)


def stored_config(store: sqlite3.Connection, folder: Path) -> EvaluationConfig | None:
    """Read the configuration of a store; None if it is empty.

    Raises:
        InputError: If it cannot be read.
        VerificationError: If it is not what was written.
    """
    if not store.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        return None
    found = store.execute("SELECT version, config, sha256 FROM run").fetchall()
    try:
        ((version, text, sha256),) = found
        if version != version_of(store):
            raise ValueError("another version")
        config = EvaluationConfig.model_validate_json(text)
    except ValueError as error:
        raise InputError(damaged(folder / RECORDS, "its configuration")) from error
    if config.sha256 != sha256:
        raise VerificationError(damaged(folder / RECORDS, "its configuration has another hash"))
    return config


def add(store: sqlite3.Connection, rows: Sequence[Row], config: EvaluationConfig) -> None:
    """Store all rows of one input, each with its digest, or none."""
    marks = ", ".join("?" for _ in SEALED)
    lines = [to_values(row, config.sha256) for row in rows]
    with transaction(store):
        store.executemany(f"INSERT INTO results VALUES ({marks})", lines)


def stored_rows(
    store: sqlite3.Connection, config: EvaluationConfig, folder: Path
) -> tuple[Row, ...]:
    """Read and check all rows, by input and setting.

    Raises:
        VerificationError: If a row was changed, cannot be, is missing, or was added.
    """
    columns = COLUMNS if version_of(store) == 1 else SEALED
    query = f"SELECT {', '.join(columns)} FROM results ORDER BY number, setting"
    try:
        return read_rows(store.execute(query), config)
    except VerificationError as error:
        raise VerificationError(damaged(folder / RECORDS, str(error))) from error


def check_sealed(store: sqlite3.Connection, folder: Path) -> None:
    """Refuse to go on in a store of version 1, whose rows have no digests.

    Raises:
        InputError: If it is one.
    """
    if version_of(store) == 1:
        raise InputError(
            f"{folder / RECORDS} is of version 1, whose rows carry no digests: segcert report "
            "reads it; to go on, use the segcert that began it, or choose another --out"
        )


def finished(rows: Iterable[Row]) -> set[int]:
    """Numbers of the inputs that are done."""
    return {row.number for row in rows}
