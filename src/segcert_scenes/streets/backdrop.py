"""Sky, and the ground with its road, pavements and shadows."""

from dataclasses import dataclass

import numpy as np

from segcert_scenes.randomness import F32, Dice, fractal, lookup
from segcert_scenes.streets.canvas import Canvas
from segcert_scenes.streets.light import Colour, mixed, scaled, srgb, varied
from segcert_scenes.streets.street import Street

SKY, ROAD, PAVEMENT, GRASS = 0, 3, 4, 5


@dataclass(frozen=True)
class Shadow:
    """Soft ellipse on the ground."""

    x: float
    z: float
    along: tuple[float, float]  # unit vector of the first half axis
    half: tuple[float, float]  # half axes, metres
    strength: float


def paint_sky(canvas: Canvas, dice: Dice) -> None:
    """Paint the sky over the whole canvas."""
    light, camera = canvas.light, canvas.camera
    height, width = canvas.labels.shape
    a, b, c = camera.gradient((0.0, 1.0, 0.0))
    x = np.arange(width, dtype=np.float32)[None, :]
    y = np.arange(height, dtype=np.float32)[:, None]
    up = x * a + (y * b + c)
    rows = int(np.count_nonzero(up[:, [0, -1]].max(axis=1) > -0.02))
    up = np.maximum(up[:rows], np.float32(0.004))
    level = np.minimum(up * np.float32(1.5), 1)
    level = level * (2 - level)
    a, b, c = camera.gradient((1.0, 0.0, 0.0))
    across = x * a + (y[:rows] * b + c)
    a, b, c = camera.gradient((0.0, 0.0, 1.0))
    along = x * a + (y[:rows] * b + c)
    span = 1 / (up + np.float32(0.12))
    stretch = dice.uniform(0.6, 1.6)
    puffs = fractal(11, 5, 7)
    high = lookup(puffs, across * span + 9, along * span * stretch + dice.uniform(5, 90), 60)
    cover = np.float32(1.02 - light.clouds)
    opaque = np.clip((high - cover * np.float32(0.9)) * 4, 0, 1)
    shade = lookup(puffs, across * span + 9.25, along * span * stretch + 40.0, 47)
    bright = mixed(light.horizon, (1.0, 1.0, 1.0), 0.55 * (1 - light.dusk))
    dark = scaled(mixed(light.zenith, bright, 0.45), 0.85)
    glow = _glow(canvas, x, y[:rows])
    for plane, zenith, horizon, top, low, sun in zip(
        canvas.colour, light.zenith, light.horizon, bright, dark, light.sun_colour, strict=True
    ):
        clear = level * np.float32(zenith - horizon) + np.float32(horizon)
        clear += glow * np.float32(sun)
        cloud = shade * np.float32(low - top) + np.float32(top)
        plane[:rows] = clear + (cloud - clear) * opaque * np.minimum(up * 9, 1)
    canvas.labels[:rows] = SKY


def _glow(canvas: Canvas, x: F32, y: F32) -> F32:
    """Return the halo of the sun."""
    a, b, c = canvas.camera.gradient(canvas.light.sun)
    towards = x * a + (y * b + c)
    centre = canvas.camera.centre
    scale = 1 / canvas.camera.focal
    squared = ((x - centre[0]) * scale) ** 2 + (((y - centre[1]) * scale) ** 2 + 1)
    cosine = np.maximum(towards, 0) / np.sqrt(squared)
    sharp = cosine * cosine
    sharp = sharp * sharp
    wide = sharp * sharp
    tight = wide * wide
    tight = tight * tight
    glow: F32 = wide * np.float32(0.12) + tight * tight * np.float32(0.6)
    return glow


@dataclass(frozen=True)
class _Paving:
    """What the ground is made of."""

    asphalt: Colour
    slabs: Colour
    kerb: Colour
    beyond: Colour
    slab: float  # metres
    wear: float


def paint_ground(canvas: Canvas, street: Street, shadows: list[Shadow], dice: Dice) -> None:
    """Paint everything below the horizon."""
    camera, light = canvas.camera, canvas.light
    height, width = canvas.labels.shape
    a, b, c = camera.gradient((0.0, 1.0, 0.0))
    x = np.arange(width, dtype=np.float32)[None, :] + np.float32(0.5)
    y = np.arange(height, dtype=np.float32)[:, None] + np.float32(0.5)
    fall = -(x * a + (y * b + c))
    first = int(np.count_nonzero(fall[:, [0, -1]].max(axis=1) <= 0.002))
    fall = np.maximum(fall[first:], np.float32(0.002))
    y = y[first:]
    depth = np.float32(camera.position[1]) / fall
    a, b, c = camera.gradient((1.0, 0.0, 0.0))
    wx = (x * a + (y * b + c)) * depth + np.float32(camera.position[0])
    a, b, c = camera.gradient((0.0, 0.0, 1.0))
    wz = (x * a + (y * b + c)) * depth
    reach = np.clip(wz, -20, 160)
    s = wx - reach * reach * np.float32(street.bend / 2)
    paving = _paving(street, dice)
    labels, planes = _surface(street, paving, s, wz, dice)
    shade = street.lit(s, 0.0, wz, light)
    sky = np.ones_like(shade)
    for shadow in shadows:
        _cast(canvas, shadow, (wx, wz), first, shade, sky)
    air = light.air(depth)
    grain = lookup(fractal(3, 64, 4), wx, wz, 40.0)
    wear = lookup(fractal(4, 8, 6), wx, wz, 14.0)
    texture = (
        grain * np.float32(0.22)
        + wear * np.float32(paving.wear)
        + np.float32(0.89 - paving.wear / 2)
    )
    for channel in range(3):
        lighting = shade * np.float32(light.sun_colour[channel] * light.sun[1])
        lighting += sky * np.float32(light.sky_colour[channel])
        colour = planes[channel] * texture * lighting
        colour += (np.float32(light.horizon[channel]) - colour) * air
        canvas.colour[channel, first:] = colour
    canvas.labels[first:] = labels


