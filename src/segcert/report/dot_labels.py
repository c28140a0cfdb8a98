"""Texts beside dots that cover neither each other nor a dot, and stay inside the axes."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float64
from matplotlib.axes import Axes
from matplotlib.figure import Figure

FONT = 8.5  # points
DISTANCES = (8.0, 12.0, 17.0, 23.0, 30.0, 38.0)  # points, from the dot to the text's centre
DIRECTIONS = 16
SAME_PLACE = 7.0  # points: closer dots with one text share it
DOT, GAP = 3.4, 0.8  # points: half of a dot's width; room around texts
LEADER = 15.0  # points: from here on a thin line says whose text it is
CROSSED = 12.0  # points of distance that a text gives to cross no line
Box = tuple[float, float, float, float]  # left, bottom, right, top


@dataclass(frozen=True)
class Dot:
    """A dot and its text.

    Args:
        x: Place, in the units of the axes.
        y: The same.
        text: What is written beside it.
        colour: Of the text.
    """

    x: float
    y: float
    text: str
    colour: str


def label_dots(figure: Figure, axes: Axes, dots: list[Dot]) -> None:
    """Write the text of each dot beside it.

    Dots of one text that nearly coincide share it. Texts are placed one after the other, each at
    the free place that is nearest and crosses fewest lines. The limits of the axes, and all that
    is drawn, must be final.

    Args:
        figure: The figure.
        axes: Axes of the figure.
        dots: The dots, drawn already.
    """
    figure.draw_without_rendering()
    axes.autoscale(False)
    point = figure.dpi / 72  # pixels
    places = axes.transData.transform([(dot.x, dot.y) for dot in dots])
    taken = [square(x, y, DOT * point) for x, y in places]
    lines = segments(axes)
    for k in alone(dots, places, SAME_PLACE * point):
        note = axes.annotate(
            dots[k].text, (dots[k].x, dots[k].y), (0, 0), textcoords="offset points",
            ha="center", va="center", fontsize=FONT, color=dots[k].colour, annotation_clip=False,
        )  # fmt: skip
        note.set_in_layout(False)
        size = note.get_window_extent()
        half = np.array([size.width, size.height]) / 2 + GAP * point
        inside = axes.get_window_extent()
        bounds = (float(inside.x0), float(inside.y0), float(inside.x1), float(inside.y1))
        shift = best_shift(places[k], half, bounds, taken, lines, point)
        note.set_position((float(shift[0]), float(shift[1])))
        taken.append(box_at(places[k] + shift * point, half))
        if np.hypot(*shift) > LEADER:
            lead(axes, dots[k], shift)


def alone(dots: list[Dot], places: Float64[np.ndarray, " n 2"], near: float) -> list[int]:
    """Numbers of the dots that get a text; one of those that nearly coincide."""
    kept: list[int] = []
    for k, dot in enumerate(dots):
        same = [j for j in kept if dots[j].text == dot.text]
        if all(np.hypot(*(places[k] - places[j])) >= near for j in same):
            kept.append(k)
    return kept


def best_shift(
    place: Float64[np.ndarray, " 2"],
    half: Float64[np.ndarray, " 2"],
    bounds: Box,
    taken: list[Box],
    lines: Float64[np.ndarray, " s 2 2"],
    point: float,
) -> Float64[np.ndarray, " 2"]:
    """Where a text goes, in points from its dot: cheapest place, free ones before others."""

    def cost(shift: Float64[np.ndarray, " 2"]) -> tuple[int, float]:
        box = box_at(place + shift * point, half)
        clashes = sum(overlap(box, other) for other in taken) + 99 * outside(box, bounds)
        return clashes, float(np.hypot(*shift) + CROSSED * crossed(box, lines).sum())

    return min(shifts(), key=cost)


def shifts() -> Iterator[Float64[np.ndarray, " 2"]]:
    """All places around a dot, in points; above it first."""
    for distance in DISTANCES:
        for k in range(DIRECTIONS):
            angle = np.pi / 2 + 2 * np.pi * k / DIRECTIONS
            yield distance * np.array([1.25 * np.cos(angle), np.sin(angle)])  # texts are wide


def segments(axes: Axes) -> Float64[np.ndarray, " s 2 2"]:
    """All pieces of the lines of axes, in pixels."""
    pieces = []
    for line in axes.lines:
        ends = axes.transData.transform(np.asarray(line.get_xydata(), dtype=np.float64))
        pieces += [np.stack(pair) for pair in pairwise(ends)]
    return np.array(pieces, dtype=np.float64).reshape(-1, 2, 2)


def crossed(box: Box, lines: Float64[np.ndarray, " s 2 2"]) -> Bool[np.ndarray, " s"]:
    """Which pieces of lines go through a box, by 40 points on each."""
    along = np.linspace(0, 1, 40)[None, :, None]
    points = lines[:, :1] * (1 - along) + lines[:, 1:] * along
    left, bottom, right, top = box
    x, y = points[..., 0], points[..., 1]
    within: Bool[np.ndarray, " s 40"] = (x > left) & (x < right) & (y > bottom) & (y < top)
    found: np.ndarray = within.max(axis=1)
    return found


def lead(axes: Axes, dot: Dot, shift: Float64[np.ndarray, " 2"]) -> None:
    """Draw a thin line from a dot to its text."""
    end = shift * (1 - 0.8 * FONT / np.hypot(*shift))
    line = axes.annotate(
        "", (dot.x, dot.y), (float(end[0]), float(end[1])), textcoords="offset points",
        arrowprops={"arrowstyle": "-", "color": dot.colour, "linewidth": 0.6, "shrinkA": 0,
                    "shrinkB": DOT}, annotation_clip=False,
    )  # fmt: skip
    line.set_in_layout(False)


def square(x: float, y: float, half: float) -> Box:
    """A square around a point."""
    return float(x - half), float(y - half), float(x + half), float(y + half)


def box_at(place: Float64[np.ndarray, " 2"], half: Float64[np.ndarray, " 2"]) -> Box:
    """A box around a point."""
    (x, y), (wide, high) = place.tolist(), half.tolist()
    return x - wide, y - high, x + wide, y + high


def overlap(one: Box, other: Box) -> bool:
    """Whether two boxes have area in common."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def outside(box: Box, bounds: Box) -> bool:
    """Whether part of a box is beyond the bounds."""
    return box[0] < bounds[0] or box[1] < bounds[1] or box[2] > bounds[2] or box[3] > bounds[3]
