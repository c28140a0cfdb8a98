"""Windows on a magnified image: no larger than the input, no pixel left out."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from segcert.models.resizing.windows import windows_of

SIDES = st.integers(1, 200)
FACTORS = st.floats(0.1, 4)


@given(SIDES, FACTORS)
def test_windows_are_never_larger_than_the_input_and_cover_the_image(
    side: int, factor: float
) -> None:
    whole = max(1, int(side * factor))
    axis = windows_of(whole, side)
    assert axis.length == min(whole, side)
    assert axis.starts[0] == 0
    assert axis.starts[-1] + axis.length == whole
    steps = [b - a for a, b in zip(axis.starts, axis.starts[1:], strict=False)]
    assert all(0 < step <= max(1, side * 2 // 3) for step in steps)
    assert all(step == max(1, side * 2 // 3) for step in steps[:-1])
    assert set(range(whole)) == {i for s in axis.starts for i in range(s, s + axis.length)}


@given(SIDES, FACTORS)
def test_covered_pixels_are_those_whose_centre_lies_in_the_window(side: int, factor: float) -> None:
    axis = windows_of(max(1, int(side * factor)), side)
    centres = [Fraction(2 * i + 1, 2 * side) * axis.whole for i in range(side)]
    for start in axis.starts:
        expected = [i for i, at in enumerate(centres) if start <= at < start + axis.length]
        assert list(axis.covered(start, side)) == expected
    times = axis.times(side).tolist()
    assert times == [sum(s <= at < s + axis.length for s in axis.starts) for at in centres]
    assert min(times) >= 1


def test_the_published_protocol() -> None:
    """Twice as large: three windows, 2/3 of a side apart; 1.25 times: two."""
    assert windows_of(960, 480).starts == (0, 320, 480)
    assert windows_of(600, 480).starts == (0, 120)
    assert windows_of(480, 480).starts == (0,)
    assert windows_of(240, 480).starts == (0,)
