"""Things of boxes and rods: tables, chairs, cars and knives."""

from segcert_scenes.randomness import Dice
from segcert_scenes.shapes.surfaces import FRONT, RIGHT, Cone, Triangles, Vector, box, prism
from segcert_scenes.shapes.vessels import Piece, rod


def four_legs(dice: Dice, half: Vector, ground: float, part: int) -> list[Piece]:
    """Make four upright legs, square or round, inside the corners of a plate at height half[1]."""
    thick, square = dice.uniform(0.04, 0.08), dice.chance(0.5)
    inset = thick / 2 + dice.uniform(0, 0.06)
    pieces: list[Piece] = []
    for x in (inset - half[0], half[0] - inset):
        for z in (inset - half[2], half[2] - inset):
            low, high = (
                (x - thick / 2, ground, z - thick / 2),
                (x + thick / 2, half[1], z + thick / 2),
            )
            if square:
                pieces.append((box(low, high, without="t"), part))
            else:
                pieces += rod((x, ground, z), thick / 2, half[1] - ground, part)[:2]
    return pieces


def table(dice: Dice) -> list[Piece]:
    """Make a table: 0 top, 1 legs, 2 shelf (of some)."""
    wide, deep = dice.uniform(0.6, 0.85), dice.uniform(0.4, 0.65)
    thick, ground, under = dice.uniform(0.04, 0.1), -0.5, dice.uniform(0.0, 0.35)
    if dice.chance(0.3):
        radius, column, foot = deep + 0.1, dice.uniform(0.05, 0.1), dice.uniform(0.25, 0.4)
        legs = rod((0, ground, 0), foot, 0.05, 1)
        legs.append((Cone((0, ground + 0.05, 0), column, column, under - ground - 0.05), 1))
        return [*rod((0, under, 0), radius, thick, 0), *legs]
    top = box((-wide, under, -deep), (wide, under + thick, deep))
    pieces: list[Piece] = [(top, 0), *four_legs(dice, (wide, under, deep), ground, 1)]
    if dice.chance(0.5):
        at = ground + dice.uniform(0.2, 0.45) * (under - ground)
        in_x, in_z = 0.75 * wide, 0.75 * deep
        pieces.append((box((-in_x, at, -in_z), (in_x, at + 0.04, in_z)), 2))
    return pieces


def chair(dice: Dice) -> list[Piece]:
    """Make a chair that looks to +x: 0 back, 1 seat, 2 legs, 3 arms (of some)."""
    wide, deep = dice.uniform(0.35, 0.48), dice.uniform(0.35, 0.48)
    thick, seat, ground = dice.uniform(0.05, 0.1), dice.uniform(-0.2, 0.0), -0.85
    plate, tall = dice.uniform(0.04, 0.08), dice.uniform(0.6, 0.9)
    above = seat + thick
    pieces: list[Piece] = [(box((-deep, seat, -wide), (deep, above, wide)), 1)]
    lean = dice.uniform(0, 0.2)
    outline = [
        (-deep, above), (plate - deep, above),
        (plate - deep - lean, above + tall), (-deep - lean, above + tall),
    ]  # fmt: skip
    narrow = wide * dice.uniform(0.8, 1)
    pieces.append((prism(outline, -narrow, narrow, without=(0,)), 0))
    pieces += four_legs(dice, (deep, seat, wide), ground, 2)
    if dice.chance(0.5):
        high, bar = above + dice.uniform(0.22, 0.32), dice.uniform(0.05, 0.08)
        for near in (-wide, wide - bar):
            rest = box((plate - deep, high, near), (0.8 * deep, high + bar, near + bar))
            post = box(
                (0.8 * deep - bar, above, near), (0.8 * deep, high, near + bar), without="bt"
            )
            pieces += [(rest, 3), (post, 3)]
    return pieces


def car(dice: Dice) -> list[Piece]:
    """Make a car that drives to +x: 0 roof, 1 hood, 2 wheels, 3 body."""
    long, half = dice.uniform(0.75, 0.95), dice.uniform(0.3, 0.4)
    low, belt = -0.2, dice.uniform(0.02, 0.12)
    nose, boot = dice.uniform(0.3, 0.42) * long, dice.uniform(0.0, 0.35) * long
    front, back = long - nose, boot - long  # of the cabin
    tall, slope = dice.uniform(0.22, 0.32), dice.uniform(0.1, 0.25)
    rise = dice.uniform(0.04, 0.08)
    hood = [(front, belt), (long, belt), (long, belt + rise / 3), (front, belt + rise)]
    cabin = [(back, belt), (front, belt), (front - slope, belt + tall), (back + 0.1, belt + tall)]
    pieces: list[Piece] = [
        (prism(cabin, -0.9 * half, 0.9 * half, without=(0, 2)), 3),
        (plate(cabin[3][0], cabin[2][0], belt + tall, 0.9 * half), 0),
        (prism(hood, -half, half, without=(0, 3)), 1),
        (box((-long, low, -half), (long, belt, half), without="t"), 3),
    ]
    if boot > 0.01:
        pieces.append((plate(-long, back, belt, half), 3))
    wheel, tyre = dice.uniform(0.14, 0.19), dice.uniform(0.08, 0.12)
    for x in (-dice.uniform(0.55, 0.65) * long, dice.uniform(0.55, 0.65) * long):
        for side in (-1, 1):
            inner, outer = (x, low, side * (half - 0.01)), (x, low, side * (half + tyre))
            axis = (0.0, 0.0, float(side))
            pieces += [
                (Cone(inner, wheel, wheel, tyre + 0.01, axis, RIGHT), 2),
                (Cone(inner, wheel, 0, 0, axis, RIGHT, inward=True), 2),
                (Cone(outer, wheel, 0, 0, axis, RIGHT), 2),
            ]
    return pieces


def plate(left: float, right: float, height: float, half: float) -> Triangles:
    """Make a level rectangle that is seen from above."""
    return box((left, height - 1, -half), (right, height, half), without="brle")


def knife(dice: Dice) -> list[Piece]:
    """Make a knife along x: 0 blade, 1 handle."""
    long, grip = dice.uniform(0.8, 1.1), dice.uniform(0.5, 0.75)
    broad, thin = dice.uniform(0.1, 0.2), dice.uniform(0.02, 0.035)
    start = (grip - long) / 2
    point, belly = dice.uniform(-0.4, 0.9) * broad, dice.uniform(0.55, 0.85) * long
    outline = [
        (start, -broad), (start + belly, -broad), (start + long, point), (start, broad),
    ]  # fmt: skip
    blade = prism(outline, -thin / 2, thin / 2, without=(3,))
    if dice.chance(0.5):
        radius = dice.uniform(0.06, 0.1)
        ends = ((start - grip, 0.0, 0.0), (start, 0.0, 0.0))
        handle: list[Piece] = [
            (Cone(ends[0], radius, radius, grip, RIGHT, FRONT), 1),
            (Cone(ends[0], radius, 0, 0, RIGHT, FRONT, inward=True), 1),
            (Cone(ends[1], radius, 0, 0, RIGHT, FRONT), 1),
        ]
    else:
        high, deep = dice.uniform(0.07, 0.12), dice.uniform(0.03, 0.05)
        handle = [(box((start - grip, -high, -deep), (start, high, deep)), 1)]
    return [(blade, 0), *handle]
