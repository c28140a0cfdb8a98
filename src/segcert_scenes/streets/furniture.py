"""Lamp posts, signs, traffic lights and fences."""

import math

import numpy as np

from segcert_scenes.randomness import F32, Dice
from segcert_scenes.streets.camera import Point, exact
from segcert_scenes.streets.canvas import Canvas, Mask, Planes
from segcert_scenes.streets.light import Colour, mixed, srgb, times, varied

POLE, SIGN, FENCE = 2, 6, 7
METAL = (
    srgb(120, 124, 126),
    srgb(60, 70, 64),
    srgb(50, 52, 56),
    srgb(160, 162, 160),
    srgb(96, 92, 84),
)


def _post(canvas: Canvas, a: Point, b: Point, radii: tuple[float, float], paint: Colour) -> None:
    light = canvas.light
    depth = max(1.0, canvas.camera.view(a)[2])
    lit = light.on((light.sun[0] * 0.5, 0.1, light.sun[2] * 0.5 - 0.5))
    canvas.limb(a, b, radii, light.through_air(times(paint, lit), depth), POLE)


def paint_lamp(canvas: Canvas, foot: Point, reach: float, dice: Dice) -> None:
    """Paint a street lamp whose arm reaches ``reach`` metres to the right."""
    paint = varied(dice, dice.pick(METAL), 0.2)
    height = dice.uniform(5.0, 8.5)
    x, _, z = foot
    _post(canvas, foot, (x, 1.1, z), (0.13, 0.12), paint)
    _post(canvas, (x, 1.0, z), (x, height, z), (0.085, 0.06), paint)
    tip = (x + reach, height + 0.25, z)
    _post(canvas, (x, height - 0.05, z), tip, (0.05, 0.04), paint)
    _post(
        canvas,
        (tip[0] - reach * 0.05, tip[1], z),
        (tip[0] + reach * 0.28, tip[1], z),
        (0.11, 0.09),
        paint,
    )
    if canvas.light.dusk > 0.3:
        a, b = canvas.camera.view((tip[0] + reach * 0.15, tip[1] - 0.09, z)), canvas.camera.focal
        if a[2] > 1:
            spot = canvas.camera.pixel(a)
            canvas.bar((spot, spot), (0.1 * b / a[2], 0.1 * b / a[2]), (2.0, 1.6, 1.0), POLE)


def paint_wood_pole(canvas: Canvas, foot: Point, dice: Dice) -> None:
    """Paint a wooden pole with a cross bar."""
    paint = varied(dice, srgb(104, 86, 70), 0.2)
    x, _, z = foot
    height = dice.uniform(7, 9)
    _post(canvas, foot, (x, height, z), (0.14, 0.11), paint)
    _post(canvas, (x - 0.8, height - 0.5, z), (x + 0.8, height - 0.5, z), (0.06, 0.06), paint)


def paint_bollard(canvas: Canvas, foot: Point, dice: Dice) -> None:
    """Paint a short post."""
    paint = dice.pick((srgb(44, 46, 48), srgb(120, 122, 120), srgb(180, 60, 50)))
    _post(canvas, foot, (foot[0], 0.95, foot[2]), (0.085, 0.075), paint)


def paint_sign(canvas: Canvas, foot: Point, size: float, dice: Dice) -> None:
    """Paint a road sign on its post, facing the camera."""
    x, _, z = foot
    low = dice.uniform(2.0, 2.5)
    _post(canvas, foot, (x, low + size * 1.2, z - 0.0), (0.045, 0.04), dice.pick(METAL))
    kind = dice.integer(0, 6)
    middle = low + size / 2
    disc, plate = _Plate(canvas, (x, middle, z - 0.06)), dice.chance(0.3)
    if kind <= 1:
        disc.regular(24, size / 2, srgb(196, 30, 36))
        disc.regular(24, size * 0.38, srgb(238, 236, 230))
        if kind == 1:
            disc.box((-0.26 * size, -0.07 * size, 0.26 * size, 0.07 * size), srgb(40, 40, 44))
        else:
            disc.box((-0.17 * size, -0.15 * size, -0.05 * size, 0.15 * size), srgb(30, 30, 32))
            disc.box((0.04 * size, -0.15 * size, 0.17 * size, 0.15 * size), srgb(30, 30, 32))
    elif kind == 2:
        disc.regular(3, size * 0.62, srgb(200, 32, 38), math.pi / 2)
        disc.regular(3, size * 0.4, srgb(240, 236, 226), math.pi / 2)
        disc.box((-0.03 * size, -0.16 * size, 0.03 * size, 0.14 * size), srgb(30, 30, 32))
    elif kind == 3:
        disc.regular(24, size / 2, srgb(30, 80, 170))
        disc.box((-0.3 * size, -0.06 * size, 0.3 * size, 0.06 * size), srgb(240, 240, 240))
    elif kind == 4:
        ground = dice.pick((srgb(30, 90, 60), srgb(36, 76, 160), srgb(232, 232, 226)))
        ink = srgb(240, 240, 236) if sum(ground) < 1 else srgb(40, 40, 44)
        disc.box((-size, -size * 0.5, size, size * 0.5), ink)
        disc.box((-size * 0.96, -size * 0.46, size * 0.96, size * 0.46), ground)
        for row in (-0.2, 0.18):
            wide = dice.uniform(0.3, 0.75) * size
            disc.box(
                (-0.8 * size, (row - 0.07) * size, -0.8 * size + 2 * wide, (row + 0.07) * size), ink
            )
    elif kind == 5:
        disc.regular(4, size * 0.6, srgb(235, 190, 40), 0.0)
        disc.regular(4, size * 0.3, srgb(40, 38, 34), 0.0)
    else:
        disc.regular(8, size * 0.54, srgb(190, 26, 32), math.pi / 8)
        disc.box((-0.34 * size, -0.09 * size, 0.34 * size, 0.09 * size), srgb(240, 238, 234))
    if plate:
        disc.box((-0.4 * size, -0.95 * size, 0.4 * size, -0.66 * size), srgb(232, 230, 224))


