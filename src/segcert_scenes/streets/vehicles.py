"""Cars, vans and buses as small solids."""

import math
from dataclasses import dataclass
from itertools import pairwise

from segcert_scenes.randomness import Dice
from segcert_scenes.streets.camera import Point, exact
from segcert_scenes.streets.canvas import Canvas
from segcert_scenes.streets.light import Colour, mixed, scaled, srgb, times, varied

CAR = 8
PAINTS = (
    srgb(190, 192, 196), srgb(222, 222, 220), srgb(42, 44, 50), srgb(96, 100, 106),
    srgb(150, 26, 30), srgb(34, 62, 120), srgb(150, 156, 160), srgb(24, 70, 62),
    srgb(200, 196, 180), srgb(190, 150, 40),
    srgb(90, 130, 170), srgb(120, 60, 40),
)  # fmt: skip


@dataclass(frozen=True)
class Build:
    """Shape of a vehicle, in metres; z runs from the tail to the nose, from the middle."""

    length: float
    half: float  # half the width
    belt: float  # height of the lower edge of the windows
    roof: float
    nose: float  # height of the front end
    tail: float  # height of the rear end
    cabin: tuple[float, float, float, float]  # z of rear base, rear roof, front roof, front base
    wheel: float
    panes: int  # windows on a side


BUILDS = (
    Build(4.1, 0.86, 0.93, 1.46, 0.78, 0.9, (-1.95, -1.55, 0.35, 1.1), 0.31, 2),  # hatchback
    Build(4.6, 0.88, 0.92, 1.43, 0.76, 0.93, (-1.75, -1.05, 0.45, 1.2), 0.32, 2),  # saloon
    Build(4.7, 0.9, 0.95, 1.5, 0.78, 0.95, (-2.25, -1.95, 0.4, 1.2), 0.32, 3),  # estate
    Build(4.5, 0.93, 1.08, 1.72, 0.98, 1.05, (-2.15, -1.85, 0.5, 1.15), 0.37, 2),  # off-roader
    Build(5.2, 0.98, 1.2, 2.15, 1.05, 1.2, (-2.58, -2.52, 1.2, 1.85), 0.35, 0),  # van
    Build(3.6, 0.8, 0.9, 1.5, 0.82, 0.9, (-1.75, -1.55, 0.45, 1.15), 0.29, 2),  # small car
    Build(10.5, 1.25, 1.25, 3.0, 1.2, 1.25, (-5.22, -5.2, 5.05, 5.2), 0.48, 6),  # bus
)


class _Model:
    """A vehicle put on the street: maps its own coordinates to the world."""

    def __init__(self, canvas: Canvas, foot: Point, heading: float) -> None:
        self.canvas = canvas
        self.foot = foot
        self.sin, self.cos = exact(math.sin(heading)), exact(math.cos(heading))
        view = canvas.camera.view(foot)
        self.depth = max(1.0, view[2])

    def world(self, x: float, y: float, z: float) -> Point:
        f = self.foot
        return f[0] + x * self.cos + z * self.sin, y + f[1], f[2] - x * self.sin + z * self.cos

    def turned(self, n: Point) -> Point:
        return n[0] * self.cos + n[2] * self.sin, n[1], -n[0] * self.sin + n[2] * self.cos

    def visible(self, local: list[Point]) -> Point | None:
        """Return the unit normal away from the middle, in the world; None if seen from behind."""
        a, b, c = local[0], local[1], local[2]
        p = (b[0] - a[0], b[1] - a[1], b[2] - a[2])
        q = (c[0] - a[0], c[1] - a[1], c[2] - a[2])
        n = (p[1] * q[2] - p[2] * q[1], p[2] * q[0] - p[0] * q[2], p[0] * q[1] - p[1] * q[0])
        size = math.sqrt(n[0] ** 2 + n[1] ** 2 + n[2] ** 2) or 1.0
        outward = n[0] * a[0] + n[1] * (a[1] - 0.5) + n[2] * a[2] * 0.3
        sign = (1 if outward > 0 else -1) / size
        normal = self.turned((n[0] * sign, n[1] * sign, n[2] * sign))
        spot, eye = self.world(*a), self.canvas.camera.position
        seen = sum(m * (e - s) for m, e, s in zip(normal, eye, spot, strict=True))
        return normal if seen > 0 else None

    def panel(self, local: list[Point], paint: Colour, gloss: float = 0.0) -> bool:
        """Paint a flat panel; returns whether it can be seen."""
        normal = self.visible(local)
        if normal is None:
            return False
        self.flat(local, self.tone(paint, normal, gloss))
        return True

    def tone(self, paint: Colour, normal: Point, gloss: float) -> Colour:
        light = self.canvas.light
        lit = times(paint, light.on(normal))
        mirrored = mixed((0.03, 0.03, 0.03), light.zenith, max(0.0, min(1.0, 0.35 + normal[1])))
        return light.through_air(mixed(lit, mirrored, gloss), self.depth)

    def flat(self, local: list[Point], colour: Colour) -> None:
        self.canvas.face([self.world(*p) for p in local], colour, CAR)


