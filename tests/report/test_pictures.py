"""Pictures keep the numbers, and show what they should."""

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from segcert.certificates.pictures import default_palette, labels_image, png_bytes
from segcert.errors import InputError
from segcert.report.pictures import (
    NO_TRUTH,
    OUTCOMES,
    colour_labels,
    count_map,
    jpeg_bytes,
    level_starts,
    outcomes,
    overlay,
    radius_image,
    rest_image,
    stretch,
)

PALETTE = ((128, 178, 220), (150, 90, 80), (200, 200, 130))
LABELS = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)
CERTIFIED = np.array([[True, True, False], [True, False, True]])


def reread(image: Image.Image) -> Image.Image:
    return Image.open(BytesIO(png_bytes(image)))


def lightness(image: Image.Image) -> np.ndarray:
    rgb = np.asarray(image.convert("RGB")) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return np.asarray(linear @ [0.2126, 0.7152, 0.0722])  # relative luminance, Rec. 709


def test_a_file_of_labels_keeps_class_numbers_and_abstentions() -> None:
    image = reread(labels_image(LABELS, CERTIFIED, PALETTE))
    assert image.mode == "P"
    assert np.array_equal(np.asarray(image), np.where(CERTIFIED, LABELS, 255))
    colours = np.where(CERTIFIED[..., None], np.array(PALETTE)[LABELS], 255)
    assert np.array_equal(np.asarray(image.convert("RGB")), colours)


@pytest.mark.parametrize("classes", [1, 2, 16, 17, 255])
def test_no_palette_renumbers_the_classes(classes: int) -> None:
    """One byte a pixel and 256 colours, however few are used: the page reads the bytes."""
    labels = np.arange(classes).reshape(1, -1)
    data = png_bytes(labels_image(labels, labels % 2 == 0, default_palette(classes)))
    assert data[24] == 8  # bit depth in IHDR
    image = Image.open(BytesIO(data))
    assert np.array_equal(np.asarray(image), np.where(labels % 2 == 0, labels, 255))
    palette = image.getpalette()
    assert palette is not None
    assert len(palette) == 768
    assert palette[-3:] == [255, 255, 255]


def test_more_than_255_classes_are_refused() -> None:
    with pytest.raises(InputError, match=r"1 to 255 classes.*got 256"):
        labels_image(LABELS, CERTIFIED, [(9, 9, 9)] * 256)
    with pytest.raises(InputError, match=r"1 to 255 classes.*got 256"):
        default_palette(256)


@pytest.mark.parametrize("labels", [LABELS.astype(np.int16) - 1, LABELS + 1])
def test_labels_without_a_colour_are_refused(labels: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"labels must lie in 0, ..., 2"):
        colour_labels(labels, PALETTE)


def test_a_truth_shows_what_is_not_labelled() -> None:
    truth = np.array([[0, 255, 2]], np.uint8)
    image = reread(colour_labels(truth, PALETTE, ignore=True))
    assert np.array_equal(np.asarray(image), truth)
    assert image.convert("RGB").getpixel((1, 0)) == NO_TRUTH


def test_an_overlay_mixes_colour_and_photograph() -> None:
    photograph = np.full((2, 3, 3), 100, np.uint8)
    mixed = np.asarray(overlay(photograph, LABELS, CERTIFIED, PALETTE, opacity=0.5))
    assert mixed[0, 0].tolist() == [114, 139, 160]  # halfway to (128, 178, 220)
    assert mixed[0, 1].tolist() == [125, 95, 90]
    assert mixed[0, 2].tolist() == mixed[1, 1].tolist() == [230, 230, 230]  # ghost of 100


@pytest.mark.parametrize("opacity", [0.0, 1.0])
def test_an_overlay_at_either_end_is_one_of_its_parts(opacity: float) -> None:
    photograph = np.random.default_rng(0).integers(0, 256, (2, 3, 3), np.uint8)
    whole = np.ones_like(CERTIFIED)
    mixed = np.asarray(overlay(photograph, LABELS, whole, PALETTE, opacity=opacity))
    assert np.array_equal(mixed, np.array(PALETTE)[LABELS] if opacity else photograph)


def test_abstentions_are_nearly_white_on_the_darkest_photograph() -> None:
    black = np.zeros((2, 3, 3), np.uint8)
    mixed = np.asarray(overlay(black, LABELS, np.zeros_like(CERTIFIED), PALETTE))
    assert mixed.min() > 210


