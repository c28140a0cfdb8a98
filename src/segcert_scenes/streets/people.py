"""Pedestrians and bicyclists, built from round limbs."""

import math
from dataclasses import dataclass
from itertools import pairwise

from segcert_scenes.randomness import Dice
from segcert_scenes.streets.camera import Point, exact
from segcert_scenes.streets.canvas import Canvas
from segcert_scenes.streets.light import Colour, scaled, srgb, times, varied

PEDESTRIAN, BICYCLIST = 9, 10
SKINS = (srgb(224, 176, 148), srgb(198, 144, 112), srgb(140, 96, 70), srgb(96, 66, 50))
HAIRS = (
    srgb(40, 30, 26),
    srgb(96, 64, 38),
    srgb(176, 140, 86),
    srgb(120, 118, 116),
    srgb(22, 22, 24),
)
TOPS = (
    srgb(170, 40, 44), srgb(40, 66, 120), srgb(50, 52, 58), srgb(214, 210, 202), srgb(60, 100, 70),
    srgb(196, 150, 60), srgb(120, 80, 120), srgb(90, 130, 170), srgb(150, 120, 90),
    srgb(220, 120, 60),
)  # fmt: skip
TROUSERS = (
    srgb(46, 56, 84),
    srgb(36, 36, 40),
    srgb(110, 100, 84),
    srgb(80, 84, 92),
    srgb(66, 82, 112),
)


class _Body:
    """Coordinates of a person: x to the right, y up, z ahead."""

    def __init__(
        self, canvas: Canvas, foot: Point, heading: float, size: float, label: int
    ) -> None:
        self.canvas, self.foot, self.size, self.label = canvas, foot, size, label
        self.sin, self.cos = exact(math.sin(heading)), exact(math.cos(heading))
        self.depth = max(1.0, canvas.camera.view(foot)[2])
        self.limbs: list[tuple[float, Point, Point, tuple[float, float], Colour]] = []

    def world(self, p: Point) -> Point:
        x, y, z = p[0] * self.size, p[1] * self.size, p[2] * self.size
        f = self.foot
        return f[0] + x * self.cos + z * self.sin, y + f[1], f[2] - x * self.sin + z * self.cos

    def add(self, a: Point, b: Point, radii: tuple[float, float], paint: Colour) -> None:
        """Plan a limb."""
        start, stop = self.world(a), self.world(b)
        light = self.canvas.light
        sun = light.sun
        lit = light.on((sun[0] * 0.5, 0.25, sun[2] * 0.5 - 0.4))
        colour = light.through_air(times(paint, lit), self.depth)
        near = self.canvas.camera.view(start)[2] + self.canvas.camera.view(stop)[2]
        scaled_radii = (radii[0] * self.size, radii[1] * self.size)
        self.limbs.append((near, start, stop, scaled_radii, colour))

    def paint(self) -> None:
        """Paint the limbs from far to near."""
        for _, a, b, radii, colour in sorted(self.limbs, key=lambda limb: -limb[0]):
            self.canvas.limb(a, b, radii, colour, self.label)


@dataclass(frozen=True)
class _Clothes:
    skin: Colour
    hair: Colour
    top: Colour
    legs: Colour
    shoes: Colour


def _dress(dice: Dice) -> _Clothes:
    return _Clothes(
        skin=varied(dice, dice.pick(SKINS), 0.1),
        hair=varied(dice, dice.pick(HAIRS), 0.2),
        top=varied(dice, dice.pick(TOPS), 0.25),
        legs=varied(dice, dice.pick(TROUSERS), 0.25),
        shoes=dice.pick((srgb(40, 36, 34), srgb(210, 208, 204), srgb(92, 62, 44))),
    )


def paint_pedestrian(canvas: Canvas, foot: Point, heading: float, dice: Dice) -> None:
    """Paint a walking or standing person, about 1.7 m tall."""
    body = _Body(canvas, foot, heading, dice.uniform(0.88, 1.1), PEDESTRIAN)
    clothes = _dress(dice)
    stride = dice.uniform(0.0, 0.32) * dice.pick((-1, 1))
    for side in (-1, 1):
        step = side * stride
        hip, knee = (side * 0.09, 0.88, 0.0), (side * 0.09, 0.48, step * 0.55 + 0.03)
        ankle = (side * 0.09, 0.08, step - 0.02)
        body.add(hip, knee, (0.095, 0.07), clothes.legs)
        body.add(knee, ankle, (0.068, 0.048), clothes.legs)
        body.add(
            (ankle[0], 0.045, ankle[2] - 0.03),
            (ankle[0], 0.04, ankle[2] + 0.16),
            (0.048, 0.04),
            clothes.shoes,
        )
        shoulder = (side * 0.2, 1.4, 0.0)
        elbow = (side * 0.25, 1.13, -step * 0.4 + 0.0)
        hand = (side * 0.24, 0.9, -step * 0.75 + 0.08)
        body.add(shoulder, elbow, (0.062, 0.05), scaled(clothes.top, 0.9))
        body.add(elbow, hand, (0.05, 0.038), scaled(clothes.top, 0.85))
        body.add(hand, (hand[0], hand[1] - 0.07, hand[2]), (0.04, 0.036), clothes.skin)
    skirt = 0.14 if dice.chance(0.3) else 0.0
    for aside in (-0.07, 0.07):
        body.add(
            (aside, 1.36, 0.0),
            (aside, 0.92 - 2 * skirt, 0.0),
            (0.15, 0.125 + skirt / 3),
            clothes.top,
        )
    if dice.chance(0.4):
        body.add(
            (0.0, 1.36, -0.17), (0.0, 1.08, -0.19), (0.12, 0.14), varied(dice, dice.pick(TOPS), 0.2)
        )
    _head(body, clothes, (0.0, 1.56, 0.02), dice)
    body.paint()