def paint_vehicle(canvas: Canvas, foot: Point, heading: float, build: Build, dice: Dice) -> None:
    """Paint a vehicle; ``heading`` is 0 when it drives away, in radians to the right."""
    model = _Model(canvas, foot, heading)
    paint = varied(dice, dice.pick(PAINTS), 0.15)
    _underside(model, build)
    _body(model, build, paint)
    _wheels(model, build, dice)
    _lamps(model, build, dice)
    _cabin(model, build, paint)


def _underside(model: _Model, b: Build) -> None:
    dark = model.canvas.light.through_air((0.006, 0.006, 0.007), model.depth)
    x, z = b.half * 0.86, b.length / 2 * 0.92
    for face in (
        [(-x, 0.06, z), (x, 0.06, z), (x, 0.4, z), (-x, 0.4, z)],
        [(-x, 0.06, -z), (x, 0.06, -z), (x, 0.4, -z), (-x, 0.4, -z)],
        [(-x, 0.06, -z), (-x, 0.06, z), (-x, 0.4, z), (-x, 0.4, -z)],
        [(x, 0.06, -z), (x, 0.06, z), (x, 0.4, z), (x, 0.4, -z)],
    ):
        model.flat(face, dark)
    for side in (-1, 1):
        for end in (-1, 1):
            inner, outer, at = side * b.half * 0.6, side * b.half * 0.97, end * b.length * 0.31
            model.flat(
                [(inner, 0, at - end * 0.2), (outer, 0, at), (outer, 0.4, at), (inner, 0.4, at)],
                dark,
            )


def _body(model: _Model, b: Build, paint: Colour) -> None:
    half = b.length / 2
    low = 0.24 + b.wheel * 0.1
    waist = low + (b.belt - low) * 0.55
    rows = [
        (-half, b.half * 0.86, b.tail),
        (-half + 0.28, b.half, (b.tail + b.belt) / 2),
        (b.cabin[3], b.half, b.belt),
        (half - 0.35, b.half * 0.97, b.nose + 0.06),
        (half, b.half * 0.78, b.nose),
    ]
    for (z0, w0, t0), (z1, w1, t1) in pairwise(rows):
        for side in (-1, 1):
            model.panel(
                [
                    (side * w0 * 0.95, low, z0), (side * w1 * 0.95, low, z1),
                    (side * w1, waist, z1), (side * w0, waist, z0),
                ],
                scaled(paint, 0.86), 0.05,
            )  # fmt: skip
            model.panel(
                [
                    (side * w0, waist, z0), (side * w1, waist, z1),
                    (side * w1 * 0.95, t1, z1), (side * w0 * 0.95, t0, z0),
                ],
                paint, 0.16,
            )  # fmt: skip
        model.panel(
            [(-w0 * 0.95, t0, z0), (w0 * 0.95, t0, z0), (w1 * 0.95, t1, z1), (-w1 * 0.95, t1, z1)],
            paint,
            0.25,
        )
    for z, w, top in (rows[0], rows[-1]):
        model.panel(
            [(-w * 0.95, low, z), (w * 0.95, low, z), (w, waist, z), (-w, waist, z)],
            scaled(paint, 0.8),
            0.05,
        )
        model.panel(
            [(-w, waist, z), (w, waist, z), (w * 0.95, top, z), (-w * 0.95, top, z)], paint, 0.1
        )


def _wheels(model: _Model, b: Build, dice: Dice) -> None:
    rim = dice.pick((srgb(150, 152, 156), srgb(90, 92, 96), srgb(180, 182, 186)))
    circle = [
        (exact(math.cos(2 * math.pi * k / 14)), exact(math.sin(2 * math.pi * k / 14)))
        for k in range(14)
    ]
    for side in (-1, 1):
        x = side * b.half * 1.0
        if model.visible([(x, 0.0, -1.0), (x, 0.0, 1.0), (x, 1.0, 0.0)]) is None:
            continue
        for end in (-1, 1):
            z = end * b.length * 0.31
            for radius, paint, out in (
                (b.wheel * 1.16, (0.008, 0.008, 0.009), 0.0),
                (b.wheel, (0.016, 0.016, 0.018), 0.01),
                (b.wheel * 0.64, rim, 0.012),
                (b.wheel * 0.2, scaled(rim, 0.4), 0.014),
            ):
                disc = [
                    (x + side * out, max(0.0, b.wheel + radius * s), z + radius * c)
                    for c, s in circle
                ]
                model.panel(disc, paint)