@pytest.mark.parametrize("opacity", [-0.1, 1.1])
def test_an_opacity_out_of_range_is_refused(opacity: float) -> None:
    with pytest.raises(InputError, match="opacity"):
        overlay(np.zeros((2, 3, 3), np.uint8), LABELS, CERTIFIED, PALETTE, opacity=opacity)


@pytest.mark.parametrize("n", [10, 100, 255, 256, 1000, 70_000])
def test_more_hits_are_darker_and_coloured_from_the_threshold_on(n: int) -> None:
    threshold = int(0.87 * n)
    image = count_map(np.arange(n + 1)[None], n, threshold)
    assert (np.diff(lightness(image)[0]) <= 1e-3).all()  # half a step of the green byte
    rgb = np.asarray(image.convert("RGB"))[0].astype(int)
    grey = rgb.max(1) == rgb.min(1)
    assert grey[:threshold].all()
    assert (np.ptp(rgb, axis=1)[threshold:] > 60).all()


@pytest.mark.parametrize("threshold", [0, 101])
def test_all_or_nothing_may_be_certified(threshold: int) -> None:
    rgb = np.asarray(count_map(np.arange(101)[None], 100, threshold).convert("RGB"))[0].astype(int)
    assert ((np.ptp(rgb, axis=1) == 0) == (threshold == 101)).all()


@given(n=st.integers(1, 10**5), share=st.floats(0, 1), seed=st.integers(0, 99))
def test_the_map_and_its_rest_hold_the_exact_counts(n: int, share: float, seed: int) -> None:
    threshold = round(share * (n + 1))
    hits = np.random.default_rng(seed).integers(0, n, (4, 5), endpoint=True)
    levels = np.asarray(reread(count_map(hits, n, threshold)))
    rest = np.asarray(reread(rest_image(hits, n, threshold))).astype(int)
    if rest.ndim == 3:
        rest = rest @ [65536, 256, 1]
    assert np.array_equal(np.array(level_starts(n, threshold))[levels] + rest, hits)
    if n <= 255:
        assert np.array_equal(levels, hits)


@pytest.mark.parametrize("count", [-1, 11])
def test_impossible_counts_are_refused(count: int) -> None:
    with pytest.raises(InputError, match=r"hits must lie in 0, ..., n = 10"):
        count_map(np.array([[count]]), 10, 9)


def test_outcomes_tell_right_from_wrong_and_certified_from_abstained() -> None:
    truth = np.array([[0, 2, 2], [255, 0, 0]], np.uint8)
    named = [[OUTCOMES[i] for i in row] for row in outcomes(truth == LABELS, CERTIFIED, truth)]
    assert named == [
        ["certified, right", "certified, wrong", "abstained, right"],
        ["no truth", "abstained, wrong", "certified, right"],
    ]


def test_a_radius_map_is_white_where_there_is_none_and_darker_with_the_radius() -> None:
    radius = np.array([[0.0, 0.30, 0.31, 0.32]])
    image = radius_image(radius)
    assert stretch(radius) == (0.30, 0.32)
    assert np.asarray(image)[0, 0].tolist() == [255, 255, 255]
    assert (np.diff(lightness(image)[0]) < -0.05).all()
    nothing = np.zeros((2, 3))
    assert stretch(nothing) == (0, 0)
    assert (np.asarray(radius_image(nothing)) == 255).all()
    one = np.asarray(radius_image(np.full((2, 3), 0.2)))
    assert (one.min(2) < 255).all()


def test_default_colours_are_distinct_and_far_from_white_grey_and_black() -> None:
    palette = default_palette(255)
    assert len(set(palette)) == 255
    assert default_palette(11) == palette[:11]
    for colour in palette:
        assert min(colour) < 208
        assert max(colour) > 64
        assert max(colour) - min(colour) > 24
    first = np.array(palette[:19])
    apart = np.abs(first[:, None] - first).sum(-1) + 999 * np.eye(19)
    assert apart.min() >= 60


def test_a_photograph_survives_jpeg_for_the_eye() -> None:
    ramp = np.broadcast_to(np.arange(64, dtype=np.uint8)[:, None, None] * 4, (64, 48, 3)).copy()
    image = Image.open(BytesIO(jpeg_bytes(ramp)))
    assert image.format == "JPEG"
    assert np.abs(np.asarray(image).astype(int) - ramp).mean() < 3
