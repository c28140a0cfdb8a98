"""Procedural shapes with labelled parts and exact normals: point clouds that need no download.

The categories are 8 of the 16 of ShapeNet-Part, and categories and parts have its numbers. What
the parts are is defined here; of the caps it agrees with ShapeNet-Part (6 crown, 7 peak), as do
the axes: y is up, the front is +x. Every shape follows from (seed, index) alone.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from segcert.data import part_numbers
from segcert.data.clouds import Cloud
from segcert.data.labelled import distinct_colours
from segcert.data.synthetic.randomness import Dice
from segcert.data.synthetic.shapes import furniture, vessels
from segcert.data.synthetic.shapes.surfaces import Surface, turn
from segcert.errors import InputError

POINTS = 2048
SIZES = (0.8, 1.25)  # range of the factor that a shape is scaled by
MAKERS: dict[str, tuple[Callable[[Dice], list[vessels.Piece]], tuple[str, ...]]] = {
    "cap": (vessels.cap, ("crown", "peak")),
    "car": (furniture.car, ("roof", "hood", "wheels", "body")),
    "chair": (furniture.chair, ("back", "seat", "legs", "arms")),
    "knife": (furniture.knife, ("blade", "handle")),
    "lamp": (vessels.lamp, ("base", "shade", "bulb", "pole")),
    "mug": (vessels.mug, ("handle", "body")),
    "rocket": (vessels.rocket, ("body", "fins", "nose")),
    "table": (furniture.table, ("top", "legs", "shelf")),
}  # parts in the order of their numbers
MADE = tuple(MAKERS)  # names of the categories that are made
CATEGORIES = part_numbers.CATEGORIES  # the 16 names; a category number counts in these
PARTS = part_numbers.PARTS  # part numbers of each category
NAMES = tuple(
    f"{name} {MAKERS[name][1][place] if name in MAKERS else part}"
    for name, parts in zip(CATEGORIES, PARTS, strict=True)
    for place, part in enumerate(parts)
)  # of the 50 parts
PALETTE = distinct_colours(len(NAMES))


@dataclass(frozen=True)
class Blueprint:
    """A shape before points are drawn: surfaces, turned about the y axis and then scaled.

    Args:
        category: Its number, 0..15.
        surfaces: In the shape's own frame.
        parts: Part number of each surface.
        angle: Turn about the y axis, radians.
        size: Factor of all lengths.
    """

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
    number = CATEGORIES.index(chosen)
    dice = Dice(21, int(seed), int(index), number)
    angle, size = dice.uniform(0, math.tau), dice.uniform(*SIZES)
    pieces = MAKERS[chosen][0](dice)
    return Blueprint(
        category=number,
        surfaces=tuple(surface for surface, _ in pieces),
        parts=tuple(PARTS[number][part] for _, part in pieces),
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
) -> Cloud:
    """Draw points of a shape, independent and uniform by area over all its surfaces.

    The cloud depends on the arguments alone, not on the threads or earlier calls. Normals are
    exact and point outward. A shape fits a ball of radius 1.6 around 0.

    Args:
        index: Which shape of the data set, from 0.
        seed: Which data set, from 0.
        points: How many points; the shape is the same for every number.
        category: One of `MADE`; by default it follows from the index.
        turned: Whether the shape is turned about the y axis by a random angle.

    Returns:
        The cloud, with normals, labels and category; parts have their global numbers.

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
    return Cloud(
        name=f"{CATEGORIES[plan.category]}{index}",
        points=(plan.pose(places) * plan.size).astype(np.float32),
        normals=plan.pose(normals).astype(np.float32),
        labels=np.array(plan.parts, np.int16)[chosen],
        category=plan.category,
    )


def checked_integer(name: str, value: object, least: int) -> None:
    """Refuse what is not an integer of at least ``least``.

    Raises:
        InputError: With the value.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InputError(f"{name} must be an integer of at least {least}, got {value!r}")