def _lamps(model: _Model, b: Build, dice: Dice) -> None:
    light = model.canvas.light
    half = b.length / 2 + 0.01
    low = 0.24 + b.wheel * 0.1
    braking = dice.chance(0.4)
    red = (0.95, 0.06, 0.04) if braking or light.dusk else (0.32, 0.02, 0.02)
    white = (1.5, 1.4, 1.15) if light.dusk > 0.3 else (0.72, 0.74, 0.76)
    for z, top, lamp in ((-half, b.tail, red), (half, b.nose, white)):
        w = b.half * (0.86 if z < 0 else 0.78)
        if model.visible([(-1, 0.2, z), (1, 0.2, z), (1, 1, z)]) is None:
            continue
        y1, y0 = top - 0.05, top - 0.22
        dark = model.tone((0.012, 0.012, 0.014), model.turned((0, 0, 1 if z > 0 else -1)), 0.1)
        model.flat(
            [
                (-w * 0.9, low, z),
                (w * 0.9, low, z),
                (w * 0.9, low + 0.14, z),
                (-w * 0.9, low + 0.14, z),
            ],
            dark,
        )
        if z > 0:
            model.flat(
                [
                    (-w * 0.5, y0 - 0.06, z),
                    (w * 0.5, y0 - 0.06, z),
                    (w * 0.55, y1, z),
                    (-w * 0.55, y1, z),
                ],
                dark,
            )
        for side in (-1, 1):
            a, c = side * w * 0.6, side * w * 0.96
            model.flat(
                [(a, y0, z), (c, y0, z), (c, y1, z), (a, y1, z)],
                light.through_air(lamp, model.depth),
            )
        plate = model.tone(
            (0.75, 0.72, 0.4) if z < 0 else (0.8, 0.8, 0.78),
            model.turned((0, 0, 1 if z > 0 else -1)),
            0,
        )
        y = low + 0.2
        model.flat([(-0.26, y, z), (0.26, y, z), (0.26, y + 0.11, z), (-0.26, y + 0.11, z)], plate)


def _cabin(model: _Model, b: Build, paint: Colour) -> None:
    z0, z1, z2, z3 = b.cabin
    w, v = b.half * 0.93, b.half * (0.76 if b.roof < 2 else 0.9)
    glass = (0.012, 0.014, 0.016)
    lower, upper = b.belt, b.roof
    for side in (-1, 1):
        base, top = side * w, side * v
        seen = model.panel(
            [(base, lower, z0), (base, lower, z3), (top, upper, z2), (top, upper, z1)], paint, 0.12
        )
        if not seen:
            continue
        spans = max(1, b.panes)
        for k in range(spans):
            low0, low1 = _cut(z0 + 0.12, z3 - 0.15, k, spans)
            high0, high1 = _cut(z1 + 0.06, z2 - 0.06, k, spans)
            if b.panes == 0:
                low0, high0 = z2 - 0.55, z2 - 0.5
            model.panel(
                [
                    (side * (w * 0.98 + v * 0.02), lower + 0.04, low0),
                    (side * (w * 0.98 + v * 0.02), lower + 0.04, low1),
                    (side * (v * 0.9 + w * 0.1), upper - 0.09, high1),
                    (side * (v * 0.9 + w * 0.1), upper - 0.09, high0),
                ],
                glass, 0.3,
            )  # fmt: skip
    ends = [(z3, z2), (z0, z1)]
    for base_z, top_z in ends:
        outline = [(-w, lower, base_z), (w, lower, base_z), (v, upper, top_z), (-v, upper, top_z)]
        if model.panel(outline, paint, 0.1) and (b.panes or base_z > 0):
            inner = [
                (
                    p[0] * 0.9,
                    p[1] + (0.05 if p[1] == lower else -0.07),
                    p[2] + (top_z - base_z) * (0.08 if p[1] == lower else -0.1),
                )
                for p in outline
            ]
            model.panel(inner, glass, 0.42)
    model.panel([(-v, upper, z1), (v, upper, z1), (v, upper, z2), (-v, upper, z2)], paint, 0.3)


def _cut(start: float, stop: float, k: int, parts: int) -> tuple[float, float]:
    """Return the k-th of equal parts, a little shorter."""
    step = (stop - start) / parts
    return start + k * step + 0.035, start + (k + 1) * step - 0.035
