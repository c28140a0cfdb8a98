"""How to resize, as text: there and back, one way to write it, one line if it cannot be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segcert.errors import InputError
from segcert.models.resizing.scale import (
    LARGEST_SIDE,
    PRESETS,
    Resizing,
    parse_resizing,
    resizing_record,
    resizing_text,
)

FACTORS = st.floats(1e-3, 16, allow_nan=False)
FACTOR_SETS = st.lists(FACTORS, min_size=1, max_size=5, unique=True).map(sorted).map(tuple)
SIDES = st.integers(1, LARGEST_SIDE)
ARGUMENTS = st.one_of(
    st.fixed_dictionaries({"factors": FACTOR_SETS, "flip": st.booleans()}),
    st.fixed_dictionaries({"flip": st.booleans(), "size": st.tuples(SIDES, SIDES)}),
    st.sampled_from(
        [{"factors": preset.factors, "flip": preset.flip} for preset in PRESETS.values()]
    ),
)


@given(ARGUMENTS)
def test_text_and_record_lose_nothing(arguments: dict[str, object]) -> None:
    resizing = Resizing(**arguments)
    assert parse_resizing(str(resizing)) == resizing
    assert parse_resizing(resizing_record(resizing)) == resizing
    assert resizing_text(str(resizing)) == str(resizing)
    assert isinstance(resizing_record(resizing), float) == (resizing.factor is not None)


@given(FACTORS)
def test_a_number_means_what_it_meant(factor: float) -> None:
    assert parse_resizing(factor) == Resizing((factor,))
    assert resizing_record(factor) == factor
    assert not parse_resizing(factor).averages


@pytest.mark.parametrize(
    ("text", "meaning", "canonical"),
    [
        ("1", Resizing(), "1"),
        ("1.0", Resizing(), "1"),
        (1.0, Resizing(), "1"),
        (1, Resizing(), "1"),
        (" 0.25 ", Resizing((0.25,)), "0.25"),
        ("1,0.5", Resizing((0.5, 1.0)), "0.5,1"),
        ("0.5, 1 +FLIP", Resizing((0.5, 1.0), flip=True), "0.5,1+flip"),
        ("1+flip", Resizing(flip=True), "1+flip"),
        ("480x320", Resizing(size=(320, 480)), "480x320"),
        ("480x480+flip", Resizing(size=(480, 480), flip=True), "480x480+flip"),
        ("multi", Resizing((0.5, 0.75, 1, 1.25, 1.5, 1.75), flip=True), "multi"),
        ("0.5,0.75,1,1.25,1.5,1.75+flip", PRESETS["multi"], "multi"),
        ("multi-pascal", Resizing((0.5, 0.75, 1, 1.25, 1.5, 1.75, 2), flip=True), "multi-pascal"),
    ],
)
def test_texts(text: str | float, meaning: Resizing, canonical: str) -> None:
    assert parse_resizing(text) == meaning
    assert resizing_text(text) == canonical


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("0", r"scale must be in \(0, 16\], got 0"),
        ("-1", "scale must be in"),
        ("nan", r"scale must be in \(0, 16\], got nan"),
        ("0.5,nan", "scale must be in"),
        ("inf", "scale must be in"),
        (16.5, r"scale must be in \(0, 16\], got 16.5"),
        ("1,1", "must increase, each named once"),
        ("1,", "scale '1,' is unknown: use a factor such as 0.5"),
        ("", "is unknown"),
        ("+flip", "is unknown"),
        ("big", "scale 'big' is unknown: .*480x480, or multi"),
        ("480x", "is unknown"),
        ("480x480,1", "is unknown"),
        ("0x480", "1 to 16384 pixels a side, got 0x480"),
        ("480x20000", "got 480x20000"),
        ("multi+flip", "is unknown"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(text: str | float, rule: str) -> None:
    with pytest.raises(InputError, match=rule) as refused:
        parse_resizing(text)
    assert "\n" not in str(refused.value)


def test_factors_and_a_size_exclude_each_other() -> None:
    with pytest.raises(InputError, match="not both"):
        Resizing((0.5,), size=(480, 480))
    with pytest.raises(InputError, match="must increase"):
        Resizing(())


def test_sizes_are_rounded_down() -> None:
    assert Resizing((0.5, 1.0, 1.5)).sizes(37, 50) == ((18, 25), (37, 50), (55, 75))
    assert Resizing((0.5, 1.0)).smallest_side(37, 50) == 18
    assert Resizing(size=(480, 320)).sizes(37, 50) == ((480, 320),)
