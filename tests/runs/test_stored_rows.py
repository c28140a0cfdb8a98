"""Rows of stores: whatever is changed in one is noticed, sealed again or not."""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segcert.errors import InputError, VerificationError
from segcert.runs.config import EvaluationConfig
from segcert.runs.evaluate import load_results
from segcert.runs.record_store import RECORDS, SCHEMA, add, check_sealed, opened, start, stored_rows
from segcert.runs.rows import Row, to_json
from segcert.runs.setting import all_settings
from segcert.runs.stored_rows import COLUMNS, digest, to_values

CONFIG = EvaluationConfig(
    data="d", note="", images=3, inputs_sha256="0", classes=("a", "b"), model="m",
    weights_sha256="w", n0=4, alpha=0.1, seed="5", device="cpu",
    settings=all_settings(
        sigma=(0.25,), scale=(1.0,), tau=(0.6,), n=(40, 50), correction=("holm",)
    ),
)  # fmt: skip
CONFUSION, CERTIFIED = np.array([[3, 1], [0, 2]]), np.array([[2, 1], [0, 1]])
ROW = Row(0, "one", "ab" * 32, 0, 8, 5, CONFUSION, CERTIFIED, 30, 7, 1.0)


def store_of(folder: Path, rows: tuple[Row, ...] = (ROW, replace(ROW, setting=1))) -> Path:
    folder.mkdir(exist_ok=True)
    with opened(folder, write=True) as store:
        start(store, CONFIG)
        add(store, rows, CONFIG)
    return folder


def change(folder: Path, statement: str) -> None:
    """What a stranger does to a store."""
    with closing(sqlite3.connect(folder / RECORDS)) as store:
        store.executescript(statement)


def refused(folder: Path, words: str, error: type[Exception] = VerificationError) -> None:
    with pytest.raises(error, match=words) as caught:
        load_results(folder)
    assert "is damaged" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_rows_come_back_as_they_were_written(tmp_path: Path) -> None:
    found, _ = load_results(store_of(tmp_path)).rows
    assert to_values(found, CONFIG.sha256) == to_values(ROW, CONFIG.sha256)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("name", "'two'"), ("input_sha256", "'cd'"), ("components", "9"), ("certified", "4"),
        ("certified", "'4'"), ("confusion", f"'{to_json(CONFUSION + 0)} '"),
        ("certified_confusion", f"'{to_json(np.diag([2, 1]))}'"), ("threshold", "29"),
        ("invalid", "6"), ("seconds", "2.0"), ("sha256", "'ab'"), ("sha256", "x'ab'"),
    ],
)  # fmt: skip
def test_a_change_that_could_be_true_is_noticed_by_the_digest(
    tmp_path: Path, column: str, value: str
) -> None:
    change(store_of(tmp_path), f"UPDATE results SET {column} = {value} WHERE setting = 1")
    refused(tmp_path, r"input 0, setting 1\) (was changed: its digest|is none that was written)")


def test_rows_that_change_places_or_runs_are_noticed(tmp_path: Path) -> None:
    change(store_of(tmp_path / "a"), "UPDATE results SET setting = 1 - setting + 7; "
           "UPDATE results SET setting = setting - 7")  # fmt: skip
    refused(tmp_path / "a", "was changed: its digest")
    change(store_of(tmp_path / "b"), "UPDATE results SET number = 1")
    refused(tmp_path / "b", "was changed: its digest")
    other = CONFIG.model_copy(update={"seed": "6"})
    with opened(store_of(tmp_path / "c"), write=True) as store:
        store.execute(
            "UPDATE run SET config = ?, sha256 = ?", (other.model_dump_json(), other.sha256)
        )
    refused(tmp_path / "c", "was changed: its digest")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"certified_confusion": CONFUSION}, "more components are labelled than"),
        ({"certified_confusion": np.array([[2, 0], [1, 1]])}, "more components of a class"),
        ({"components": 5}, "more components are labelled than"),
        ({"certified": 8}, "more components are certified than there are"),
        ({"certified": 3}, "more components are labelled than"),
        ({"threshold": 42}, "40 draws cannot reach the threshold"),
        ({"threshold": 41}, "40 draws cannot reach the threshold"),
        ({"invalid": 8 * 44 + 1}, "more labels are lost than were drawn"),
        ({"confusion": np.eye(3, dtype=int), "certified_confusion": np.eye(3, dtype=int)},
         "the run has 2 classes"),
        ({"number": 3}, "no such input or setting"),
        ({"setting": 2}, "no such input or setting"),
    ],
)  # fmt: skip
def test_rows_that_contradict_themselves_are_refused_though_they_are_sealed(
    tmp_path: Path, changed: dict[str, object], words: str
) -> None:
    store_of(tmp_path, (replace(ROW, **changed), replace(ROW, setting=1)))
    refused(tmp_path, f"cannot be: .*{words}")


