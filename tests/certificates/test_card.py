"""What a certificate shows in a notebook: card, figure, one line."""

import base64
import re
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from point_models import ByHeight
from torch import Tensor

import segcert as sc
from segcert.certificates import card as cards
from segcert.certificates.legend import legend_rows, palette_of
from segcert.certificates.slices import flat_views

WHITE = (255, 255, 255)
NASTY = ("<script>alert(1)</script>", '"onload="x', "_$\\frac$ & {{ 7 * 7 }}")


def bands(x: Tensor) -> Tensor:
    """Three classes by thresholds on the first channel."""
    return (x[:, 0] > 0.4).long() + (x[:, 0] > 0.6).long()


def certified(shape: tuple[int, ...], names: tuple[str, ...] = ()) -> sc.Certificate:
    """Certify bytes of all grey levels, so that some are certified and some are not."""
    values = np.random.default_rng(2).integers(0, 256, shape, dtype=np.uint8)
    model = sc.as_segmenter(bands, classes=3, class_names=names)
    return sc.certify_image(model, values, sigma=0.1, tau=0.6, alpha=0.1, n0=3, n=40, seed=4)


@pytest.fixture(scope="module")
def flat() -> sc.Certificate:
    found = certified((3, 20, 30), NASTY)
    assert 0 < found.certified.mean() < 1
    return found


@pytest.fixture(scope="module")
def volume() -> sc.Certificate:
    return certified((1, 5, 8, 9))


@pytest.fixture(scope="module")
def cloud() -> sc.Certificate:
    points = np.random.default_rng(0).random((40, 3)) - 0.5
    return sc.certify_cloud(ByHeight(), points, sigma=0.1, tau=0.6, alpha=0.1, n=40, seed=1)