class _Plate:
    """A board in the plane across the street."""

    def __init__(self, canvas: Canvas, centre: Point) -> None:
        self.canvas, self.centre = canvas, centre
        self.depth = max(1.0, canvas.camera.view(centre)[2])

    def fill(self, corners: list[tuple[float, float]], paint: Colour, glow: float = 0.0) -> None:
        """Paint a convex outline around the centre; a shining one ignores the light."""
        x, y, z = self.centre
        light = self.canvas.light
        lit = mixed(times(paint, light.on((0.0, 0.15, -0.98))), paint, max(0.2, glow))
        colour = light.through_air(lit, self.depth)
        self.canvas.face([(x + u, y + v, z) for u, v in corners], colour, SIGN)

    def regular(self, corners: int, radius: float, paint: Colour, turn: float = 0.0) -> None:
        angles = [turn + 2 * math.pi * k / corners for k in range(corners)]
        self.fill(
            [(radius * exact(math.cos(a)), radius * exact(math.sin(a))) for a in angles], paint
        )

    def box(self, edges: tuple[float, float, float, float], paint: Colour) -> None:
        a, b, c, d = edges
        self.fill([(a, b), (c, b), (c, d), (a, d)], paint)


def paint_signal(canvas: Canvas, foot: Point, dice: Dice) -> None:
    """Paint a traffic light on its post."""
    x, _, z = foot
    _post(canvas, foot, (x, 3.4, z), (0.07, 0.06), dice.pick(METAL[1:3]))
    board = _Plate(canvas, (x, 2.9, z - 0.1))
    board.box(
        (-0.27, -0.62, 0.27, 0.62), srgb(70, 72, 70) if dice.chance(0.5) else srgb(26, 27, 28)
    )
    board.box((-0.21, -0.56, 0.21, 0.56), srgb(18, 19, 20))
    lit = dice.integer(0, 2)
    lamps = ((0.36, (1.0, 0.08, 0.05)), (0.0, (1.0, 0.55, 0.05)), (-0.36, (0.1, 0.95, 0.45)))
    for k, (y, paint) in enumerate(lamps):
        ring = [
            (0.14 * exact(math.cos(math.pi * j / 6)), y + 0.14 * exact(math.sin(math.pi * j / 6)))
            for j in range(12)
        ]
        board.fill(
            ring, paint if k == lit else (paint[0] * 0.06, paint[1] * 0.06, paint[2] * 0.06), 1.0
        )


def paint_fence(
    canvas: Canvas, a: Point, b: Point, kind: int, paint: Colour, height: float
) -> None:
    """Paint a stretch of fence: 0 railing, 1 boards, 2 guard rail, 3 mesh."""
    dx, dz = b[0] - a[0], b[2] - a[2]
    length = math.sqrt(dx * dx + dz * dz)
    along = (dx / length, 0.0, dz / length)
    light = canvas.light
    eye = canvas.camera.position
    normal = (along[2], 0.0, -along[0])
    if normal[0] * (eye[0] - a[0]) + normal[2] * (eye[2] - a[2]) < 0:
        normal = (-normal[0], 0.0, -normal[2])
    lit = times(paint, light.on(normal))

    def shader(u: F32, v: F32, depth: F32) -> tuple[Planes, Mask | None]:
        painted, tone = _bars(u, v, kind, height)
        air = light.air(depth)
        planes = [
            tone * np.float32(c) * (1 - air) + air * np.float32(h)
            for c, h in zip(lit, light.horizon, strict=True)
        ]
        return (planes[0], planes[1], planes[2]), painted

    canvas.card(
        a,
        along,
        (0.0, 1.0, 0.0),
        [(0, 0.0), (length, 0.0), (length, height), (0, height)],
        shader,
        FENCE,
    )


def _bars(u: F32, v: F32, kind: int, height: float) -> tuple[Mask, F32]:
    """Return where a fence is solid, and its shade."""
    tone = np.ones_like(u)
    if kind == 1:
        board = u * (1 / 0.14)
        part = board - np.floor(board)
        tone -= 0.45 * (part < 0.1) + 0.12 * (
            (np.floor(board).astype(np.int32) * 7919 % 5) / np.float32(5)
        )
        return np.ones(u.shape, np.bool_), tone.astype(np.float32)
    post = np.abs(u - np.floor(u * 0.5 + 0.5) * 2) < 0.045
    if kind == 2:
        rail = (v > height * 0.55) | post
        tone -= np.float32(0.35) * (np.abs(v - height * 0.78) < 0.04)
        return rail, tone
    step = 0.12 if kind == 0 else 0.07
    bar = u * (1 / step)
    upright = bar - np.floor(bar) < (0.24 if kind == 0 else 0.13)
    rail = (np.abs(v - height * 0.93) < 0.025) | (np.abs(v - height * 0.14) < 0.025)
    if kind == 3:
        row = v * (1 / step)
        upright |= row - np.floor(row) < 0.13
    return upright | rail | post, tone
