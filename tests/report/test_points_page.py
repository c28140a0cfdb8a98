"""The page of a cloud: exact data, safe, small; and how it behaves in a browser."""

import base64
import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import contrast, opened, settle, spoken
from point_views import make_points_view

from segcert.errors import InputError
from segcert.report.evidence import p_text
from segcert.report.page_tables import class_rows
from segcert.report.points_page import render_points_page
from segcert.report.points_view import count_colours, point_data, quantise, upright
from segcert.stats.p_values import pilot_p_values

HOSTILE = "</script><script>alert(1)</script>\"'&"


def page_data(html: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(re.findall(r'id="data">(.*?)</script>', html)[0])
    return found


def decoded(text: str, kind: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), kind)


@pytest.mark.parametrize("n", [100, 1000, 70_000])
def test_the_page_holds_the_exact_numbers(n: int) -> None:
    view = make_points_view(500, n=n)
    data = page_data(render_points_page(view))
    assert np.array_equal(decoded(data["labels"], "u1"), view.labels)
    assert np.array_equal(decoded(data["state"], "u1"), view.certified)
    assert np.array_equal(decoded(data["hits"], "<u4" if data["wide"] else "<u2"), view.hits)
    assert np.array_equal(decoded(data["truth"], "u1"), view.truth)
    numbers = decoded(data["points"], "<u2").reshape(-1, 3)
    found = np.array(data["low"]) + np.array(data["step"]) * numbers
    assert np.abs(found - view.points).max() <= 0.5001 * max(data["step"])


def test_what_was_not_tested_has_a_state_of_its_own() -> None:
    view = make_points_view(50)
    view = dataclasses.replace(view, tested=np.arange(50) > 0)
    assert decoded(str(point_data(view)["state"]), "u1")[0] == 2


def test_a_flat_axis_is_kept() -> None:
    numbers, low, step = quantise(np.array([[1.0, 2, 3], [1, 4, 7]]))
    assert np.array_equal(numbers, [[0, 0, 0], [0, 65535, 65535]])
    assert (low[0], step[0]) == (1, 0)


def test_z_up_is_turned_to_y_up_without_a_mirror() -> None:
    axes = np.array([[2.0, 0, 0], [0, 2, 0], [0, 0, 2], [-2, -2, -2]])
    turned = upright(axes, "z")
    assert turned[2, 1] == turned[:, 1].max()
    edges = turned[:3] - turned[3]
    assert np.sign(np.linalg.det(edges)) == np.sign(np.linalg.det(axes[:3] - axes[3]))


def test_counts_below_the_threshold_are_grey_and_others_are_not() -> None:
    colours = count_colours(100, 87).astype(int)
    grey = np.ptp(colours, axis=1) == 0
    assert len(colours) == 101
    assert grey[:87].all()
    assert not grey[87:].any()
    assert (np.ptp(count_colours(10, 11).astype(int), axis=1) == 0).all()


def test_hostile_names_are_text() -> None:
    view = dataclasses.replace(
        make_points_view(50), title=HOSTILE, class_names=(HOSTILE, HOSTILE, "tail"),
        statement=HOSTILE, facts=((HOSTILE, HOSTILE),),
    )  # fmt: skip
    html = render_points_page(view)
    assert "<script>alert" not in html
    assert html.count("<script") == html.count("</script>") == 2
    assert page_data(html)["names"][0] == HOSTILE


@pytest.mark.parametrize("truth", [True, False])
def test_the_page_asks_for_nothing(truth: bool) -> None:
    html = render_points_page(make_points_view(200, truth=truth))
    assert "default-src 'none'" in html
    for bad in ("http://", "https://", "url(", "@import", "unsafe", " style=", " onclick"):
        assert bad not in html
    assert ('value="errors"' in html) == truth


def test_a_scan_stays_below_three_megabytes() -> None:
    assert len(render_points_page(make_points_view(123_389, n=1000)).encode()) < 3_000_000


def test_parts_are_counted() -> None:
    view = make_points_view()
    rows = class_rows(view)
    assert sum(row.pixels for row in rows) == 2048
    for row in rows[:2]:
        assert row.certified == pytest.approx(view.certified[view.labels == row.index].mean())
    assert rows[-1].name == "tail"
    assert rows[-1].certified_text == "–"


def test_parts_that_do_not_belong_together_are_refused() -> None:
    view = make_points_view(50)
    with pytest.raises(InputError, match="colour"):
        dataclasses.replace(view, palette=view.palette[1:])
    with pytest.raises(InputError, match="labels must lie"):
        dataclasses.replace(view, labels=view.labels + 2)
    with pytest.raises(InputError, match="finite"):
        dataclasses.replace(view, points=np.full((50, 3), np.nan, np.float32))
    with pytest.raises(InputError, match="hits must lie"):
        dataclasses.replace(view, hits=view.hits + 100)


