"""Buildings: facades with windows, doors and shops, roofs and end walls."""

import math
from dataclasses import dataclass

import numpy as np

from segcert_scenes.randomness import F32, Dice, fractal, lookup
from segcert_scenes.streets.camera import Point
from segcert_scenes.streets.canvas import Canvas, Mask, Planes, Shader
from segcert_scenes.streets.light import Colour, mixed, scaled, srgb, times, varied
from segcert_scenes.streets.street import Street

BUILDING = 1
WALLS = (
    srgb(158, 92, 70), srgb(136, 82, 66), srgb(178, 120, 90), srgb(196, 178, 150),
    srgb(214, 204, 186), srgb(226, 222, 212), srgb(190, 168, 120), srgb(170, 170, 168),
    srgb(204, 184, 164), srgb(168, 186, 190), srgb(214, 180, 150), srgb(150, 140, 128),
)  # fmt: skip
ROOFS = (srgb(92, 84, 84), srgb(120, 72, 58), srgb(140, 86, 64), srgb(80, 84, 92))
SHOPS = (
    srgb(40, 80, 60),
    srgb(150, 40, 40),
    srgb(36, 54, 100),
    srgb(60, 56, 54),
    srgb(200, 170, 90),
    srgb(220, 220, 214),
)


@dataclass(frozen=True)
class Facade:
    """Everything that the look of a front depends on; lengths in metres."""

    length: float
    height: float
    wall: Colour
    trim: Colour
    brick: bool
    bays: int
    base: float  # height of the ground floor
    storey: float
    window: tuple[float, float]  # width and height
    shop: Colour | None
    door: int  # bay of the door
    panes: F32  # (storeys, bays) random numbers
    roof: Colour
    pitch: float  # height of the roof, 0 if flat
    offset: float  # where in the noise textures
    dusk: float


def facade(dice: Dice, length: float, dusk: float, tall: bool) -> Facade:
    """Draw a front of a given length."""
    storeys = dice.integer(3, 6) if tall else dice.integer(2, 3)
    shop = dice.pick(SHOPS) if dice.chance(0.4 if tall else 0.2) else None
    base = dice.uniform(3.6, 4.3) if shop else dice.uniform(2.9, 3.4)
    storey = dice.uniform(2.8, 3.4)
    modern = dice.chance(0.2)
    bays = max(1, round(length / dice.uniform(2.2, 3.4)))
    wide = length / bays
    glass = 0.82 if modern else dice.uniform(0.36, 0.55)
    wall = varied(dice, dice.pick(WALLS), 0.2)
    return Facade(
        length=length,
        height=base + storey * (storeys - 1) + dice.uniform(0.3, 1.0),
        wall=wall,
        trim=mixed(
            wall, dice.pick((srgb(235, 232, 225), srgb(120, 112, 104), srgb(225, 215, 195))), 0.75
        ),
        brick=not modern and dice.chance(0.6),
        bays=bays,
        base=base,
        storey=storey,
        window=(wide * glass, storey * (0.66 if modern else dice.uniform(0.45, 0.58))),
        shop=shop,
        door=dice.integer(0, bays - 1),
        panes=dice.table(storeys + 1, bays + 1),
        roof=varied(dice, dice.pick(ROOFS), 0.2),
        pitch=0.0 if modern or dice.chance(0.45) else dice.uniform(1.6, 3.2),
        offset=dice.uniform(0, 300),
        dusk=dusk,
    )


def _openings(front: Facade, u: F32, v: F32) -> tuple[F32, F32, np.ndarray, np.ndarray]:
    """Return the distance into the nearest opening, height in it, its bay and its storey."""
    wide = front.length / front.bays
    bay = np.clip((u * (1 / wide)).astype(np.int32), 0, front.bays - 1)
    storey = np.clip(
        ((v - front.base) * (1 / front.storey) + 1).astype(np.int32), 0, len(front.panes) - 1
    )
    ground = storey == 0
    x = np.abs(u - bay * np.float32(wide) - np.float32(wide / 2))
    low = (
        front.base
        + (storey - 1) * np.float32(front.storey)
        + np.float32((front.storey - front.window[1]) * 0.55)
    )
    tall = np.full_like(low, front.window[1])
    half = np.full_like(low, front.window[0] / 2)
    if front.shop is not None:
        low[ground], tall[ground], half[ground] = 0.45, front.base - 1.35, wide / 2 - 0.16
    else:
        low[ground] = (front.base - front.window[1]) * 0.5
        door = ground & (bay == front.door)
        low[door], tall[door], half[door] = 0.0, 2.25, min(0.55, wide / 2 - 0.1)
    rise = (v - low) / tall
    inset = np.minimum(half - x, np.minimum(v - low, low + tall - v))
    return inset, rise, bay, storey


