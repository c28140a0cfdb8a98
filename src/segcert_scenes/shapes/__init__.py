"""Procedural shapes with labelled parts and exact normals: point clouds that need no download.

The categories are 8 of the 16 of ShapeNet-Part, and categories and parts have its numbers. What
the parts are is defined here; of the caps it agrees with ShapeNet-Part (6 crown, 7 peak), as do
the axes: y is up, the front is +x. Every shape follows from (seed, index) alone.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int16

from segcert.errors import InputError
from segcert_scenes.integers import checked_integer
from segcert_scenes.randomness import Dice
from segcert_scenes.shapes import furniture, vessels
from segcert_scenes.shapes.surfaces import Surface, turn

POINTS = 2048
SIZES = (0.8, 1.25)  # range of the factor that a shape is scaled by


@dataclass(frozen=True)
class Maker:
    """How the shapes of a category are made.

    Args:
        number: Of the category in ShapeNet-Part, 0..15.
        first: Number of its first part there; the others follow.
        parts: Their names, in the order of their numbers.
        pieces: Draws the proportions; makes surfaces, each with its part, counted from 0.
    """

    number: int
    first: int
    parts: tuple[str, ...]
    pieces: Callable[[Dice], list[vessels.Piece]]


MAKERS = {
    "cap": Maker(2, 6, ("crown", "peak"), vessels.cap),
    "car": Maker(3, 8, ("roof", "hood", "wheels", "body"), furniture.car),
    "chair": Maker(4, 12, ("back", "seat", "legs", "arms"), furniture.chair),
    "knife": Maker(7, 22, ("blade", "handle"), furniture.knife),
    "lamp": Maker(8, 24, ("base", "shade", "bulb", "pole"), vessels.lamp),
    "mug": Maker(11, 36, ("handle", "body"), vessels.mug),
    "rocket": Maker(13, 41, ("body", "fins", "nose"), vessels.rocket),
    "table": Maker(15, 47, ("top", "legs", "shelf"), furniture.table),
}
MADE = tuple(MAKERS)  # names of the categories


@dataclass(frozen=True)
class Shape:
    """Points of one shape, with exact normals.

    Args:
        name: Category and index.
        points: In units in which a shape fits a ball of radius 1.6 around 0.
        normals: Of length 1; they point outward.
        labels: Part of each point, in the numbers of ShapeNet-Part.
        category: Its number there.
    """

    name: str
    points: Float32[np.ndarray, " n 3"]
    normals: Float32[np.ndarray, " n 3"]
    labels: Int16[np.ndarray, " n"]
    category: int


@dataclass(frozen=True)
class Blueprint:
    """A shape before points are drawn: surfaces, turned about the y axis and then scaled.

    Args:
        name: Category and index.
        category: Its number, 0..15.
        surfaces: In the shape's own frame.
        parts: Part number of each surface.
        angle: Turn about the y axis, radians.
        size: Factor of all lengths.
    """

    name: str
    category: int
    surfaces: tuple[Surface, ...]
    parts: tuple[int, ...]
    angle: float
    size: float

    def pose(self, vectors: Float[np.ndarray, " n 3"]) -> Float[np.ndarray, " n 3"]:
        """Turn vectors as the shape is turned."""
        turned: np.ndarray = vectors @ turn(self.angle).T
        return turned


def blueprint(
    index: int, *, seed: int = 0, category: str | None = None, turned: bool = True
) -> Blueprint:
    """Choose the category, the proportions and the pose of a shape.

    Of the indices 8k, ..., 8k + 7 each is of another category. Which is first is drawn for each
    k, so that evenly spaced indices do not all have one category.

    Args:
        index: Which shape of the data set, from 0.
        seed: Which data set, from 0.
        category: One of `MADE`; by default it follows from the index.
        turned: Whether the shape is turned about the y axis by a random angle.

    Raises:
        InputError: If a number is no integer of at least 0, or the category is not made.
    """
    for name, value in (("seed", seed), ("index", index)):
        checked_integer(name, value, 0)
    chosen = category_of(int(seed), int(index)) if category is None else category
    if chosen not in MAKERS:
        raise InputError(f"category must be one of {', '.join(MADE)}, got {chosen!r}")
    maker = MAKERS[chosen]
    dice = Dice(21, int(seed), int(index), maker.number)
    angle, size = dice.uniform(0, math.tau), dice.uniform(*SIZES)
    pieces = maker.pieces(dice)
    return Blueprint(
        name=f"{chosen}{index}",
        category=maker.number,
        surfaces=tuple(surface for surface, _ in pieces),
        parts=tuple(maker.first + part for _, part in pieces),
        angle=angle if turned else 0.0,
        size=size,
    )


def category_of(seed: int, index: int) -> str:
    """Choose the category of a shape."""
    block, place = divmod(index, len(MADE))
    return MADE[(place + Dice(20, seed, block).integer(0, len(MADE) - 1)) % len(MADE)]


def shape(
    index: int,
    *,
    seed: int = 0,
    points: int = POINTS,
    category: str | None = None,
    turned: bool = True,
) -> Shape:
    """Draw points of a shape, independent and uniform by area over all its surfaces.

    The points depend on the arguments alone, not on the threads or earlier calls. Normals are
    exact and point outward. A shape fits a ball of radius 1.6 around 0.

    Args:
        index: Which shape of the data set, from 0.
        seed: Which data set, from 0.
        points: How many points; the shape is the same for every number.
        category: One of `MADE`; by default it follows from the index.
        turned: Whether the shape is turned about the y axis by a random angle.

    Returns:
        The points, with normals, parts and category.

    Raises:
        InputError: If a number is no integer or too small, or the category is not made.
    """
    checked_integer("points", points, 1)
    plan = blueprint(index, seed=seed, category=category, turned=turned)
    dice = Dice(22, int(seed), int(index), plan.category)
    which, u, v = dice.table(int(points), 3).astype(np.float64).T
    ends = np.cumsum([surface.area for surface in plan.surfaces])
    chosen = np.searchsorted(ends / ends[-1], which, side="right")
    places, normals = np.empty((points, 3)), np.empty((points, 3))
    for number, surface in enumerate(plan.surfaces):
        mine = chosen == number
        places[mine], normals[mine] = surface.at(u[mine], v[mine])
    return Shape(
        name=plan.name,
        points=(plan.pose(places) * plan.size).astype(np.float32),
        normals=plan.pose(normals).astype(np.float32),
        labels=np.array(plan.parts, np.int16)[chosen],
        category=plan.category,
    )