@pytest.fixture(scope="module")
def tab(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Open the page of 600 points."""
    html = render_points_page(make_points_view(600))
    with opened(chromium, html, tmp_path_factory.mktemp("page")) as tab:
        yield tab


@pytest.fixture
def page(tab: Any) -> Any:
    """The page as it opens, whatever was chosen in it before."""
    tab.goto(tab.url)
    return tab


def pixels(page: Any) -> str:
    """Read the canvas after the next two frames."""
    settle(page)
    return str(page.evaluate("document.getElementById('cloud').toDataURL()"))


def test_layers_keys_and_the_pointer_change_the_picture(page: Any) -> None:
    seen = [pixels(page)]
    for key in ("base", "parts", "counts", "radii", "truth", "errors"):
        page.locator(f"label:has(input[value={key}])").click()
        seen.append(pixels(page))
    assert len(set(seen)) == 7
    page.locator("#cloud").focus()
    for key in ("ArrowLeft", "ArrowUp", "+"):
        page.keyboard.press(key)
        seen.append(pixels(page))
    assert len(set(seen)) == 10
    page.keyboard.press("r")
    assert pixels(page) == seen[6]  # as before the keys
    box = page.locator("#cloud").bounding_box()
    page.mouse.move(box["x"] + 8, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(box["x"] + 90, box["y"] + 30)
    page.mouse.up()
    assert pixels(page) not in seen
    page.mouse.wheel(0, 300)
    seen.append(pixels(page))
    page.locator("#reset").click()
    assert pixels(page) == seen[6]


def test_a_point_is_read_by_pointer_and_key(page: Any) -> None:
    view = make_points_view(600)
    box = page.locator("#cloud").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2 + 60)
    page.locator("#tip").wait_for(state="visible")
    i = int(page.inner_text("#read-point"))
    result = "certified" if view.certified[i] else "abstained"
    assert page.inner_text("#read-class") == view.class_names[view.labels[i]]
    assert page.inner_text("#read-count") == f"{view.hits[i]} of 100"
    assert page.inner_text("#read-result").startswith(result)
    p_values, own = pilot_p_values(100, tau=0.75), "0.1686 l2" if view.certified[i] else "none c"
    p, needed = p_text(p_values[view.hits[i]]), p_text(p_values[87])
    assert page.inner_text("#read-p") == f"{p} (≤\u00a0{needed} needed)"
    assert page.inner_text("#read-radius").startswith(own)
    assert page.inner_text("#read-base") == view.class_names[view.base[i]]
    page.locator("#cloud").focus()
    page.keyboard.press("n")
    assert int(page.inner_text("#read-point")) == (i + 1) % 600
    place = [float(text) for text in page.inner_text("#read-place").split(",")]
    assert place == pytest.approx(view.points[(i + 1) % 600], abs=1e-3)
    said = spoken(page, f"Point {(i + 1) % 600}: ")
    for word in ("p-value", "radius", "base", "truth"):
        assert word in said


@pytest.mark.parametrize("width", [375, 800, 1280])
def test_the_page_fits_its_window(chromium: Any, tmp_path: Path, width: int) -> None:
    html = render_points_page(make_points_view(200))
    with opened(chromium, html, tmp_path, width=width, scheme="dark") as tab:
        assert tab.evaluate("document.documentElement.scrollWidth") == width
        for selector in (".hint", ".words", ".note", ".keys button", "td", ".help", "#read-p"):
            assert contrast(tab, selector) >= 4.5


COUNT = """[...new Uint32Array(document.getElementById('cloud').getContext('2d')
  .getImageData(0, 0, 600, 500).data.buffer)].filter((dot) => dot !== 4294967295).length"""


def test_points_without_a_radius_are_grey_and_not_white_as_the_paper(page: Any) -> None:
    drawn = []
    for key in ("parts", "radii"):
        page.locator(f"label:has(input[value={key}])").click()
        settle(page)
        drawn.append(page.evaluate(COUNT))
    assert (make_points_view(600).hits <= 80).mean() > 0.05
    assert drawn[1] == pytest.approx(drawn[0], rel=0.01)


def test_a_legend_entry_hides_its_points(page: Any) -> None:
    button = page.locator('#keys button[data-class="0"]')
    settle(page)
    before = page.evaluate(COUNT)
    button.click()
    settle(page)
    assert button.get_attribute("aria-pressed") == "false"
    assert page.evaluate(COUNT) < 0.7 * before
    button.click()
    settle(page)
    assert page.evaluate(COUNT) > 0.9 * before