def shade_front(
    canvas: Canvas, street: Street, front: Facade, normal: Point, s_of: tuple[float, float, float]
) -> Shader:
    """Return the shader of a front."""
    light = canvas.light

    def shader(u: F32, v: F32, depth: F32) -> tuple[Planes, Mask | None]:
        inset, rise, bay, storey = _openings(front, u, v)
        glass = inset > 0.07
        frame = (inset > 0) & ~glass
        trim = frame | ((inset > -0.14) & (rise < 0) & (rise > -0.2))
        top = v > front.height - 0.35
        fascia = None
        if front.shop is not None:
            fascia = (v > front.base - 0.75) & (v < front.base - 0.08)
        mottled = lookup(fractal(4, 8, 6), u + front.offset, v, 9.0) * np.float32(0.3) + np.float32(
            0.85
        )
        if front.brick:
            course = v * (1 / 0.15)
            course = course - np.floor(course)
            near = np.clip(1.2 - depth * np.float32(0.05), 0, 1)
            mottled *= 1 - (course < 0.16) * near * np.float32(0.22)
            mottled *= 1 + (
                lookup(fractal(3, 64, 4), u * 0.5, v + front.offset, 30.0) - 0.5
            ) * near * np.float32(0.4)
        mottled *= np.clip(0.72 + v * np.float32(0.12), 0, 1)  # grime and less sky near the ground
        pane = front.panes[storey, bay]
        lamp = pane < np.float32(front.dusk * 0.35)
        curtain = np.clip((pane - 0.5) * np.float32(1.2), 0, 0.6) * (rise > 0.45 * pane)
        reflect = np.clip(rise, 0, 1) * np.float32(0.28) + lookup(
            fractal(4, 8, 6), u, v + depth, 5.0
        ) * np.float32(0.22)
        sun = street.lit(s_of[0] + u * np.float32(s_of[1]), v, s_of[2] + u * 0, light)
        towards = max(0.0, sum(a * b for a, b in zip(normal, light.sun, strict=True)))
        sun *= np.float32(towards)
        # a window lies deep: its upper edge is in the shade of the lintel
        air = light.air(depth)
        planes = []
        for c in range(3):
            albedo = mottled * np.float32(front.wall[c])
            albedo[trim] = front.trim[c]
            albedo[top] = front.trim[c] * 0.85
            if fascia is not None and front.shop is not None:
                albedo[fascia] = front.shop[c]
            lit = sun * np.float32(light.sun_colour[c]) + np.float32(0.62 * light.sky_colour[c])
            colour = albedo * lit
            window = reflect * np.float32(light.zenith[c] * 0.8) + np.float32(0.012)
            window += curtain * np.float32((0.5, 0.48, 0.44)[c] * light.sky_colour[c])
            window += lamp * np.float32((0.95, 0.68, 0.3)[c] * 0.8)
            colour = np.where(glass, window, colour)
            colour += (np.float32(light.horizon[c]) - colour) * air
            planes.append(colour)
        return (planes[0], planes[1], planes[2]), None

    return shader


def paint_building(
    canvas: Canvas, street: Street, front: Facade, a: Point, b: Point, depth: float
) -> None:
    """Paint a building whose front runs from ``a`` to ``b``; the street is on its left going so."""
    dx, dz = b[0] - a[0], b[2] - a[2]
    length = math.sqrt(dx * dx + dz * dz)
    along = (dx / length, 0.0, dz / length)
    normal = (-along[2], 0.0, along[0])  # towards the street
    light = canvas.light
    high, top = front.height, front.height + front.pitch

    def back(p: Point, y: float) -> Point:
        return p[0] - normal[0] * depth, y, p[2] - normal[2] * depth

    far = math.sqrt(max(1.0, (a[0] + b[0]) ** 2 / 4 + (a[2] + b[2]) ** 2 / 4))
    eye = canvas.camera.position
    for p, facing in ((b, along), (a, (-along[0], 0.0, -along[2]))):
        if sum(f * (e - q) for f, e, q in zip(facing, eye, p, strict=True)) > 0:
            wall = light.through_air(times(scaled(front.wall, 0.85), light.on(facing)), far)
            canvas.face([p, (p[0], high, p[2]), back(p, high), back(p, 0.0)], wall, BUILDING)
            if front.pitch:
                ridge = (p[0] - normal[0] * depth / 2, top, p[2] - normal[2] * depth / 2)
                canvas.face([(p[0], high, p[2]), ridge, back(p, high)], wall, BUILDING)
    if front.pitch:
        tilt = math.sqrt(front.pitch**2 + depth * depth / 4)
        slope = (normal[0] * front.pitch / tilt, depth / 2 / tilt, normal[2] * front.pitch / tilt)
        roof = light.through_air(times(front.roof, light.on(slope)), far)
        crest = [(p[0] - normal[0] * depth / 2, top, p[2] - normal[2] * depth / 2) for p in (b, a)]
        over = [(p[0] + normal[0] * 0.3, high - 0.1, p[2] + normal[2] * 0.3) for p in (a, b)]
        canvas.face([*over, *crest], roof, BUILDING)
    side = a[0] - street.centre(a[2])
    rate = along[0] if abs(along[0]) > 0.9 else 0.0
    shader = shade_front(canvas, street, front, normal, (side * 0.995, rate, (a[2] + b[2]) / 2))
    canvas.card(
        a,
        along,
        (0.0, 1.0, 0.0),
        [(0, 0), (length, 0), (length, high), (0, high)],
        shader,
        BUILDING,
    )
