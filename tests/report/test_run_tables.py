"""Tables of evaluations: every number again from the rows, in every format."""

import csv
import io
import re
from dataclasses import replace

import pytest
from report.runs_to_report import results_of

from segcert.report.comparison import Comparison, compare
from segcert.report.run_tables import (
    COLUMNS,
    aligned,
    caption,
    comma_separated,
    latex,
    markdown,
    rounded_up,
    table,
)
from segcert.runs.config import Setting
from segcert.runs.setting import all_settings


def share(setting: Setting) -> int:
    return 80 if setting.correction == "holm" else 70


@pytest.fixture
def found() -> Comparison:
    return compare([results_of(share), results_of(lambda _: 60)], ["a_b", "net & co"])


def test_cells_are_those_of_the_rows(found: Comparison) -> None:
    """90 of 100 right, 80 certified (all right): by hand."""
    cells = dict(zip(COLUMNS, table(found)[2], strict=True))  # first scale, first tau, holm
    assert cells["model"] == "a_b"
    assert (cells["scale"], cells["tau"], cells["n"]) == ("0.5", "0.75", "100")
    assert (cells["correction"], cells["sigma"]) == ("holm", "0.25")
    assert cells["radius"] == "0.1686"  # 0.25 * 0.67449, rounded down
    assert (cells["accuracy"], cells["certified accuracy"]) == ("90.0%", "80.0%")
    assert (cells["abstention (labelled)"], cells["abstention (all)"]) == ("20.0%", "20.0%")
    assert cells["mIoU"] == "0.818"  # 45 / (45 + 5 + 5)
    assert cells["worst-case mIoU"] == "0.666"  # 40 / (50 + 10): all that is not certified may turn
    assert cells["seconds per image"] == "2.00"


def test_formats_hold_the_same_rows(found: Comparison) -> None:
    rows = table(found)
    assert len(aligned(found).splitlines()) == len(rows) + 1
    lines = markdown(found).splitlines()
    assert [line.strip("| ").split(" | ") for line in lines[2 : 2 + len(rows)]] == [
        list(row) for row in rows
    ]
    text = latex(found)
    assert text.count(r"\\") == len(rows) + 2
    assert r"a\_b" in text
    assert r"net \& co" in text
    assert r"80.0\%" in text
    records = list(csv.DictReader(io.StringIO(comma_separated(found))))
    assert len(records) == len(rows)
    assert float(records[2]["certified_accuracy"]) == 0.8
    assert records[2]["certified"] == "160"


def test_the_caption_says_what_alpha_covers(found: Comparison) -> None:
    words = caption(found)
    assert "at most alpha = 0.001, by itself: not all of them together" in words
    assert "Unfinished" not in words
    part = compare([results_of(share, images=5, done=2)], ["net"])
    assert caption(part).endswith("Unfinished: 2 of 5 images are done.")


def test_no_cell_is_rounded_to_the_better_side() -> None:
    """1 of 3 images of 100 pixels lacks a pixel: 99.66 % certified, 0.33 % not."""
    results = results_of(lambda _: 90, images=3, done=3)
    rows = [replace(row, certified=99 if row.number == 0 else 100) for row in results.rows]
    (cells, *_) = table(compare([replace(results, rows=tuple(rows))], ["net"]))
    shown = dict(zip(COLUMNS, cells, strict=True))
    assert shown["abstention (all)"] == "0.4%"
    assert shown["certified accuracy"] == "90.0%"
    assert rounded_up(0, 7) == "0.0%"
    assert rounded_up(1, 10**9) == "0.1%"
    assert rounded_up(7, 7) == "100.0%"
    assert rounded_up(0, 0) == "–"


def test_a_correction_that_allows_errors_has_no_worst_case() -> None:
    settings = all_settings(
        sigma=(0.25,), scale=("1",), tau=(0.75,), n=(100,), correction=("k-fwer:k=3",)
    )
    found = compare([results_of(lambda _: 80, settings=settings)], ["net"])
    (cells,) = table(found)
    assert dict(zip(COLUMNS, cells, strict=True))["worst-case mIoU"] == "–"
    (record,) = csv.DictReader(io.StringIO(comma_separated(found)))
    assert record["worst_case_mean_iou"] == ""


def test_the_heading_of_latex_has_as_many_columns_as_the_table(found: Comparison) -> None:
    lines = latex(found).splitlines()
    widths = [int(width) for width in re.findall(r"multicolumn\{(\d+)\}", latex(found))]
    assert sum(widths) == len(COLUMNS)
    rows = [line for line in lines if line.count(" & ") == len(COLUMNS) - 1]
    assert len(rows) == len(found.entries) + 1