def _head(body: _Body, clothes: _Clothes, at: Point, dice: Dice) -> None:
    x, y, z = at
    body.add((x, y - 0.14, z - 0.02), (x, y - 0.06, z), (0.06, 0.055), clothes.skin)
    body.add((x, y - 0.03, z + 0.02), (x, y + 0.05, z), (0.088, 0.1), clothes.skin)
    body.add(
        (x, y + 0.08, z),
        (x, y + (-0.08 if dice.chance(0.4) else 0.02), z - 0.05),
        (0.107, 0.1),
        clothes.hair,
    )


def paint_bicyclist(canvas: Canvas, foot: Point, heading: float, dice: Dice) -> None:
    """Paint a person riding a bicycle; the label covers the wheels with their spokes."""
    body = _Body(canvas, foot, heading, dice.uniform(0.95, 1.08), BICYCLIST)
    clothes = _dress(dice)
    frame = varied(dice, dice.pick(TOPS), 0.3)
    _bicycle(body, frame)
    crank = dice.uniform(0, 2 * math.pi)
    hips, shoulders = (0.0, 0.98, -0.2), (0.0, 1.42, dice.uniform(0.08, 0.3))
    for side in (-1, 1):
        angle = crank + (math.pi if side > 0 else 0.0)
        pedal = (
            side * 0.12,
            0.28 + 0.16 * exact(math.sin(angle)),
            0.04 + 0.16 * exact(math.cos(angle)),
        )
        knee = (side * 0.11, (0.98 + pedal[1]) / 2 + 0.1, (pedal[2] - 0.2) / 2 + 0.3)
        body.add((side * 0.09, hips[1], hips[2]), knee, (0.1, 0.072), clothes.legs)
        body.add(knee, (pedal[0], pedal[1] + 0.06, pedal[2] - 0.04), (0.07, 0.048), clothes.legs)
        body.add(
            (pedal[0], pedal[1], pedal[2] - 0.05),
            (pedal[0], pedal[1], pedal[2] + 0.13),
            (0.045, 0.04),
            clothes.shoes,
        )
        arm = (side * 0.2, shoulders[1] - 0.03, shoulders[2])
        elbow = (side * 0.27, 1.2, shoulders[2] + 0.12)
        grip = (side * 0.24, 1.04, 0.46)
        body.add(arm, elbow, (0.062, 0.05), scaled(clothes.top, 0.9))
        body.add(
            elbow,
            grip,
            (0.048, 0.036),
            clothes.skin if dice.chance(0.4) else scaled(clothes.top, 0.85),
        )
        body.add(
            (side * 0.07, hips[1] + 0.02, hips[2]),
            (side * 0.08, shoulders[1] - 0.06, shoulders[2] - 0.03),
            (0.125, 0.14),
            clothes.top,
        )
    helmet = dice.pick((clothes.hair, srgb(220, 220, 215), srgb(190, 40, 40), srgb(40, 60, 130)))
    head = _Clothes(clothes.skin, helmet, clothes.top, clothes.legs, clothes.shoes)
    _head(body, head, (0.0, shoulders[1] + 0.2, shoulders[2] + 0.06), dice)
    body.paint()


def _bicycle(body: _Body, frame: Colour) -> None:
    """Plan the frame, and paint the wheels at once."""
    rear, front, bracket = (0.0, 0.34, -0.52), (0.0, 0.34, 0.54), (0.0, 0.3, 0.02)
    seat, steer = (0.0, 0.9, -0.22), (0.0, 0.86, 0.38)
    for a, b in (
        (rear, bracket),
        (rear, seat),
        (bracket, seat),
        (bracket, steer),
        (seat, steer),
        (steer, front),
    ):
        body.add(a, b, (0.022, 0.022), frame)
    body.add((-0.25, 1.03, 0.44), (0.25, 1.03, 0.44), (0.018, 0.018), (0.02, 0.02, 0.02))
    body.add((0.0, 0.86, 0.38), (0.0, 1.03, 0.42), (0.02, 0.02), (0.05, 0.05, 0.05))
    body.add((0.0, 0.94, -0.33), (0.0, 0.94, -0.1), (0.06, 0.03), (0.02, 0.02, 0.02))
    for hub in (rear, front):
        rim = [
            (
                0.0,
                hub[1] + 0.33 * exact(math.sin(math.pi * k / 8)),
                hub[2] + 0.33 * exact(math.cos(math.pi * k / 8)),
            )
            for k in range(17)
        ]
        body.canvas.veil([body.world(p) for p in rim[:16]], body.label)
        for a, b in pairwise(rim):
            body.add(a, b, (0.026, 0.026), (0.012, 0.012, 0.012))
