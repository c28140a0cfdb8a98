"""The page: one file, well-formed, safe, small, and true to its numbers."""

import base64
import dataclasses
import json
import re
from html.parser import HTMLParser
from io import BytesIO

import numpy as np
import pytest
from page_views import STATEMENT, made_up_evidence, make_view
from PIL import Image, ImageFilter

from segcert.certificates.pictures import default_palette
from segcert.errors import InputError
from segcert.report.page import render_page
from segcert.report.page_tables import class_rows
from segcert_scenes.streets import street_scene

VOID = {"meta", "link", "img", "input", "br", "hr"}
HOSTILE = "<script>alert(1)</script>\"'&"


class Reader(HTMLParser):
    """Collects elements and fails where a tag is not closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), (tag, names)
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for found, attributes in self.elements if found == tag]


def content(link: str | None) -> bytes:
    return base64.b64decode((link or "").partition(",")[2])


def indices(page: Reader, key: str) -> np.ndarray:
    """Decode the picture that follows ``<figure id="figure-key">``."""
    at = next(i for i, (_, attrs) in enumerate(page.elements) if attrs.get("id") == f"figure-{key}")
    return np.asarray(Image.open(BytesIO(content(page.elements[at + 1][1]["src"]))))


@pytest.mark.parametrize("truth", [True, False])
@pytest.mark.parametrize("n", [100, 1000])
def test_the_page_is_one_well_formed_file_without_requests(truth: bool, n: int) -> None:
    html = render_page(make_view(truth=truth, n=n))
    page = Reader(html)
    assert "http://" not in html
    assert "https://" not in html
    for _, attributes in page.elements:
        for name in ("src", "href", "srcset", "data", "action", "poster", "xlink:href"):
            link = attributes.get(name)
            assert link is None or link.startswith(("data:", "#"))
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
    assert "url(" not in html
    assert "@import" not in html


def test_the_policy_allows_the_style_and_the_script_of_the_page_only() -> None:
    html = render_page(make_view())
    policy = next(m["content"] for m in Reader(html).all("meta") if "http-equiv" in m) or ""
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policy
    assert re.findall(r"<script[^>]*>", html) == [
        '<script type="application/json" id="data">',
        "<script>",
    ]


def test_hostile_names_are_text() -> None:
    view = dataclasses.replace(
        make_view(),
        title=HOSTILE,
        class_names=(HOSTILE, "sky", "tree", "car", HOSTILE),
        statement=HOSTILE,
        facts=((HOSTILE, HOSTILE),),
        metrics=((HOSTILE, HOSTILE, HOSTILE),),
        certificate_json=json.dumps(HOSTILE),
    )
    html = render_page(view)
    page = Reader(html)
    assert "<script>alert" not in html
    assert len(page.all("script")) == 2
    assert page.text.count(HOSTILE) >= 8  # decoded again, it is there


def test_the_page_says_what_the_view_says() -> None:
    view = make_view()
    page = Reader(render_page(view))
    text = " ".join(" ".join(page.text).split())
    for expected in (STATEMENT, "0.1686", "a street", "12.3%", "certified share", "seed", "77"):
        assert expected in text
    assert "0.1687" not in text
    assert "Not predicted anywhere: unicorn" in text
    assert "10 draws chose the class of each pixel, 100 others were counted" in text
    assert "certified if at least 87 agreed" in text
    links = [a for a in page.all("a") if "download" in a]
    assert content(links[0]["href"]).decode() == view.certificate_json


@pytest.mark.parametrize("n", [100, 1000])
def test_the_pictures_of_the_page_hold_the_exact_numbers(n: int) -> None:
    view = make_view(n=n)
    html = render_page(view)
    page = Reader(html)
    assert np.array_equal(indices(page, "predicted"), view.labels)
    assert np.array_equal(indices(page, "certified"), np.where(view.certified, view.labels, 255))
    assert view.truth is not None
    assert np.array_equal(indices(page, "truth"), view.truth)
    data = json.loads(re.findall(r'id="data">(.*?)</script>', html)[0])
    hits = np.array(data["starts"])[indices(page, "counts")]
    if data["restBytes"]:
        rest = re.findall(r'id="rest">(.*?)</script>', html)[0]
        hits += np.asarray(Image.open(BytesIO(content(rest))))
    assert np.array_equal(hits, view.hits)
    assert data["names"] == list(view.class_names)


def test_everything_has_a_name_for_those_who_cannot_see() -> None:
    page = Reader(render_page(make_view()))
    assert [tag for tag, _ in page.elements].count("h1") == 1
    assert all(image["alt"] for image in page.all("img"))
    assert len(page.all("caption")) == len(page.all("table")) == 2
    assert page.all("html")[0]["lang"] == "en"
    keys = "input", "base", "predicted", "certified", "counts", "radius", "truth", "outcomes"
    assert [figure["id"] for figure in page.all("figure")] == [f"figure-{key}" for key in keys]


def test_identifiers_are_unique_and_references_meet_them() -> None:
    page = Reader(render_page(make_view()))
    found = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(found) == len(set(found))
    for _, attributes in page.elements:
        for name in ("aria-labelledby", "aria-describedby", "for"):
            assert set((attributes.get(name) or "").split()) <= set(found)


def test_a_page_where_nothing_is_certified_says_so() -> None:
    view = make_view(truth=False)
    none = dataclasses.replace(
        view, threshold=101, certified=np.zeros_like(view.certified), n0=0,
        rule="no count is high enough to be certified",
    )  # fmt: skip
    text = " ".join(" ".join(Reader(render_page(none)).text).split())
    assert "No pixel is certified." in text
    assert "no count is high enough to be certified" in text
    assert "100 draws chose the class of each pixel and were counted" in text


def test_classes_are_counted_and_sorted() -> None:
    view = make_view()
    rows = class_rows(view)
    assert [row.pixels for row in rows] == sorted((row.pixels for row in rows), reverse=True)
    for row in rows:
        here = view.labels == row.index
        assert row.pixels == here.sum()
        assert row.share == pytest.approx(here.mean())
        if row.pixels:
            assert row.certified == pytest.approx(view.certified[here].mean())
    assert rows[-1].certified_text == "–"


def test_a_page_of_two_megapixels_stays_below_three_megabytes_and_has_every_pixel() -> None:
    html = render_page(make_view((1024, 2048), n=1000))
    assert len(html.encode()) < 3_000_000
    assert '"step": 1,' in html


def test_a_street_of_two_megapixels_stays_below_three_megabytes() -> None:
    """Textures of a photograph, and counts that are unsure where classes meet."""
    street = street_scene(6, height=1024, width=2048)
    labels, n = street.labels.astype(np.uint8), 300
    edge = np.zeros(labels.shape, bool)
    edge[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    edge[1:] |= labels[1:] != labels[:-1]
    near = np.asarray(Image.fromarray(np.uint8(255) * edge).filter(ImageFilter.GaussianBlur(9)))
    hits = np.random.default_rng(0).binomial(n, 0.999 - 0.6 * np.minimum(near / 60, 1))
    view = dataclasses.replace(
        make_view(n=n), image=street.image, labels=labels, base=labels, hits=hits, truth=labels,
        right=np.ones_like(edge), tested=np.ones_like(edge), certified=hits >= 261,
        class_names=tuple(map(str, range(11))), palette=default_palette(11),
        evidence=made_up_evidence(hits, n, 261),
    )  # fmt: skip
    html = render_page(view)
    assert len(html.encode()) < 3_000_000
    assert '"step": 1,' in html


def test_pure_noise_of_two_megapixels_is_thinned_out_and_says_so() -> None:
    """Nothing can be compressed here: classes, counts, photograph and truth are random."""
    rng, shape, n = np.random.default_rng(0), (1024, 2048), 1000
    labels, hits = rng.integers(0, 19, shape).astype(np.uint8), rng.integers(0, n + 1, shape)
    view = dataclasses.replace(
        make_view(n=n), labels=labels, hits=hits, certified=hits >= 0.87 * n,
        tested=np.ones(shape, bool), base=labels[::-1], truth=labels[:, ::-1],
        right=labels == labels[:, ::-1],
        image=rng.integers(0, 256, (*shape, 3)).astype(np.uint8),
        class_names=tuple(map(str, range(19))), palette=default_palette(19),
        evidence=made_up_evidence(hits, n, round(0.87 * n)),
    )  # fmt: skip
    html = render_page(view)
    assert len(html.encode()) < 3_000_000
    page = Reader(html)
    assert "pixel in both directions" in " ".join(page.text)
    data = json.loads(re.findall(r'id="data">(.*?)</script>', html)[0])
    step = data["step"]
    assert step > 1
    assert np.array_equal(indices(page, "predicted"), labels[::step, ::step])
    assert (data["height"], data["width"]) == labels[::step, ::step].shape


def test_the_figures_of_a_thinned_page_are_of_all_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segcert.report.page.MOST_BYTES", 60_000)
    view = make_view((90, 120))
    page = Reader(render_page(view))
    text = " ".join(" ".join(page.text).split())
    for row in class_rows(view)[:4]:
        assert f"{row.name} {row.share_text} {row.certified_text}" in text


def test_parts_that_do_not_belong_together_are_refused() -> None:
    view = make_view()
    with pytest.raises(InputError, match="colour"):
        dataclasses.replace(view, palette=view.palette[1:])
    with pytest.raises((InputError, TypeError)):  # jaxtyping is first, where it is on
        dataclasses.replace(view, hits=view.hits[1:])