class Tags(HTMLParser):
    """Balanced tags, their names, and the text between them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def picture(html: str) -> Image.Image:
    """The picture in a card."""
    found = re.search(r'src="data:image/png;base64,([^"]+)"', html)
    assert found
    return Image.open(BytesIO(base64.b64decode(found[1])))


def test_the_picture_has_the_class_where_certified_and_white_elsewhere(
    flat: sc.Certificate,
) -> None:
    image = picture(flat._repr_html_())
    assert (np.asarray(image) == np.where(flat.certified, flat.labels, 255)).all()
    colours = np.asarray(image.convert("RGB"))
    assert (colours[~flat.certified] == 255).all()
    palette = np.array(palette_of(flat))
    assert (colours[flat.certified] == palette[flat.labels[flat.certified]]).all()
    assert not (palette == 255).all(1).any()


def test_names_are_escaped_and_nothing_runs(flat: sc.Certificate) -> None:
    nasty = replace(
        flat.counts, provenance=replace(flat.provenance, model='<img src=x onerror="1">')
    )
    html = sc.certify(nasty, tau=0.6, alpha=0.1)._repr_html_()
    tags = Tags(html)
    assert tags.names <= {
        "div", "figure", "figcaption", "img", "table", "thead", "tbody", "tr", "th", "td", "span",
        "p",
    }  # fmt: skip
    assert not any(name.startswith("on") for name in tags.attributes)
    assert "http" not in html
    for name in (*NASTY, nasty.provenance.model):
        assert name in tags.text  # as text, to the letter


def test_the_card_says_shares_radius_and_statement(flat: sc.Certificate) -> None:
    text = " ".join(Tags(flat._repr_html_()).text.split())
    share = 1000 * int(flat.certified.sum()) // 600
    assert f"{share // 10}.{share % 10}% of 600 pixels certified" in text
    assert "l2 radius 0.02533 (input units), confidence 0.9 - " in text
    assert flat.statement in text
    assert "not certified" in text


def test_of_a_volume_the_middle_slice_and_of_a_cloud_no_picture(
    volume: sc.Certificate, cloud: sc.Certificate
) -> None:
    html = volume._repr_html_()
    middle = np.where(volume.certified[2], volume.labels[2], 255)
    assert (np.asarray(picture(html)) == middle).all()
    text = Tags(html).text
    assert "slice 3 of 5 along depth" in text
    assert "of 360 voxels" in text
    html = cloud._repr_html_()
    assert "<img" not in html
    text = Tags(html).text
    assert "of 40 points" in text
    assert "high" in text


def test_large_pictures_shrink_without_new_colours(
    flat: sc.Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cards, "LARGEST_SIDE", 10)
    image = picture(flat._repr_html_())
    assert image.size == (10, 7)
    assert set(np.unique(np.asarray(image))) <= {0, 1, 2, 255}
    monkeypatch.setattr(cards, "SMALLEST_SIDE", 45)
    assert 'width="40"' in flat._repr_html_()  # 10 pixels, four times as large


def test_more_classes_than_colours_leave_the_picture_out(flat: sc.Certificate) -> None:
    many = replace(flat.counts, classes=300, class_names=())
    cert = sc.certify(many, tau=0.6, alpha=0.1)
    assert "<img" not in cert._repr_html_()
    with pytest.raises(sc.InputError, match="at most 255 classes, the model has 300"):
        cert.plot()


def test_a_long_legend_ends_with_how_many_are_left_out(
    flat: sc.Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cards, "MOST_ROWS", 1)
    assert "and 2 more" in Tags(flat._repr_html_()).text


@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.floats(0, 1))
def test_the_legend_counts_every_component_once(
    flat: sc.Certificate, seed: int, classes: int, share: float
) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, (20, 30), dtype=np.int16)
    mask = rng.random((20, 30)) < share
    rows = legend_rows(replace(flat, labels=labels, certified=mask))
    assert sum(row.components for row in rows) == 600
    assert sum(row.certified for row in rows) == mask.sum()
    assert [row.certified for row in rows] == sorted((r.certified for r in rows), reverse=True)
    for row in rows:
        k = NASTY.index(row.name)
        assert row.components == (labels == k).sum()
        assert row.certified == ((labels == k) & mask).sum()


def test_one_line(flat: sc.Certificate, cloud: sc.Certificate) -> None:
    assert re.fullmatch(
        r"<Certificate: \d+\.\d% of 600 pixels certified, l2 radius 0\.02533 \(input units\), "
        r"alpha = 0\.1>",
        repr(flat),
    )
    assert "of 40 points certified, l2 radius" in repr(cloud)


def drawn(certificate: sc.Certificate, image: object = None) -> tuple[list[np.ndarray], list[str]]:
    """Colours of the panels and lines of the legend, once the figure has gone through a file."""
    figure = certificate.plot(image)  # type: ignore[arg-type]
    file = BytesIO()
    figure.savefig(file, dpi=30)
    assert Image.open(BytesIO(file.getvalue())).width > 100
    panels = [np.asarray(axes.images[0].get_array()) for axes in figure.axes]
    return panels, [text.get_text() for text in figure.legends[0].get_texts()]


def test_the_figure_shows_input_labels_and_white(flat: sc.Certificate) -> None:
    values = np.random.default_rng(2).integers(0, 256, (3, 20, 30), dtype=np.uint8)
    (seen, labels), legend = drawn(flat, values)
    assert (seen == values.transpose(1, 2, 0)).all()
    assert (labels[~flat.certified] == 255).all()
    palette = np.array(palette_of(flat))
    assert (labels[flat.certified] == palette[flat.labels[flat.certified]]).all()
    assert len(legend) == 4  # three classes, one of which begins with "_", and white
    assert "not certified" in legend[-1]
    assert len(drawn(flat)[0]) == 1


def test_the_figure_of_a_volume_shows_three_slices(volume: sc.Certificate) -> None:
    values = np.random.default_rng(2).integers(0, 256, (1, 5, 8, 9), dtype=np.uint8)
    panels, _ = drawn(volume, values)
    assert [one.shape[:2] for one in panels] == 2 * [(8, 9), (5, 9), (5, 8)]
    for seen, cut in zip(panels, (values[0, 2], values[0, :, 4], values[0, ..., 4]), strict=False):
        assert (seen == cut[..., None]).all()
    for view, labels in zip(flat_views(volume), panels[3:], strict=True):
        assert ((labels == 255).all(2) == ~view.certified).all()


def test_floats_and_other_channels_are_drawn_in_grey() -> None:
    values = np.random.default_rng(0).random((2, 6, 7), np.float32)
    cert = sc.certify_image(
        sc.as_segmenter(bands, classes=3), values, sigma=0.1, tau=0.6, alpha=0.1, n=40
    )
    seen = drawn(cert, values)[0][0]
    assert np.abs(seen - 255 * values.mean(0)[..., None]).max() <= 0.5 + 1e-4


def test_figures_of_clouds_and_of_other_images_are_refused(
    flat: sc.Certificate, cloud: sc.Certificate
) -> None:
    with pytest.raises(sc.InputError, match="no flat picture: segcert certify CLOUD"):
        cloud.plot()
    with pytest.raises(sc.InputError, match="not the one that was certified"):
        flat.plot(np.zeros((3, 20, 30), np.uint8))
