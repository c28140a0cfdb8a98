"""The page of a run: exact rows, safe, without requests; and how it behaves in a browser."""

import base64
import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import contrast, opened
from report.runs_to_report import SETTINGS, results_of
from report.test_page import Reader

from segcert.report.comparison import Comparison, compare
from segcert.report.run_page import render_run_page, setting_names, span
from segcert.report.run_tables import COLUMNS, caption, table
from segcert.runs.evaluate import Results
from segcert.text import percent_text

HOSTILE = "</script><script>alert(1)</script>\"'&"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30"/>'
IMAGES = 120


def results(**changed: object) -> Results:
    """Images of which each has one certified pixel more than the one before it, modulo 90."""
    made = results_of(lambda _: 0, images=IMAGES, done=IMAGES, settings=SETTINGS[:2], **changed)
    rows = []
    for row in made.rows:
        sure = (row.number * 7) % 90
        right = np.diag([sure - sure // 2, sure // 2])
        name = f"Image{row.number}"
        rows.append(dataclasses.replace(row, name=name, certified=sure, certified_confusion=right))
    return Results(made.config, tuple(rows))


def comparison(**changed: object) -> Comparison:
    made = results(**changed)
    return compare([made], [made.config.model])


def page_data(html: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(re.findall(r'id="data">(.*?)</script>', html)[0])
    return found


def test_the_page_is_one_well_formed_file_without_requests() -> None:
    html = render_run_page(comparison(), {"figure3": SVG})
    page = Reader(html)
    for _, attributes in page.elements:
        for name in ("src", "href", "srcset", "action", "xlink:href"):
            link = attributes.get(name)
            assert link is None or link.startswith(("data:", "#"))
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
    for bad in ("http://", "https://", "url(", "@import", "unsafe"):
        assert bad not in html
    assert base64.b64encode(SVG).decode() in html
    assert len(page.all("caption")) == len(page.all("table")) == 4
    assert all(image["alt"] for image in page.all("img"))


def test_table_and_caption_are_those_of_the_other_forms() -> None:
    found = comparison()
    page = Reader(render_run_page(found, {}))
    text = [" ".join(part.split()) for part in page.text]
    assert caption(found) in text
    for name in COLUMNS:
        assert name in text
    for cell in (cell for row in table(found) for cell in row):
        assert cell in text
    assert "Figures" not in text


def test_rows_are_exact() -> None:
    found = comparison()
    data = page_data(render_run_page(found, {}))
    assert data["settings"] == setting_names(found) == ["bonferroni", "holm"]
    assert len(data["rows"]) == 2 * IMAGES
    for name, _, components, certified, labelled, right, sure, iou, seconds in data["rows"]:
        expected = (int(data["names"][name].removeprefix("Image")) * 7) % 90
        assert (certified, sure) == (expected, expected)
        assert (components, labelled, right, seconds) == (100, 100, 90, 2.0)
        assert iou == pytest.approx(45 / 55, abs=1e-4)
        assert iou <= 45 / 55


def test_hostile_names_are_text() -> None:
    made = results(model=HOSTILE, data=HOSTILE, note=HOSTILE, classes=(HOSTILE, "car"))
    rows = tuple(dataclasses.replace(row, name=HOSTILE) for row in made.rows)
    html = render_run_page(compare([Results(made.config, rows)], [HOSTILE]), {})
    assert "<script>alert" not in html
    assert html.count("<script") == html.count("</script>") == 2
    assert page_data(html)["names"] == [HOSTILE] * IMAGES
    assert Reader(html).text.count(HOSTILE) >= 5


def test_a_span_is_rounded_to_the_worse_side() -> None:
    assert span([(1, 3)]) == "33.3%"
    assert span([(2, 3), (1, 3)]) == "33.3–66.6%"
    assert span([(2, 3), (1, 3)], up=True) == "33.4–66.7%"


@pytest.fixture(scope="module")
def tab(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    html = render_run_page(comparison(), {"figure3": SVG})
    with opened(chromium, html, tmp_path_factory.mktemp("page")) as tab:
        yield tab


@pytest.fixture
def page(tab: Any) -> Any:
    """The page as it opens, whatever was chosen in it before."""
    tab.goto(tab.url)  # a reload would keep what was filled in
    return tab


def names(page: Any) -> list[str]:
    return list(page.locator("#rows tbody th").all_inner_texts())


def cells(page: Any, number: int) -> list[str]:
    return list(page.locator(f"#rows tbody td:nth-child({number})").all_inner_texts())


def test_the_worst_and_the_best_are_named(page: Any) -> None:
    shares = [(number * 7) % 90 for number in range(IMAGES)]
    for key, picked in (("worst", sorted(shares)[:5]), ("best", sorted(shares)[:-6:-1])):
        items = page.locator(f"#{key} li").all_inner_texts()
        found = [re.findall(r"Image(\d+)\s+([\d.]+)%", item)[0] for item in items]
        assert [float(share) for _, share in found] == picked
        assert all(shares[int(number)] == float(share) for number, share in found)


def test_rows_are_sorted_by_their_headings(page: Any) -> None:
    heading = page.locator("#rows th[data-key=certified]")
    button = heading.locator("button")
    button.click()
    up = [float(cell.rstrip("%")) for cell in cells(page, 2)]
    assert heading.get_attribute("aria-sort") == "ascending"
    assert up == sorted(up)
    button.focus()
    page.keyboard.press("Enter")
    down = [float(cell.rstrip("%")) for cell in cells(page, 2)]
    assert heading.get_attribute("aria-sort") == "descending"
    assert down == sorted(down, reverse=True)
    assert down[0] == 89 > up[0]
    page.locator("#rows th[data-key=name] button").click()
    assert names(page)[:3] == ["Image0", "Image1", "Image2"]  # not image10
    assert page.locator("[aria-sort]").count() == 1


def test_rows_are_filtered_by_name_and_by_share(page: Any) -> None:
    page.locator("#rows th[data-key=name] button").click()
    status = page.locator("#shown")
    assert status.inner_text() == "100 of 120 rows are shown"
    page.locator("#more").click()
    assert len(names(page)) == 120
    assert page.locator("#more").is_hidden()
    page.locator("#holds").fill("iMAGE11")
    assert names(page) == ["Image11", *(f"Image{number}" for number in range(110, 120))]
    assert status.inner_text() == "11 of 120 rows are shown"
    page.locator("#most").fill("57")
    left = [n for n in (11, *range(110, 120)) if (n * 7) % 90 <= 57]
    assert (111 * 7) % 90 == 57
    assert names(page) == [f"Image{number}" for number in left]
    page.locator("#holds").fill("")
    page.locator("#most").fill("100")


def test_settings_are_chosen(page: Any) -> None:
    setting = page.locator("#rows th[data-key=setting]")
    assert setting.is_hidden()
    page.locator("#setting").select_option("all")
    assert page.inner_text("#shown") == "100 of 240 rows are shown"
    assert setting.is_visible()
    assert {*cells(page, 2)} == {"holm", "bonferroni"}
    page.locator("#setting").select_option("1")
    assert page.inner_text("#shown") == "100 of 120 rows are shown"
    page.locator("#measure").select_option("accuracy")
    assert "90.0%" in page.locator("#best li").first.inner_text()


def test_classes_are_those_of_the_whole_run(page: Any) -> None:
    found = comparison().entries[1]
    page.locator("#setting").select_option("1")
    lines = [row.split("\t") for row in page.locator("#by-class tbody tr").all_inner_texts()]
    assert [line[0] for line in lines] == ["road", "car"]
    sure = [sum((n * 7) % 90 - (n * 7) % 90 // 2 for n in range(IMAGES)),
            sum((n * 7) % 90 // 2 for n in range(IMAGES))]  # fmt: skip
    for line, certified, iou in zip(lines, sure, found.totals.score.iou, strict=True):
        assert line[1:3] == ["6,000", "90.0%"]
        assert line[3] == percent_text(certified, 6000)
        assert 0 <= iou - float(line[4]) < 1e-3
    page.locator("#setting").select_option("all")
    assert page.locator("#by-class").is_hidden()
    page.locator("#setting").select_option("0")


@pytest.mark.parametrize(("width", "scheme"), [(375, "dark"), (800, "light"), (1280, "dark")])
def test_the_page_fits_its_window_and_can_be_read(
    chromium: Any, tmp_path: Path, width: int, scheme: str
) -> None:
    html = render_run_page(comparison(), {"figure3": SVG})
    with opened(chromium, html, tmp_path, width=width, scheme=scheme) as tab:
        assert tab.evaluate("document.documentElement.scrollWidth") == width
        for selector in (".kind", ".hint", ".words", ".note", "td", "#rows button", ".who"):
            assert contrast(tab, selector) >= 4.5
