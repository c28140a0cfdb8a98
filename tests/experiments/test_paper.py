"""The paper's figures beside ours: the pages hold what the command prints."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT))

from experiments.paper.beside import BEGIN, END, PAGES, first, ours, with_paper  # noqa: E402
from experiments.paper.figures import SETTINGS_2, TABLE_1, TABLE_2  # noqa: E402


@pytest.mark.parametrize("name", PAGES)
def test_the_page_holds_what_the_command_prints(name: str) -> None:
    page = (ROOT / name).read_text()
    assert with_paper(page, PAGES[name]()) == page
    assert "memory" not in page
    for block in re.findall(r"(?:^\|.*\n)+", PAGES[name]() + "\n", re.MULTILINE):
        assert len({line.count("|") for line in block.splitlines()}) == 1


def test_the_rows_are_as_many_as_the_paper_has() -> None:
    scales = [row.scale for row in TABLE_1]
    assert [scales.count(scale) for scale in ("0.25", "0.5", "1", "multi")] == [8, 5, 5, 3]
    assert [sum(cell is not None for cell in row.cells) for row in TABLE_2] == [4, 4, 1, 4, 1, 4]
    assert len(SETTINGS_2) == 4


def test_ours_are_rounded_down_and_abstentions_up() -> None:
    record = {
        "certified_accuracy": "0.8859", "abstention_all": "0.0611", "seconds_per_image": "11.706",
        "mean_iou": "0.5999",
    }  # fmt: skip
    assert ours(record, iou=True) == "0.88 / 0.59 / 0.07 / 11.71"
    assert ours(record, iou=False) == "0.88 / 0.07 / 11.71"
    assert ours(None, iou=True) == "–"


def test_rows_are_found_by_numbers_and_words() -> None:
    rows = [{"model": "a", "tau": "0.75"}, {"model": "b", "tau": "0.95"}]
    assert first(rows, model="b", tau=0.95) is rows[1]
    assert first(rows, model="b", tau=0.75) is None


def test_a_page_without_a_block_is_refused() -> None:
    with pytest.raises(ValueError, match="needs the lines"):
        with_paper("nothing", "text")
    assert with_paper(f"a\n{BEGIN}\nold\n{END}\nb", "new") == f"a\n{BEGIN}\nnew\n{END}\nb"
