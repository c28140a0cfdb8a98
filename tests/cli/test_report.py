"""``segcert report``: tables, files, refusals."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from report.runs_to_report import SETTINGS, results_of

from segcert.runs.records import add, locked, opened, start

Command = Callable[..., Any]


def store(folder: Path, **changed: Any) -> Path:
    """Write a run folder as evaluate does."""
    results = results_of(lambda setting: 85 if setting.tau < 0.8 else 60, **changed)
    with locked(folder), opened(folder, write=True) as file:
        start(file, results.config)
        width = len(results.config.settings)
        for first in range(0, len(results.rows), width):
            add(file, list(results.rows[first : first + width]))
    return folder


def test_a_run_is_printed_and_drawn(command: Command, tmp_path: Path) -> None:
    run, out = store(tmp_path / "run"), tmp_path / "report"
    done = command("report", run, "--out", out)
    assert done.status == 0
    assert len([line for line in done.out.splitlines() if line.startswith("net ")]) == 16
    names = {path.name for path in out.iterdir()}
    assert names == {
        "table.md", "table.tex", "table.csv", "figure3.png", "figure3.svg",
        "holm_bonferroni.png", "holm_bonferroni.svg",
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
    with locked(run):
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