def _paving(street: Street, dice: Dice) -> _Paving:
    grey = dice.uniform(62, 118)
    asphalt = srgb(grey * dice.uniform(0.97, 1.03), grey, grey * dice.uniform(0.98, 1.06))
    slabs = dice.pick(
        (srgb(168, 164, 158), srgb(150, 146, 140), srgb(172, 150, 132), srgb(186, 180, 168))
    )
    grass = srgb(88, 108, 52) if street.verge else srgb(160, 154, 146)
    return _Paving(
        asphalt=asphalt,
        slabs=varied(dice, slabs, 0.15),
        kerb=varied(dice, srgb(190, 187, 180), 0.1),
        beyond=varied(dice, grass, 0.25),
        slab=dice.uniform(0.5, 0.95),
        wear=dice.uniform(0.2, 0.6),
    )


def _surface(
    street: Street, paving: _Paving, s: F32, z: F32, dice: Dice
) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.uint8]], list[F32]]:
    """Return the labels and the albedo of the ground."""
    aside = np.abs(s)
    off_road = aside - np.float32(street.road)
    side_road = np.abs(z - np.float32(street.crossing)) - np.float32(street.crossing_half)
    end_road = np.abs(z - np.float32(street.end)) - np.float32(street.road)
    off_road = np.minimum(off_road, np.minimum(side_road, end_road))
    road = off_road < 0
    kerb = (off_road >= 0) & (off_road < 0.16)
    open_ground = (aside > np.float32(street.kerb)) & (off_road > street.kerb - street.road)
    joint = np.minimum(_fraction(s * (1 / paving.slab)), _fraction(z * (1 / paving.slab)))
    joint = np.clip(joint * 25, 0.72, 1)
    labels = np.where(road, np.uint8(ROAD), np.uint8(PAVEMENT))
    if street.verge:
        labels[open_ground] = GRASS
    paint = _markings(street, s, z, side_road, end_road, dice)
    planes = []
    for asphalt, slab, edge, beyond in zip(
        paving.asphalt, paving.slabs, paving.kerb, paving.beyond, strict=True
    ):
        plane = np.where(road, np.float32(asphalt), np.float32(slab) * joint)
        plane[kerb] = edge
        plane[open_ground] = beyond
        plane += paint * np.float32(0.62 - asphalt)
        planes.append(plane)
    return labels, planes


def _fraction(values: F32) -> F32:
    return values - np.floor(values)


def _markings(street: Street, s: F32, z: F32, side_road: F32, end_road: F32, dice: Dice) -> F32:
    """Return how much white paint lies on the road."""
    off = np.minimum(side_road, end_road)
    free = off > 1.2
    period = dice.uniform(4, 9)
    duty = dice.uniform(0.35, 0.65) if dice.chance(0.75) else 2.0
    paint = (np.abs(s) < 0.07) & (_fraction(z * (1 / period)) < duty)
    if street.road > 4.7:
        lane = np.abs(np.abs(s) - np.float32(street.road / 2))
        paint |= (lane < 0.06) & (_fraction(z * (1 / period)) < 0.4)
    edge = dice.pick((0.0, 0.25, 0.4))
    if edge:
        paint |= np.abs(np.abs(s) - np.float32(street.road - edge)) < 0.055
    paint &= free
    if dice.chance(0.6) and street.crossing < 1000:
        stop = (np.abs(off - 0.8) < 0.18) & ((s > 0) == street.drives_right)
        paint |= stop & (z < street.crossing) & (np.abs(s) < street.road)
    if dice.chance(0.5):
        zebra = np.abs(z - np.float32(dice.uniform(8, 30))) < 1.4
        paint |= zebra & (_fraction(s + 0.25) < 0.5) & (np.abs(s) < street.road - 0.2) & free
    worn = lookup(fractal(4, 8, 6), s, z, 33.0)
    painted: F32 = paint * np.clip(1.9 - worn * np.float32(2.2), 0.25, 0.95).astype(np.float32)
    return painted


def _cast(
    canvas: Canvas, shadow: Shadow, ground: tuple[F32, F32], first: int, shade: F32, sky: F32
) -> None:
    """Darken the ground under a soft ellipse."""
    ax, az = shadow.along
    long, wide = shadow.half
    corners = [
        (shadow.x + i * ax * long - j * az * wide, 0.0, shadow.z + i * az * long + j * ax * wide)
        for i, j in ((-1, -1), (1, -1), (1, 1), (-1, 1))
    ]
    pixels = canvas.camera.outline(corners)
    if len(pixels) < 3:
        return
    rows = slice(
        max(0, int(min(p[1] for p in pixels)) - first),
        max(0, int(max(p[1] for p in pixels)) + 1 - first),
    )
    columns = slice(
        max(0, int(min(p[0] for p in pixels))), max(0, int(max(p[0] for p in pixels)) + 1)
    )
    dx = ground[0][rows, columns] - np.float32(shadow.x)
    dz = ground[1][rows, columns] - np.float32(shadow.z)
    u = (dx * ax + dz * az) * np.float32(1 / long)
    v = (dz * ax - dx * az) * np.float32(1 / wide)
    dark = np.clip((1 - u * u - v * v) * np.float32(2.2), 0, 1)
    shade[rows, columns] *= 1 - dark
    sky[rows, columns] *= 1 - dark * np.float32(shadow.strength)
