"""Round things: mugs, lamps, rockets and caps."""

import math

import numpy as np

from segcert_scenes.randomness import Dice
from segcert_scenes.shapes.surfaces import (
    FRONT,
    Cone,
    Ring,
    Surface,
    Triangles,
    Vector,
    Zone,
    prism,
    quad,
    turned,
)

Piece = tuple[Surface, int]  # a surface and the number of its part within the category
CURVES = 24  # straight pieces of the edge of a peak


def rod(base: Vector, radius: float, height: float, part: int, *, top: float = -1) -> list[Piece]:
    """Make an upright closed cylinder, or a cone cut off at the radius ``top``."""
    upper = radius if top < 0 else top
    end = (base[0], base[1] + height, base[2])
    sides: list[Piece] = [
        (Cone(base, radius, upper, height), part),
        (Cone(base, radius, 0, 0, inward=True), part),
    ]
    return sides + ([(Cone(end, upper, 0, 0), part)] if upper > 0 else [])


def mug(dice: Dice) -> list[Piece]:
    """Make a mug: 0 handle, 1 body."""
    low, height = dice.uniform(0.38, 0.5), dice.uniform(0.9, 1.4)
    high = low * dice.uniform(0.95, 1.15)
    wall, foot = dice.uniform(0.03, 0.06), -height / 2
    base, floor, rim = (0.0, foot, 0.0), (0.0, foot + wall, 0.0), (0.0, foot + height, 0.0)
    body: list[Surface] = [
        Cone(base, low, high, height),
        Cone(base, low, 0, 0, inward=True),
        Cone(floor, low - wall, high - wall, height - wall, inward=True),
        Cone(floor, low - wall, 0, 0),
        Cone(rim, high, high - wall, 0),
    ]
    tube = dice.uniform(0.05, 0.08)
    ring = height * dice.uniform(0.26, 0.36)
    past = math.radians(94)  # the ends lie in the wall
    middle = ((low + high) / 2 - wall / 2, dice.uniform(-0.05, 0.08) * height, 0.0)
    handle = Ring(middle, ring, tube, FRONT, arc=(-past, past))
    return [(handle, 0), *((one, 1) for one in body)]


def lamp(dice: Dice) -> list[Piece]:
    """Make a standing lamp: 0 base, 1 shade, 2 bulb, 3 pole."""
    foot, thick = dice.uniform(0.25, 0.45), dice.uniform(0.05, 0.1)
    pole, tall = dice.uniform(0.025, 0.05), dice.uniform(0.9, 1.3)
    wide, high = dice.uniform(0.35, 0.6), dice.uniform(0.35, 0.55)
    narrow, wall = wide * dice.uniform(0.45, 0.95), 0.015
    bulb = dice.uniform(0.09, 0.13)
    ground = -0.9
    top = ground + thick + tall
    shade = (0.0, top - dice.uniform(0.05, 0.3) * high, 0.0)
    rims = [(shade, wide, True), ((0.0, shade[1] + high, 0.0), narrow, False)]
    return [
        *rod((0, ground, 0), foot, thick, 0, top=foot * dice.uniform(0.7, 1)),
        (Cone(shade, wide, narrow, high), 1),
        (Cone(shade, wide - wall, narrow - wall, high, inward=True), 1),
        *((Cone(at, edge, edge - wall, 0, inward=down), 1) for at, edge, down in rims),
        (Zone((0, top + 0.9 * bulb, 0), bulb, -0.9, 1), 2),
        (Cone((0, ground + thick, 0), pole, pole, tall), 3),
    ]


def rocket(dice: Dice) -> list[Piece]:
    """Make a rocket: 0 body, 1 fins, 2 nose."""
    radius, length = dice.uniform(0.14, 0.24), dice.uniform(1.0, 1.4)
    tip, ground = dice.uniform(0.3, 0.6), -0.9
    end = (0.0, ground + length, 0.0)
    slim = radius * dice.uniform(0.75, 1)
    pieces = rod((0, ground, 0), radius, length, 0, top=slim)[:2]
    if dice.chance(0.5):
        pieces.append((Cone(end, slim, 0, tip), 2))
    else:
        pieces += [(Cone(end, slim, slim / 2, tip / 2), 2)]
        high = (0.0, end[1] + tip / 2, 0.0)
        pieces += [(Cone(high, slim / 2, 0, tip / 3), 2)]
    reach, root = dice.uniform(0.2, 0.4), dice.uniform(0.3, 0.55)
    sweep, thick = dice.uniform(-0.15, 0.05), dice.uniform(0.02, 0.035)
    inner = 0.97 * slim  # inside the body at every height
    outline = [
        (inner, ground + 0.02), (radius + reach, ground + sweep),
        (radius + reach, ground + sweep + root / 3), (inner, ground + root),
    ]  # fmt: skip
    fin = prism(outline, -thick / 2, thick / 2, without=(3,))
    count = dice.integer(3, 4)
    fins: list[Piece] = [(turned(fin, math.tau * k / count), 1) for k in range(count)]
    return pieces + fins


def cap(dice: Dice) -> list[Piece]:
    """Make a cap: 0 crown, 1 peak, in front (+x) or, for one in five, all around."""
    radius, wall = dice.uniform(0.55, 0.7), 0.02
    low = dice.uniform(-0.15, 0.35)
    centre = (-0.2, -0.1 - low * radius, 0.0)
    edge = math.sqrt(1 - low**2) * radius
    inner = math.sqrt((radius - wall) ** 2 - (low * radius) ** 2)
    rim = (centre[0], centre[1] + low * radius, 0.0)
    crown: list[Surface] = [
        Zone(centre, radius, low),
        Zone(centre, radius - wall, low * radius / (radius - wall), inward=True),
        Cone(rim, edge, inner, 0, inward=True),
    ]
    drop, length = dice.uniform(0.02, 0.2), dice.uniform(0.3, 0.5)
    if dice.chance(0.2):
        below = (rim[0], rim[1] - drop, 0.0)
        brim = Cone(below, edge + length, edge, drop)
        lower = (below[0], below[1] - wall, 0.0)
        peak: list[Surface] = [brim, Cone(lower, edge + length, edge, drop, inward=True)]
    else:
        peak = crescent(rim, edge, length, drop, wall, math.radians(dice.uniform(50, 80)))
    return [*((one, 0) for one in crown), *((one, 1) for one in peak)]


def crescent(
    rim: Vector, edge: float, length: float, drop: float, thick: float, half: float
) -> list[Surface]:
    """Make a flat tilted peak between the edge of the crown and a longer oval, both sides of it."""
    angle = np.linspace(-half, half, CURVES + 1)
    reach = length * np.cos(angle * (math.pi / 2) / half)
    reach[[0, -1]] = 0
    inner = np.stack([edge * np.cos(angle), np.zeros_like(angle), -edge * np.sin(angle)], 1)
    outer = inner + np.outer(reach, (1.0, -drop / length, 0.0))
    start = edge * math.cos(half)  # the plane goes down from here, through both edges
    for line in (inner, outer):
        line[:, 1] = -(line[:, 0] - start) * drop / (edge + length - start)
    above = [
        piece
        for k in range(CURVES)
        for piece in quad(inner[k], outer[k], outer[k + 1], inner[k + 1])
    ]
    kept = [p for p in above if np.linalg.norm(np.cross(p[1] - p[0], p[2] - p[0])) > 1e-9]
    upper = np.array(kept) + np.array(rim)
    lower = upper[:, ::-1] - np.array((0.0, thick, 0.0))
    return [Triangles(upper), Triangles(lower)]
