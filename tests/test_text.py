"""Numbers in words never say too much."""

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segcert.text import confidence_text, floor_text, in_ascii, percent_text, reason


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.16862, 4, "0.1686"),
        (0.16869999, 4, "0.1686"),
        (1.99999, 4, "1.9999"),
        (42.998, 1, "42.9"),
        (0.00023419, 4, "0.0002341"),
        (0.0597, 1, "0.05"),
        (0.0, 4, "0.0000"),
        (0.3, 4, "0.2999"),  # the double nearest to 0.3 lies below it
    ],
)
def test_a_number_is_rounded_down(value: float, digits: int, text: str) -> None:
    assert floor_text(value, digits) == text


@given(st.floats(1e-9, 1e9), st.integers(0, 8))
def test_what_is_printed_is_never_more_and_hardly_less(value: float, digits: int) -> None:
    printed, exact = Decimal(floor_text(value, digits)), Decimal(value)
    assert printed <= exact
    assert exact - printed < Decimal(10) ** -digits


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        floor_text(value)


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(0, 7, "0.0%"), (7, 7, "100.0%"), (9999, 10000, "99.9%"), (1, 10000, "<0.1%"), (0, 0, "–")],
)
def test_a_share_is_all_only_if_it_is_all(part: int, whole: int, text: str) -> None:
    assert percent_text(part, whole) == text


@pytest.mark.parametrize(
    ("alpha", "less", "text"),
    [
        (0.001, 0, "0.999"),
        (0.1, 0, "0.9"),
        (1e-9, 0, "0.999999999"),
        (1.04e-9, 0, "1 - 1.04e-09"),
        (1e-12, 0, "1 - 1e-12"),
        (1 / 3, 0, "0.6666666666"),
        (0.001, 7.05e-7, "0.999 - 7.1e-7"),
        (0.001, 7.1001e-7, "0.999 - 7.2e-7"),
        (1e-12, 9.96e-14, "1 - 1e-12 - 1.0e-13"),
    ],
)
def test_confidence_is_never_rounded_up(alpha: float, less: float, text: str) -> None:
    assert confidence_text(alpha, less) == text


@given(st.floats(1e-15, 1, exclude_max=True), st.floats(1e-30, 0.9))
def test_no_confidence_is_more_than_there_is(alpha: float, less: float) -> None:
    """Read as a sum, exactly: at most 1 - alpha - less, and hardly less."""
    terms = [Decimal(term) for term in confidence_text(alpha, less).split(" - ")]
    printed = terms[0] - sum(terms[1:])
    exact = 1 - Decimal(repr(alpha)) - Decimal(less)
    assert printed <= exact
    assert exact - printed <= Decimal("1e-10") + Decimal(less) / 10


def test_the_reason_is_what_stays_of_a_long_message() -> None:
    """Libraries say first where they are, and at the end what is wrong."""
    assert reason(ValueError("one\n  two")) == "one two"
    assert reason(ValueError()) == "ValueError"
    stack = "no operator nms\nException raised from f at g.cpp:1\nframe #0: h"
    assert reason(RuntimeError(stack)) == "no operator nms"
    found = reason(RuntimeError("begins " + "path/" * 1000 + " the shape is wrong"))
    assert len(found) < 700
    assert found.startswith("begins path/")
    assert found.endswith("the shape is wrong")


def test_texts_for_terminals_of_ascii() -> None:
    assert in_ascii("a \u2013 \u00df \u2192") == "a - ? ->"
