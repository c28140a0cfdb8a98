"""How the page of an image behaves in a real browser, where there is one."""

import dataclasses
import json
from collections.abc import Iterator
from io import BytesIO
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import contrast, opened, settle, spoken
from page_views import make_view
from PIL import Image

from segcert.report.evidence import p_text, radius_colours
from segcert.report.page import render_page
from segcert.stats.p_values import pilot_p_values

TEXTS = (".kind", ".hint", ".words", ".note", ".keys button", "td", "figcaption", ".help", "small")
LAYERS = ("input", "base", "predicted", "certified", "counts", "radius", "truth", "outcomes")


@pytest.fixture(scope="module")
def tab(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    view = make_view()
    tested = np.ones_like(view.certified)
    tested[:, :2] = False
    view = dataclasses.replace(view, tested=tested, certified=view.certified & tested)
    with opened(chromium, render_page(view), tmp_path_factory.mktemp("page")) as tab:
        yield tab


@pytest.fixture
def page(tab: Any) -> Any:
    """The page as it opens, whatever was chosen in it before; the ring is hidden."""
    tab.goto(tab.url)
    settle(tab)
    tab.evaluate("document.querySelector('.here').style.visibility = 'hidden'")
    return tab


def stage(page: Any) -> np.ndarray:
    """Look at the picture; the ring around the pixel that is read is left out."""
    settle(page)
    shot = Image.open(BytesIO(page.locator("#stage").screenshot())).convert("RGB")
    return np.asarray(shot, dtype=int)[4:-4, 4:-4]  # without the frame


def same(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two looks show the same; they may lie a fraction of a pixel apart."""
    far = np.abs(one - other).max(axis=-1) > 40
    return bool(far.mean() < 0.01)


def all_differ(*looks: np.ndarray) -> bool:
    return not any(same(one, other) for one, other in combinations(looks, 2))


def read(page: Any, *names: str) -> list[str]:
    return [page.inner_text(f"#read-{name}") for name in names]


def hover(page: Any, x: int, y: int, shape: tuple[int, int] = (24, 40)) -> None:
    page.locator("#stage").scroll_into_view_if_needed()
    box = page.locator("#stage").bounding_box()
    page.mouse.move(
        box["x"] + (x + 0.5) * box["width"] / shape[1],
        box["y"] + (y + 0.5) * box["height"] / shape[0],
    )


def test_every_picture_can_be_shown(page: Any) -> None:
    seen = []
    for key in LAYERS:
        page.locator(f"label:has(input[name=layer][value={key}])").click()
        seen.append(stage(page))
    assert all_differ(*seen)
    page.locator("label:has(input[name=layer][value=certified])").click()


def test_the_radius_picture_has_the_colours_of_the_radii(page: Any) -> None:
    view = make_view()
    script = """() => {
      const picture = document.querySelector("#figure-radius > img");
      const canvas = Object.assign(document.createElement("canvas"), { width: 40, height: 24 });
      const brush = canvas.getContext("2d");
      brush.drawImage(picture, 0, 0);
      return [...brush.getImageData(0, 0, 40, 24).data];
    }"""
    seen = np.array(page.evaluate(script)).reshape(24, 40, 4)[..., :3]
    expected = radius_colours(view.evidence, view.hits.ravel()).reshape(24, 40, 3)
    assert np.array_equal(seen, expected)
    assert (seen[view.hits <= 80] == 255).all()


def test_the_pointer_reads_class_count_p_value_radius_base_and_truth(page: Any) -> None:
    view = make_view()
    assert view.base is not None
    assert view.truth is not None
    p_values = pilot_p_values(100, tau=0.75)
    sure, unsure = np.argwhere(view.certified)[-1], np.argwhere(~view.certified)[-1]
    for y, x in (sure, unsure):
        hover(page, x, y)
        k, label = int(view.hits[y, x]), view.class_names[view.labels[y, x]]
        assert read(page, "pixel", "class", "count") == [f"{x}, {y}", label, f"{k} of 100"]
        assert read(page, "p") == [f"{p_text(p_values[k])} (≤\u00a0{p_text(p_values[87])} needed)"]
        radius = f"{np.floor(1e4 * (k / 100 - 0.8)) / 1e4:.4f}" if k > 80 else "none"
        own = "0.1686 l2" if view.certified[y, x] else "none certified"
        text = read(page, "radius")[0]
        assert text.startswith(f"{own}; in the map ")
        assert text.endswith(radius) or abs(float(text.split()[-1]) - float(radius)) < 2e-4
        assert read(page, "base") == [view.class_names[view.base[y, x]]]
        true = int(view.truth[y, x])
        assert read(page, "truth") == [view.class_names[true] if true < 255 else "not labelled"]


def test_keys_move_the_pixel_and_say_it_aloud(page: Any) -> None:
    hover(page, 20, 12)
    page.locator("#stage").focus()
    for key in ("ArrowRight", "ArrowDown", "Shift+ArrowLeft"):
        page.keyboard.press(key)
    assert read(page, "pixel") == ["11, 13"]
    said = spoken(page, "Pixel 11, 13: ")
    assert page.locator("#spoken").get_attribute("role") == "status"
    for word in (" of 100, ", "p-value ", "radius ", "base ", "truth "):
        assert word in said
    assert read(page, "count")[0] in said


def test_what_was_not_tested_is_said(page: Any) -> None:
    hover(page, 1, 12)
    assert read(page, "result", "p") == ["not tested", "–"]
    button = page.locator("#keys [data-class=untested]")
    before = stage(page)
    button.click()
    assert all_differ(before, stage(page))
    button.click()


def test_the_slider_goes_from_one_picture_to_another(page: Any) -> None:
    def at(percent: int) -> np.ndarray:
        page.locator("#blend").fill(str(percent))
        assert page.inner_text("#blend-value") == f"{percent}%"
        return stage(page)

    page.locator("#under").select_option("base")
    none, half, whole = at(0), at(50), at(100)
    assert all_differ(none, half, whole)
    page.locator("#fade").check()
    assert same(stage(page), whole)
    assert all_differ(at(50), none, half, whole)
    page.locator("#fade").uncheck()
    page.locator("#blend").focus()
    page.keyboard.press("Home")
    assert same(stage(page), none)
    page.locator("label:has(input[value=base])").first.click()
    assert same(stage(page), whole)
    assert page.locator("#blend").is_disabled()
    page.locator("#under").select_option("input")
    page.locator("label:has(input[name=layer][value=certified])").click()


def test_abstentions_can_be_hatched_in_the_certified_picture_only(page: Any) -> None:
    plain = stage(page)
    page.locator("#hatched").check()
    assert all_differ(stage(page), plain)
    page.locator("label:has(input[value=counts])").first.click()
    counts = stage(page)
    page.locator("#hatched").uncheck()
    assert same(stage(page), counts)
    page.locator("label:has(input[name=layer][value=certified])").click()
    assert same(stage(page), plain)


def test_the_legend_hides_and_shows(page: Any) -> None:
    before = stage(page)
    button = page.locator('#keys [data-class="0"]')
    assert "% certified" in button.text_content()
    button.focus()
    page.keyboard.press("Enter")
    assert button.get_attribute("aria-pressed") == "false"
    without = stage(page)
    page.locator("#show-none").click()
    assert all_differ(stage(page), before, without)
    assert page.locator("#keys [aria-pressed=true]").count() == 2  # abstained, not tested
    page.locator("#show-all").click()
    assert same(stage(page), before)


def test_the_certificate_is_downloaded_as_it_is(page: Any) -> None:
    with page.expect_download() as waiting:
        page.locator("a.download").click()
    assert waiting.value.suggested_filename == "certificate.json"
    assert json.loads(Path(waiting.value.path()).read_text()) == {"alpha": 0.001}


def test_light_and_dark_can_be_chosen_and_can_be_read(page: Any) -> None:
    papers = []
    for theme in ("dark", "light", "auto"):
        page.locator(f"label:has(input[value={theme}])").click()
        papers.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert min(contrast(page, selector) for selector in TEXTS) >= 4.5
    assert papers[0] != papers[1] == papers[2]


@pytest.mark.parametrize("width", [375, 800, 1280])
def test_the_page_fits_its_window(chromium: Any, tmp_path: Path, width: int) -> None:
    """No text or control reaches beyond the window, but in what scrolls by itself."""
    beyond = """[...document.querySelectorAll("body *")].filter((element) => {
      const box = element.getBoundingClientRect();
      return box.width > 1 && box.right > innerWidth + 1 && !element.closest(".scroll, .unseen");
    }).map((element) => element.outerHTML.slice(0, 90))"""
    with opened(chromium, render_page(make_view()), tmp_path, width=width, scheme="dark") as page:
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.evaluate(beyond) == []
        hover(page, 20, 12)
        cut = "[...document.querySelectorAll('dd')].filter((dd) => dd.scrollWidth > dd.clientWidth)"
        assert "needed" in read(page, "p")[0]
        assert page.evaluate(f"{cut}.map((dd) => dd.id)") == []
        assert page.evaluate("document.getAnimations().length") == 0


def test_a_thinned_page_reads_the_true_pixels(
    chromium: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With room for few bytes, every third pixel or so is in the page, and it says which."""
    view = make_view((300, 400))
    monkeypatch.setattr("segcert.report.page.MOST_BYTES", 120_000)
    html = render_page(view)
    assert len(html.encode()) <= 120_000
    with opened(chromium, html, tmp_path) as page:
        hover(page, 60, 40, (300, 400))
        x, y = (int(text) for text in read(page, "pixel")[0].split(", "))
        step = int(page.evaluate("data.step"))
        assert step > 1
        assert x % step == y % step == 0
        assert abs(x - 60) <= step
        assert abs(y - 40) <= step
        assert read(page, "count") == [f"{view.hits[y, x]} of 100"]
        assert "every" in page.inner_text(".help")
        assert page.inner_text(".classes caption").startswith("Pixels of each")
