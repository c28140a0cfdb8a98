"""What values of masks mean: numbers, colours, palettes, and which way up they lie."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from picture_files import exif_of, with_palette
from PIL import Image

from segcert.errors import InputError
from segcert.inputs.labels import IGNORE
from segcert.inputs.mask_rules import MaskRule, look_up
from segcert.inputs.pictures import ARRAY_TURNS
from segcert.inputs.stored_masks import StoredMask

NUMBERS = np.array([[0, 1, 2], [2, 1, IGNORE]])
PLAIN = {0: 0, 1: 1, 2: 2, IGNORE: IGNORE}
COLOURS = {0x000000: 0, 0xFF0000: 1, 0x00FF00: 2}
OF_CLASSES = np.array([0x000000, 0xFF0000, 0x00FF00])
INVERSE = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}  # what undoes a turn


def mask(numbers: np.ndarray | None, colours: np.ndarray | None = None) -> StoredMask:
    """What was read of a file."""
    return StoredMask(
        Path("a.png"), "P" if numbers is not None and colours is not None else "RGB",
        numbers, colours,
    )  # fmt: skip


def test_numbers_are_classes() -> None:
    assert (MaskRule(PLAIN, {}).classes_of(mask(NUMBERS)) == NUMBERS).all()
    with pytest.raises(InputError, match=r"class 7 in 2 pixels, must be 0\.\.2 or 255: way out"):
        MaskRule(PLAIN, {}, where="way out").classes_of(mask(np.array([[0, 7, 7]])))


def test_colours_are_those_of_the_classes() -> None:
    classes = NUMBERS % 3
    rule = MaskRule(PLAIN, COLOURS, where="way out")
    assert (rule.classes_of(mask(None, OF_CLASSES[classes])) == classes).all()
    with pytest.raises(InputError, match="the colour #0000ff in 2 pixels, #00000f in 1 pixels, wh"):
        rule.classes_of(mask(None, np.array([[0xFF, 0xF, 0xFF]])))
    with pytest.raises(InputError, match="and 2 colours more, which no class has: way out"):
        rule.classes_of(mask(None, np.arange(1, 6)[None]))
    with pytest.raises(InputError, match="single channel, got mode RGB: way out; colours are read"):
        MaskRule(PLAIN, {}, where="way out").classes_of(mask(None, OF_CLASSES[classes]))


def test_a_palette_counts_by_number_unless_its_colours_say_otherwise() -> None:
    rule = MaskRule(PLAIN, COLOURS)
    numbers = NUMBERS % 3
    same, other = OF_CLASSES[numbers], numbers * 0x010101 + 5
    assert (rule.classes_of(mask(numbers, same)) == numbers).all()
    assert (rule.classes_of(mask(numbers, other)) == numbers).all()
    assert (rule.classes_of(mask(numbers + 40, same)) == numbers).all()  # numbers mean nothing
    reordered = OF_CLASSES[(numbers + 1) % 3]
    with pytest.raises(InputError, match=r"numbers and colours .* mean different classes"):
        rule.classes_of(mask(numbers, reordered))
    told = MaskRule(PLAIN, {}, told=True)
    assert (told.classes_of(mask(numbers, reordered)) == numbers).all()
    shown = MaskRule({}, COLOURS, told=True)
    assert (shown.classes_of(mask(numbers, reordered)) == (numbers + 1) % 3).all()


def test_black_and_white_the_wrong_way_round_are_asked_about() -> None:
    numbers = NUMBERS % 2
    inverted = np.where(numbers == 0, 0xFFFFFF, 0)
    with pytest.raises(InputError, match="mean different classes: name what counts"):
        MaskRule(PLAIN, {}).classes_of(mask(numbers, inverted))
    assert (MaskRule(PLAIN, {}, told=True).classes_of(mask(numbers, inverted)) == numbers).all()


def test_a_grey_palette_that_was_packed_is_asked_about() -> None:
    """Programs pack numbers 0, 1, 7 as 0, 1, 2 with the greys 0, 1, 7."""
    numbers = np.array([[0, 1, 2]])
    grey = np.array([[0, 1, 7]]) * 0x010101
    eight = {number: number for number in (*range(8), IGNORE)}
    with pytest.raises(InputError, match="mean different classes"):
        MaskRule(eight, {}).classes_of(mask(numbers, grey))
    assert MaskRule(PLAIN, {}).classes_of(mask(numbers, grey)).tolist() == [[0, 1, 2]]
    assert MaskRule({0: 0, 7: 2, 1: 1}, {}, told=True).classes_of(mask(numbers, grey)).tolist() == [
        [0, 1, 2]
    ]
    ends = np.array([[0, 255]]) * 0x010101
    assert MaskRule(PLAIN, {}).classes_of(mask(numbers[:, :2], ends)).tolist() == [[0, 1]]
    white = MaskRule({0: 0, 255: 1}, {}, told=True)
    assert white.classes_of(mask(numbers[:, :2], ends)).tolist() == [[0, 1]]


def test_greys_count_as_numbers_or_colours_where_they_were_named() -> None:
    grey = np.array([[0, 255]]) * 0x010101
    told = MaskRule({0: 0, 255: 1}, {}, told=True)
    assert told.classes_of(mask(None, grey)).tolist() == [[0, 1]]
    shown = MaskRule({}, {0: 0, 0xFFFFFF: 1}, told=True)
    assert shown.classes_of(mask(np.array([[0, 255]]))).tolist() == [[0, 1]]
    with pytest.raises(InputError, match="single channel"):
        shown.classes_of(mask(np.array([[0, 256]])))
    with pytest.raises(InputError, match="single channel"):
        MaskRule(PLAIN, {}).classes_of(mask(None, grey))


@given(
    st.lists(st.integers(-3, 70_000), min_size=1, max_size=20),
    st.dictionaries(st.integers(-1, 0xFFFF), st.integers(0, 255), max_size=9),
)
def test_looking_up_is_a_dictionary(values: list[int], meaning: dict[int, int]) -> None:
    found = look_up(np.array([values]), meaning, -1, 0xFFFF)
    assert found[0].tolist() == [meaning.get(value, -1) for value in values]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("stored", [False, True])
def test_masks_of_turned_photographs_stored_either_way(
    tmp_path: Path, orientation: int, stored: bool
) -> None:
    """By their sizes where these differ, else by what the user says; never by a guess."""
    seen = NUMBERS.astype(np.uint8)
    raw = np.ascontiguousarray(ARRAY_TURNS[INVERSE[orientation]](seen))
    Image.fromarray(raw if stored else seen).save(tmp_path / "a.png")
    rule = MaskRule(PLAIN, {}, where="way out")
    told = MaskRule(PLAIN, {}, orientation="stored" if stored else "upright", where="way out")
    read = (tmp_path / "a.png", seen.shape)
    assert (told.read(*read, orientation=orientation) == seen).all()
    if orientation in (2, 3, 4):
        with pytest.raises(InputError, match=rf"\({orientation}\), both as .*--mask-or"):
            rule.read(*read, orientation=orientation)
    else:
        assert (rule.read(*read, orientation=orientation) == seen).all()


def test_a_mask_that_is_alike_both_ways_needs_no_answer(tmp_path: Path) -> None:
    Image.new("L", (4, 4), 2).save(tmp_path / "a.png")
    assert (MaskRule(PLAIN, {}).read(tmp_path / "a.png", (4, 4), orientation=6) == 2).all()


def test_a_mask_with_an_orientation_of_its_own_is_turned_by_it(tmp_path: Path) -> None:
    raw = np.ascontiguousarray(np.rot90(NUMBERS.astype(np.uint8)))
    Image.fromarray(raw).save(tmp_path / "a.png", exif=exif_of(6))
    for orientation in (1, 3, 6):
        found = MaskRule(PLAIN, {}).read(tmp_path / "a.png", (2, 3), orientation=orientation)
        assert (found == NUMBERS).all()


def test_sizes_are_compared(tmp_path: Path) -> None:
    with_palette(NUMBERS % 3, [1, 2, 3] * 3).save(tmp_path / "a.png")
    rule = MaskRule(PLAIN, {}, orientation="upright", where="way out")
    with pytest.raises(InputError, match=r"shape \(2, 3\), its image \(3, 2\): way out"):
        rule.read(tmp_path / "a.png", (3, 2), orientation=6)
    with pytest.raises(InputError, match=r"shape \(2, 3\), its image \(4, 4\): way out"):
        rule.read(tmp_path / "a.png", (4, 4))
