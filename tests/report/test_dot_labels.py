"""Texts beside dots: each is there, near its dot, and covers nothing."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Annotation

from segcert.report.dot_labels import DISTANCES, DOT, Dot, label_dots


def drawn(dots: list[Dot]) -> tuple[Figure, list[Annotation]]:
    """Axes from 0 to 1 with the dots and their texts."""
    figure = Figure(figsize=(5, 3), dpi=100, layout="constrained")
    axes = figure.add_subplot(xlim=(0, 1), ylim=(0, 1))
    axes.plot([dot.x for dot in dots], [dot.y for dot in dots], "o")
    label_dots(figure, axes, dots)
    figure.draw_without_rendering()
    notes = [child for child in axes.get_children() if isinstance(child, Annotation)]
    return figure, [note for note in notes if note.get_text()]


def places(figure: Figure, dots: list[Dot]) -> np.ndarray:
    return figure.axes[0].transData.transform([(dot.x, dot.y) for dot in dots])


@pytest.mark.parametrize("seed", range(3))
def test_crowded_dots_have_texts_that_cover_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    spread = rng.uniform(0.35, 0.65, (12, 2))  # the middle: nine hundredths of the axes
    dots = [Dot(x, y, f"0.{k:02d}", "black") for k, (x, y) in enumerate(spread.tolist())]
    figure, notes = drawn(dots)
    assert [note.get_text() for note in notes] == [dot.text for dot in dots]
    boxes = [note.get_window_extent() for note in notes]
    point = figure.dpi / 72
    for number, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:number])
        for x, y in places(figure, dots):  # room of half a dot on every side
            assert not box.padded(0.9 * DOT * point).contains(x, y)
        middle = np.array([(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2])
        assert np.hypot(*(middle - places(figure, dots)[number])) < 1.3 * DISTANCES[-1] * point


@pytest.mark.parametrize("corner", [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)])
def test_texts_in_corners_stay_inside(corner: tuple[float, float]) -> None:
    figure, (note,) = drawn([Dot(*corner, "0.999", "black")])
    box, axes = note.get_window_extent(), figure.axes[0].bbox
    assert (box.x0 >= axes.x0, box.y0 >= axes.y0) == (True, True)
    assert (box.x1 <= axes.x1, box.y1 <= axes.y1) == (True, True)


def test_dots_that_coincide_share_a_text_if_it_is_the_same() -> None:
    near = [Dot(0.5, 0.5, "0.75", "black"), Dot(0.502, 0.5, "0.75", "red")]
    assert len(drawn(near)[1]) == 1
    assert len(drawn([near[0], Dot(0.502, 0.5, "0.9", "red")])[1]) == 2
    assert len(drawn([near[0], Dot(0.6, 0.5, "0.75", "red")])[1]) == 2


def test_a_text_has_the_colour_of_its_dot_and_avoids_its_line() -> None:
    """A line straight up through the dot: the text goes sideways."""
    figure, (note,) = drawn([Dot(0.5, 0.5, "0.75", "red")])
    assert note.get_color() == "red"
    assert abs(note.get_position()[0]) < 1  # above it
    dots = [Dot(0.5, y, f"0.{k}", "red") for k, y in enumerate((0.3, 0.5, 0.7))]
    figure, notes = drawn(dots)
    assert np.allclose(abs(figure.axes[0].lines[0].get_xdata() - 0.5), 0)
    assert all(abs(note.get_position()[0]) > 8 for note in notes[1:2])