def test_missing_rows_are_noticed_before_a_run_goes_on(tmp_path: Path) -> None:
    store_of(tmp_path, (ROW,))
    refused(tmp_path, "rows of its results are missing")
    with pytest.raises(VerificationError), opened(tmp_path) as store:
        stored_rows(store, CONFIG, tmp_path)


TYPES = SCHEMA.format(seal=" sha256 TEXT NOT NULL,", version=2)
COMPUTED = TYPES.replace(
    "certified INTEGER NOT NULL", "certified INTEGER GENERATED ALWAYS AS (components) STORED"
)
FREE = COLUMNS[:5] + COLUMNS[6:]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE more (x)",
        "CREATE VIEW more AS SELECT * FROM results",
        "CREATE TRIGGER more AFTER INSERT ON results BEGIN DELETE FROM results; END",
        "CREATE INDEX more ON results (name)",
        "CREATE UNIQUE INDEX more ON results (number, setting, certified + 1)",
        "ALTER TABLE results ADD COLUMN more INTEGER GENERATED ALWAYS AS (certified + 1) VIRTUAL",
        "ALTER TABLE results ADD COLUMN more",
        "ALTER TABLE results RENAME TO old; CREATE VIEW results AS SELECT * FROM old",
        "ALTER TABLE run RENAME COLUMN sha256 TO digest",
        f"ALTER TABLE results RENAME TO old; DROP TABLE run; {COMPUTED}; INSERT INTO results "
        f"({', '.join(FREE)}, sha256) SELECT {', '.join(FREE)}, sha256 FROM old; DROP TABLE old",
        f"DROP TABLE run; DROP TABLE results; {TYPES.replace('REAL', 'BLOB')}",
        f"DROP TABLE run; DROP TABLE results; {TYPES.replace(' NOT NULL', '')}",
    ],
)
def test_a_schema_that_is_not_ours_is_refused(tmp_path: Path, statement: str) -> None:
    """Generated columns, views and triggers compute what they like when they are read."""
    change(store_of(tmp_path), statement)
    refused(tmp_path, "its tables are others than were written", InputError)


def test_the_version_in_the_table_is_that_of_the_file(tmp_path: Path) -> None:
    change(store_of(tmp_path), "UPDATE run SET version = 1")
    refused(tmp_path, "its configuration", InputError)


def test_rows_of_version_1_have_no_digest_and_are_only_read(tmp_path: Path) -> None:
    """Nothing is added to them; what contradicts itself is refused there, too."""
    shutil.copy(Path(__file__).parents[1] / "formats" / "2" / RECORDS, tmp_path)
    (row,) = load_results(tmp_path).rows
    with opened(tmp_path, write=True) as store, pytest.raises(InputError, match="no digests"):
        check_sealed(store, tmp_path)
    change(tmp_path, "UPDATE results SET certified_confusion = confusion")
    refused(tmp_path, "cannot be: more components are labelled")
    assert row.certified == 4


def test_a_forger_who_seals_again_is_not_found(tmp_path: Path) -> None:
    """What the digest cannot do, so that nobody believes it does."""
    forged = replace(ROW, certified=6)
    line = to_values(forged, CONFIG.sha256)
    assert line[-1] == digest(line[:-1], CONFIG.sha256)
    store_of(tmp_path, (forged, replace(ROW, setting=1)))
    assert load_results(tmp_path).rows[0].certified == 6
