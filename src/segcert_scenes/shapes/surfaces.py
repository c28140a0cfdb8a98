"""Surfaces of which points are drawn uniformly by area: triangles, cones, spheres, rings.

A surface maps the unit square to itself so that equal areas of the square become equal areas of
the surface, and knows its outward unit normals. Lengths are in the units of the shape.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

Vector = tuple[float, float, float]
Samples = Float[np.ndarray, " n"]
Points = Float[np.ndarray, " n 3"]

UP: Vector = (0.0, 1.0, 0.0)
RIGHT: Vector = (1.0, 0.0, 0.0)
FRONT: Vector = (0.0, 0.0, 1.0)
ROUND = (-math.pi, math.pi)
NEWTON_STEPS = 8


@dataclass(frozen=True)
class Triangles:
    """Flat pieces; the corners run counter-clockwise as seen from outside, all areas positive."""

    corners: Float[np.ndarray, " m 3 3"]

    def crosses(self) -> Float[np.ndarray, " m 3"]:
        """Return the normals, of twice the area of their triangles."""
        a, b, c = np.moveaxis(self.corners, 1, 0)
        return np.asarray(np.cross(b - a, c - a))

    @property
    def area(self) -> float:
        """Area."""
        return float(np.linalg.norm(self.crosses(), axis=1).sum() / 2)

    def at(self, u: Samples, v: Samples) -> tuple[Points, Points]:
        """Map the unit square to points and normals.

        Source:
            Osada et al. (2002), ACM Trans. Graphics 21(4):807-832, equation 1.
        """
        normals = self.crosses()
        ends = np.cumsum(np.linalg.norm(normals, axis=1))
        chosen = np.minimum(np.searchsorted(ends, u * ends[-1], side="right"), len(ends) - 1)
        starts = np.concatenate([[0.0], ends])
        left = (u * ends[-1] - starts[chosen]) / (ends[chosen] - starts[chosen])
        root = np.sqrt(np.clip(left, 0, 1))[:, None]
        a, b, c = np.moveaxis(self.corners[chosen], 1, 0)
        across = v[:, None]
        points = (1 - root) * a + root * (1 - across) * b + root * across * c
        units = normals / np.linalg.norm(normals, axis=1, keepdims=True)
        return points, units[chosen]


@dataclass(frozen=True)
class Cone:
    """The side of a cone, cut off or not: also cylinders (equal radii), discs and rings (height 0).

    Normals point away from the axis, those of a disc along it if ``bottom`` > ``top``.

    Args:
        centre: Of the bottom.
        bottom: Radius there.
        top: Radius at the other end; not both are 0.
        height: From bottom to top, along the axis.
        axis: Unit vector.
        start: Unit vector at right angles to it, where the angle is 0.
        arc: Range of angles, radians.
        inward: Turn the normals around.
    """

    centre: Vector
    bottom: float
    top: float
    height: float
    axis: Vector = UP
    start: Vector = RIGHT
    arc: tuple[float, float] = ROUND
    inward: bool = False

    @property
    def area(self) -> float:
        """Area."""
        slant = math.hypot(self.height, self.bottom - self.top)
        return (self.arc[1] - self.arc[0]) * (self.bottom + self.top) / 2 * slant

    def at(self, u: Samples, v: Samples) -> tuple[Points, Points]:
        """Map the unit square to points and normals: the square of the radius is uniform in u."""
        radius = np.sqrt(self.bottom**2 + u * (self.top**2 - self.bottom**2))
        share = u * (self.bottom + self.top) / np.maximum(self.bottom + radius, 1e-300)
        angle = self.arc[0] + v * (self.arc[1] - self.arc[0])
        across, along = self.height, self.bottom - self.top
        scale = (-1 if self.inward else 1) / math.hypot(across, along)
        frame = frame_of(self.axis, self.start)
        points = polar(radius, angle, self.height * share) @ frame + self.centre
        tilt = np.full_like(u, scale * along)
        return points, polar(np.full_like(u, scale * across), angle, tilt) @ frame


@dataclass(frozen=True)
class Zone:
    """The part of a sphere between two planes across its axis; normals point outward.

    Args:
        centre: Of the sphere.
        radius: Of the sphere.
        low: Lower plane, in [-1, 1] radii from the centre.
        high: Upper plane.
        axis: Unit vector.
        start: Unit vector at right angles to it.
        inward: Turn the normals around.
    """

    centre: Vector
    radius: float
    low: float = -1.0
    high: float = 1.0
    axis: Vector = UP
    start: Vector = RIGHT
    inward: bool = False

    @property
    def area(self) -> float:
        """Area."""
        return 2 * math.pi * self.radius**2 * (self.high - self.low)

    def at(self, u: Samples, v: Samples) -> tuple[Points, Points]:
        """Map the unit square to points and normals: the height is uniform (Archimedes)."""
        height = self.low + u * (self.high - self.low)
        angle = ROUND[0] + v * (ROUND[1] - ROUND[0])
        flat = np.sqrt(np.clip(1 - height**2, 0, None))
        normals = polar(flat, angle, height) @ frame_of(self.axis, self.start)
        return self.radius * normals + self.centre, -normals if self.inward else normals


@dataclass(frozen=True)
class Ring:
    """An arc of a torus.

    Args:
        centre: Of the ring.
        radius: From the centre to the middle of the tube.
        tube: Radius of the tube, smaller.
        axis: Unit vector across the ring.
        start: Unit vector at right angles to it, where the angle is 0.
        arc: Range of angles, radians.
    """

    centre: Vector
    radius: float
    tube: float
    axis: Vector = FRONT
    start: Vector = RIGHT
    arc: tuple[float, float] = ROUND

    @property
    def area(self) -> float:
        """Area."""
        return (self.arc[1] - self.arc[0]) * self.radius * 2 * math.pi * self.tube

    def at(self, u: Samples, v: Samples) -> tuple[Points, Points]:
        """Map the unit square to points and normals.

        The outer side of the tube has more area: its angle t solves t + (tube / radius) sin t =
        2 pi u, which Newton's steps do.
        """
        ratio, target = self.tube / self.radius, math.pi * (2 * u - 1)
        round_tube = target / (1 + ratio)
        for _ in range(NEWTON_STEPS):
            error = round_tube + ratio * np.sin(round_tube) - target
            round_tube = round_tube - error / (1 + ratio * np.cos(round_tube))
        angle = self.arc[0] + v * (self.arc[1] - self.arc[0])
        out, side = np.cos(round_tube), np.sin(round_tube)
        frame = frame_of(self.axis, self.start)
        points = polar(self.radius + self.tube * out, angle, self.tube * side) @ frame
        return points + self.centre, polar(out, angle, side) @ frame


Surface = Triangles | Cone | Zone | Ring


def polar(radius: Samples, angle: Samples, height: Samples) -> Points:
    """Turn cylindrical coordinates into columns: along the start, across it, along the axis."""
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), height], 1)


def frame_of(axis: Vector, start: Vector) -> Float[np.ndarray, " 3 3"]:
    """Return the rows start, axis x start, axis: the frame in which angles are counted."""
    return np.stack([start, np.cross(axis, start), axis])


def prism(
    outline: list[tuple[float, float]],
    near: float,
    far: float,
    *,
    without: tuple[int, ...] = (),
    ends: bool = True,
) -> Triangles:
    """Extrude a convex outline in x and y along z.

    Args:
        outline: Corners, counter-clockwise.
        near: Smaller z.
        far: Larger z.
        without: Sides to leave out; side i runs from corner i to the next one.
        ends: Whether the two ends are closed.
    """
    flat = np.array(outline, np.float64)
    back, front = (np.column_stack([flat, np.full(len(flat), z)]) for z in (near, far))
    corners = []
    for side in range(len(flat)):
        if side not in without:
            after = (side + 1) % len(flat)
            corners += quad(back[side], back[after], front[after], front[side])
    for one in range(1, len(flat) - 1) if ends else ():
        corners.append([front[0], front[one], front[one + 1]])
        corners.append([back[0], back[one + 1], back[one]])
    return Triangles(np.array(corners))


def quad(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> list[list[np.ndarray]]:
    """Split a flat four-sided piece, counter-clockwise from outside, into two triangles."""
    return [[a, b, c], [a, c, d]]


def box(low: Vector, high: Vector, *, without: str = "") -> Triangles:
    """Make a box along the axes.

    Args:
        low: Corner with the smallest coordinates.
        high: Corner with the largest.
        without: Sides to leave out: "b" bottom, "r" right, "t" top, "l" left, "e" both ends in z.
    """
    outline = [(low[0], low[1]), (high[0], low[1]), (high[0], high[1]), (low[0], high[1])]
    sides = tuple("brtl".index(side) for side in without if side != "e")
    return prism(outline, low[2], high[2], without=sides, ends="e" not in without)


def turned(flat: Triangles, angle: float) -> Triangles:
    """Turn triangles about the y axis, in radians."""
    return Triangles(flat.corners @ turn(angle).T)


def turn(angle: float) -> Float[np.ndarray, " 3 3"]:
    """Return the rotation about the y axis by an angle, in radians."""
    cos, sin = math.cos(angle), math.sin(angle)
    return np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])
