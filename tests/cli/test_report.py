"""``segcert report``: tables, files, refusals."""

import csv
import io
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from statistics import NormalDist
from typing import Any

import pytest
from report.runs_to_report import SETTINGS, results_of

from segcert.locks import held
from segcert.runs.record_store import add, opened, start

Command = Callable[..., Any]


def store(folder: Path, **changed: Any) -> Path:
    """Write a run folder as evaluate does."""
    results = results_of(lambda setting: 85 if setting.tau < 0.8 else 60, **changed)
    folder.mkdir()
    with opened(folder, write=True) as file:
        start(file, results.config)
        width = len(results.config.settings)
        for first in range(0, len(results.rows), width):
            add(file, results.rows[first : first + width], results.config)
    return folder


def test_a_run_is_printed_and_drawn(command: Command, tmp_path: Path) -> None:
    run, out = store(tmp_path / "run"), tmp_path / "report"
    done = command("report", run, "--out", out)
    assert done.status == 0
    assert len([line for line in done.out.splitlines() if line.startswith("net ")]) == 16
    names = {path.name for path in out.iterdir()}
    assert names == {
        "table.md", "table.tex", "table.csv", "figure3.png", "figure3.svg",
        "holm_bonferroni.png", "holm_bonferroni.svg", "report.html",
    }  # fmt: skip
    assert "| net | 0.5 | 0.75 | 100 |" in (out / "table.md").read_text()


@pytest.mark.parametrize(
    ("form", "begin"), [("markdown", "| model |"), ("latex", r"\begin{table}"), ("csv", "model,")]
)
def test_formats(command: Command, tmp_path: Path, form: str, begin: str) -> None:
    done = command("report", store(tmp_path / "run"), "--format", form)
    assert done.status == 0
    assert done.out.startswith(begin)


def test_several_runs_are_one_table(command: Command, tmp_path: Path) -> None:
    one = store(tmp_path / "a")
    two = store(tmp_path / "b", model="other", weights_sha256="01" * 32)
    done = command("report", one, two, "--label", "plain", "--label", "robust")
    assert done.status == 0
    assert sum(line.startswith("plain ") for line in done.out.splitlines()) == 16
    assert sum(line.startswith("robust ") for line in done.out.splitlines()) == 16


def test_what_is_missing_is_said(command: Command, tmp_path: Path) -> None:
    run = store(tmp_path / "run", settings=SETTINGS[:1], images=3)
    done = command("report", run, "--out", tmp_path / "report")
    assert done.status == 0
    assert "figure3 is not drawn: it needs several tau" in done.err
    assert "Unfinished: 2 of 3 images are done" in " ".join(done.out.split())
    assert not (tmp_path / "report" / "figure3.png").exists()


def test_a_run_in_use_is_read_and_said_to_be(command: Command, tmp_path: Path) -> None:
    run = store(tmp_path / "run")
    with held(run):
        done = command("report", run)
    assert done.status == 0
    assert "still in use" in done.err


def test_bad_folders_are_one_line(command: Command, tmp_path: Path) -> None:
    for folder, words in ((tmp_path, "holds no records.sqlite"), (tmp_path / "no", "holds no")):
        done = command("report", folder)
        assert (done.status, done.out) == (2, "")
        assert words in done.err
        assert done.err.count("\n") == 1
    damaged = store(tmp_path / "run")
    (damaged / "records.sqlite").write_bytes(b"no database at all" * 99)
    done = command("report", damaged)
    assert done.status == 2
    assert done.err.count("\n") == 1
    two = store(tmp_path / "b", data="other data")
    done = command("report", store(tmp_path / "a"), two)
    assert done.status == 2
    assert "cannot be compared, they differ in data toy val and other data" in done.err


def test_the_csv_is_the_rows_of_sqlite_added_up(command: Command, tmp_path: Path) -> None:
    """Recomputed by SQL, without any code of ours."""
    run = store(tmp_path / "run")
    records = list(csv.DictReader(io.StringIO(command("report", run, "--format", "csv").out)))
    query = """
        SELECT setting, sum(certified), sum(components), (
            SELECT sum(json_extract(value, '$[2]'))
            FROM results AS part, json_each(part.certified_confusion)
            WHERE part.setting = results.setting AND key > 0
            AND json_extract(value, '$[0]') = json_extract(value, '$[1]')
        ) FROM results GROUP BY setting
    """
    with closing(sqlite3.connect(run / "records.sqlite")) as file:
        sums = {number: rest for number, *rest in file.execute(query)}
    assert len(records) == len(sums) == 16
    for number, setting in enumerate(SETTINGS):
        (record,) = [
            one for one in records
            if (one["scale"], float(one["tau"]), float(one["sigma"]), one["correction"])
            == (setting.scale, setting.tau, setting.sigma, setting.correction)
        ]  # fmt: skip
        certified, components, correct = sums[number]
        assert int(record["certified"]) == certified
        assert int(record["certified_correct"]) == correct
        assert float(record["certified_accuracy"]) == correct / 200
        assert float(record["abstention_all"]) == pytest.approx(1 - certified / components)
        assert float(record["radius"]) == pytest.approx(
            setting.sigma * NormalDist().inv_cdf(setting.tau), abs=1e-9
        )


def test_two_models_of_one_name_need_labels(command: Command, tmp_path: Path) -> None:
    one, two = store(tmp_path / "a"), store(tmp_path / "b", weights_sha256="01" * 32)
    command("report", one, two).refuses("different models named net", "--label")
    command("report", one, one).refuses("is there twice")
    command("report", one, two, "--label", "x").refuses("--label is there 1 times for 2 runs")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("UPDATE results SET confusion = 'nothing' WHERE number = 1", "a row of its results"),
        ("UPDATE results SET certified_confusion = confusion", "a row of its results"),
        ("UPDATE results SET seconds = 1 WHERE number = 1 AND setting = 3", "its digest"),
        ("UPDATE results SET name = 'b' WHERE number = 1 AND setting = 3", "input 1, setting 3"),
        ("UPDATE results SET number = 7 WHERE number = 1", "its digest"),
        (
            "INSERT INTO results SELECT 2, name, input_sha256, setting, components, certified, "
            "confusion, certified_confusion, threshold, invalid, seconds, sha256 FROM results "
            "WHERE number = 1",
            "its digest",
        ),
        ("DELETE FROM results WHERE number = 1 AND setting = 3", "rows of its results are missing"),
        ("UPDATE run SET config = replace(config, '0.001', '0.1')", "another hash"),
    ],
)
def test_rows_that_were_tampered_with_are_noticed(
    command: Command, tmp_path: Path, change: str, words: str
) -> None:
    run = store(tmp_path / "run")
    with closing(sqlite3.connect(run / "records.sqlite")) as file:
        file.execute(change)
        file.commit()
    command("report", run).refuses("is damaged", words, status=1)


def test_a_plot_of_an_earlier_report_is_said_to_be_old(command: Command, tmp_path: Path) -> None:
    out = tmp_path / "report"
    command("report", store(tmp_path / "whole"), "--out", out)
    done = command("report", store(tmp_path / "run", settings=SETTINGS[:1]), "--out", out)
    assert "figure3.png and figure3.svg there: of an earlier report" in done.err


def test_a_folder_that_cannot_be_written(
    command: Command, tmp_path: Path, unwritable: Path
) -> None:
    done = command("report", store(tmp_path / "run"), "--out", unwritable / "report")
    assert (done.status, done.out) == (2, "")
    assert done.err.count("\n") == 1
