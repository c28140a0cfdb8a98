"""A whole street scene: plan, shadows, things from far to near, and the picture taken of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from segcert_scenes.randomness import Dice
from segcert_scenes.streets import buildings, furniture, people, plants, vehicles
from segcert_scenes.streets.backdrop import Shadow, paint_ground, paint_sky
from segcert_scenes.streets.camera import Point, dash_camera
from segcert_scenes.streets.canvas import Canvas
from segcert_scenes.streets.light import Light, daylight, srgb, varied
from segcert_scenes.streets.street import BEHIND, SKYLINE, Street, plan

Draw = Callable[[Canvas], None]


@dataclass
class _Stage:
    """Things of a scene in the making, each with the depth at which it is drawn."""

    street: Street
    light: Light
    dice: Dice
    things: list[tuple[float, Draw]] = field(default_factory=list)
    shadows: list[Shadow] = field(default_factory=list)
    taken: list[tuple[float, float, float]] = field(default_factory=list)

    def add(self, depth: float, draw: Draw) -> None:
        self.things.append((depth, draw))

    def free(self, s: float, z: float, radius: float) -> bool:
        """Reserve a round place on the ground, if nobody has."""
        if any((s - a) ** 2 + (z - b) ** 2 < (radius + r) ** 2 for a, b, r in self.taken):
            return False
        self.taken.append((s, z, radius))
        return True

    def shadow(self, foot: Point, radius: float, height: float, strength: float) -> None:
        """Let an upright thing throw a shadow."""
        sun = self.light.sun
        flat = max(1e-3, (sun[0] ** 2 + sun[2] ** 2) ** 0.5)
        way = (-sun[0] / flat, -sun[2] / flat)
        length = min(12.0, height * flat / max(sun[1], 0.1))
        middle = (foot[0] + way[0] * length / 2, foot[2] + way[1] * length / 2)
        if self.light.sun_colour[1] > 0.25:
            self.shadows.append(Shadow(*middle, way, (length / 2 + radius, radius), 0.12))
        self.shadows.append(Shadow(foot[0], foot[2], (1.0, 0.0), (radius * 1.2, radius), strength))


def _build_rows(stage: _Stage) -> None:
    """Line both sides of the street with buildings, or with trees where there are gaps."""
    street, dice = stage.street, stage.dice
    for side in (-1, 1):
        tall = dice.chance(0.5)
        park = dice.chance(0.15)
        gaps = dice.uniform(0.0, 0.3)
        z = -12.0
        while z < street.end + 10:
            length = dice.uniform(7, 20)
            if street.in_crossing(z, 3.0):
                z = street.crossing + street.crossing_half + 3.0
            stop = z + length
            if z < street.crossing < stop or street.in_crossing(stop, 3.0):
                stop = street.crossing - street.crossing_half - 3.0
            if stop - z > 3.0:
                _plot(stage, side, z, stop, tall=tall, empty=park or dice.chance(gaps))
            z = max(stop, z + 1.0)
            if dice.chance(0.15):
                z += dice.uniform(1.0, 4.0)


def _plot(stage: _Stage, side: int, z0: float, z1: float, *, tall: bool, empty: bool) -> None:
    street, dice = stage.street, stage.dice
    s = side * street.line
    if empty:
        _garden(stage, side, z0, z1)
        return
    front = buildings.facade(dice, z1 - z0, stage.light.dusk, tall)
    low, high = (int(max(0, min(SKYLINE, z + BEHIND))) for z in (z0, z1))
    street.skyline[1 if side > 0 else 0, low:high] = front.height
    a, b = street.at(s, z0), street.at(s, z1)
    if side < 0:
        a, b = b, a
    deep = dice.uniform(8, 12)
    stage.add(z1, lambda canvas: buildings.paint_building(canvas, street, front, a, b, deep))


def _garden(stage: _Stage, side: int, z0: float, z1: float) -> None:
    """Trees behind a fence or a hedge."""
    street, dice = stage.street, stage.dice
    for _ in range(max(2, round((z1 - z0) / 4.5))):
        z, s = dice.uniform(z0, z1), side * (street.line + dice.uniform(2.0, 14.0))
        if z > 2.0:
            _tree(stage, s, z, dice.uniform(6, 12))
    _fence(stage, side * street.line, z0, z1, None)


def _tree(stage: _Stage, s: float, z: float, height: float) -> None:
    dice = Dice(int(stage.dice.uniform() * 2**40))
    foot = stage.street.at(s, z)
    kind = dice.pick((0, 0, 0, 1, 2))
    stage.shadow(foot, height * 0.22, height * 0.75, 0.3)
    stage.add(z, lambda canvas: plants.paint_tree(canvas, foot, height, kind, dice))


def _fence(stage: _Stage, s: float, z0: float, z1: float, kind: int | None) -> None:
    street, dice = stage.street, stage.dice
    chosen = dice.pick((0, 0, 1, 3)) if kind is None else kind
    height = 0.8 if chosen == 2 else dice.uniform(1.0, 1.7 if chosen else 1.3)
    paints = furniture.METAL if chosen != 1 else (srgb(130, 96, 66), srgb(112, 100, 88))
    paint = varied(dice, dice.pick(paints), 0.2)
    z = z0
    while z < min(z1, 60.0):
        step = min(2.0, z1 - z)
        a, b = street.at(s, z), street.at(s, z + step)
        if z + step > 1.0 and step > 0.3:
            stage.add(
                z + step / 2,
                partial(furniture.paint_fence, a=a, b=b, kind=chosen, paint=paint, height=height),
            )
        z += 2.0


def _close_end(stage: _Stage) -> None:
    """Put buildings across the far end of the street."""
    street, dice = stage.street, stage.dice
    z = street.end + street.road + 4.0
    x = street.centre(z) - 70.0
    tall = dice.chance(0.5)
    while x < street.centre(z) + 70.0:
        length = dice.uniform(9, 20)
        front = buildings.facade(dice, length, stage.light.dusk, tall)
        a, b = (x + length, 0.0, z), (x, 0.0, z)
        stage.add(
            z + 20,
            partial(buildings.paint_building, street=street, front=front, a=a, b=b, depth=10.0),
        )
        x += length + (dice.uniform(2, 8) if dice.chance(0.2) else 0.0)


def _plant_trees(stage: _Stage) -> None:
    street, dice = stage.street, stage.dice
    for side in (-1, 1):
        if not dice.chance(0.7):
            continue
        s = side * (street.kerb + 1.0 if street.verge else street.road + 0.75)
        gap = dice.uniform(7, 16)
        z = dice.uniform(5, 14)
        while z < street.end:
            if not street.in_crossing(z, 2.0) and stage.free(s, z, 0.5):
                _tree(stage, s, z, dice.uniform(5, 9))
            z += gap * dice.uniform(0.8, 1.3)


def _put_furniture(stage: _Stage) -> None:
    street, dice = stage.street, stage.dice
    z = dice.uniform(6, 12)
    gap = dice.uniform(12, 24)
    both = dice.chance(0.6)
    wood = dice.chance(0.2)
    side = dice.pick((-1, 1))
    while z < min(street.end, 110):
        for sign in (side, -side) if both else (side,):
            s = sign * (street.road + 0.45)
            if stage.free(s, z, 0.3) and not street.in_crossing(z):
                _lamp(stage, s, z, sign, wood)
        z += gap
    for _ in range(dice.integer(3, 6)):
        sign = dice.pick((-1, 1))
        near = dice.uniform(5.5, 26)
        _sign(stage, sign * (street.road + dice.uniform(0.35, 0.7)), near)
    if dice.chance(0.5):
        _signals(stage)
    if dice.chance(0.55):
        start = dice.uniform(2, 14)
        sign = dice.pick((-1, 1))
        kind = dice.pick((0, 0, 2, 3))
        stop = min(start + dice.uniform(8, 30), street.crossing - street.crossing_half - 1)
        _fence(stage, sign * (street.road + 0.3), start, stop, kind)
    if dice.chance(0.3):
        sign = dice.pick((-1, 1))
        for k in range(8):
            foot = street.at(sign * (street.road + 0.4), 4 + 2.5 * k)
            stage.add(foot[2], partial(furniture.paint_bollard, foot=foot, dice=Dice(1)))


def _lamp(stage: _Stage, s: float, z: float, sign: int, wood: bool) -> None:
    foot = stage.street.at(s, z)
    seed = int(stage.dice.uniform() * 2**40)
    if wood:
        stage.add(z, lambda canvas: furniture.paint_wood_pole(canvas, foot, Dice(seed)))
    else:
        stage.add(
            z, lambda canvas: furniture.paint_lamp(canvas, foot, -sign * 1.4, Dice(3, seed % 3))
        )
    stage.shadow(foot, 0.14, 6.0, 0.2)


def _sign(stage: _Stage, s: float, z: float) -> None:
    if not stage.free(s, z, 0.6) or stage.street.in_crossing(z):
        return
    foot, dice = stage.street.at(s, z), Dice(int(stage.dice.uniform() * 2**40))
    size = dice.uniform(0.65, 1.0)
    stage.shadow(foot, 0.1, 2.6, 0.2)
    stage.add(z, lambda canvas: furniture.paint_sign(canvas, foot, size, dice))


def _signals(stage: _Stage) -> None:
    street = stage.street
    near = (
        street.crossing - street.crossing_half - 1.2
        if street.crossing < 1000
        else stage.dice.uniform(9, 24)
    )
    for sign in (-1, 1):
        if stage.free(sign * (street.road + 0.5), near, 0.4):
            foot, dice = (
                street.at(sign * (street.road + 0.5), near),
                Dice(int(stage.dice.uniform() * 2**40)),
            )
            stage.add(
                near,
                partial(furniture.paint_signal, foot=foot, dice=dice),
            )


def _put_vehicles(stage: _Stage) -> None:
    street, dice = stage.street, stage.dice
    flow = 1 if street.drives_right else -1
    stage.taken.append((street.eye, 0.0, 3.2))
    wide = street.road > 4.7
    for side in (-1, 1):
        if dice.chance(0.7 if wide else 0.4):
            z = dice.uniform(4.0, 14)
            while z < min(street.end - 6, 75):
                if dice.chance(0.7) and not street.in_crossing(z, 3.5):
                    heading = 0.0 if side == flow else 3.14159
                    _vehicle(
                        stage, side * (street.road - 1.0), z, heading, dice.uniform(-0.03, 0.03)
                    )
                z += dice.uniform(5.3, 7.5)
    lane = flow * (street.road * 0.45 if not wide else street.road * 0.25)
    z = dice.uniform(7, 28)
    for _ in range(dice.integer(0, 3)):
        _vehicle(stage, lane + dice.uniform(-0.3, 0.3), z, 0.0, dice.uniform(-0.04, 0.04))
        z += dice.uniform(8, 25)
    z = dice.uniform(9, 35)
    for _ in range(dice.integer(0, 3)):
        _vehicle(stage, -lane + dice.uniform(-0.3, 0.3), z, 3.14159, dice.uniform(-0.04, 0.04))
        z += dice.uniform(8, 25)
    if street.crossing < 1000 and dice.chance(0.5):
        way = dice.pick((-1, 1))
        offset = -way * flow * street.crossing_half * 0.45
        _vehicle(stage, dice.uniform(-9, 9), street.crossing + offset, way * 1.5708, 0.0)


def _vehicle(stage: _Stage, s: float, z: float, heading: float, jitter: float) -> None:
    street, dice = stage.street, Dice(int(stage.dice.uniform() * 2**40))
    build = dice.pick(vehicles.BUILDS[:6]) if dice.chance(0.94) else vehicles.BUILDS[6]
    if not stage.free(s, z, build.length / 2 - 0.3):
        return
    foot = street.at(s, z)
    turned = heading + jitter + street.slope(z)
    across = abs(heading - 1.5708) < 0.1 or abs(heading + 1.5708) < 0.1
    way = (1.0, 0.0) if across else (street.slope(z), 1.0)
    stage.shadows.append(
        Shadow(foot[0], foot[2], way, (build.length * 0.58, build.half * 1.32), 0.8)
    )
    sun = stage.light.sun
    drop = min(3.0, 0.7 / max(0.2, sun[1]))
    if stage.light.sun_colour[1] > 0.25:
        stage.shadows.append(
            Shadow(
                foot[0] - sun[0] * drop,
                foot[2] - sun[2] * drop,
                way,
                (build.length * 0.56, build.half * 1.4),
                0.1,
            )
        )
    stage.add(z, lambda canvas: vehicles.paint_vehicle(canvas, foot, turned, build, dice))


def _put_people(stage: _Stage) -> None:
    street, dice = stage.street, stage.dice
    for _ in range(dice.integer(3, 12)):
        side = dice.pick((-1, 1))
        near = dice.chance(0.45)
        z = dice.uniform(4.5, 12) if near else dice.uniform(10, 45)
        s = side * dice.uniform(street.road + 0.6, street.kerb - 0.3)
        heading = dice.pick((0.0, 3.14159)) + dice.uniform(-0.4, 0.4)
        _person(stage, s, z, heading, cyclist=False)
    if dice.chance(0.45):
        z = dice.uniform(6, 22)
        _person(
            stage,
            dice.uniform(-street.road, street.road),
            z,
            dice.pick((1.57, -1.57)),
            cyclist=False,
        )
    for _ in range(dice.integer(0, 3) + (1 if dice.chance(0.5) else 0)):
        side = dice.pick((-1, 1))
        flow = 1 if street.drives_right else -1
        s = side * max(1.4, street.road - dice.uniform(0.7, 2.6))
        heading = (0.0 if side == flow else 3.14159) + dice.uniform(-0.2, 0.2)
        _person(stage, s, dice.uniform(5.0, 18), heading, cyclist=True)
    if dice.chance(0.35):
        _person(
            stage, dice.uniform(-3, 3), dice.uniform(6, 16), dice.pick((1.57, -1.57)), cyclist=True
        )


def _person(stage: _Stage, s: float, z: float, heading: float, *, cyclist: bool) -> None:
    if not stage.free(s, z, 0.9 if cyclist else 0.4):
        return
    foot, dice = stage.street.at(s, z), Dice(int(stage.dice.uniform() * 2**40))
    stage.shadow(foot, 0.3, 1.6, 0.45)
    paint = people.paint_bicyclist if cyclist else people.paint_pedestrian
    stage.add(z, lambda canvas: paint(canvas, foot, heading, dice))


def render(
    seed: int, index: int, height: int, width: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw one scene: image ``(h, w, 3)`` and labels ``(h, w)``."""
    dice = Dice(0, seed, index)
    street, light = plan(dice), daylight(dice)
    stage = _Stage(street=street, light=light, dice=dice)
    for step in (_build_rows, _close_end, _put_vehicles, _put_furniture, _plant_trees, _put_people):
        step(stage)
    camera = dash_camera(dice, 2 * height, 2 * width, street.eye, 0.0)
    canvas = Canvas(
        np.zeros((3, 2 * height, 2 * width), np.float32),
        np.zeros((2 * height, 2 * width), np.uint8),
        camera,
        light,
    )
    paint_sky(canvas, dice)
    paint_ground(canvas, street, stage.shadows, dice)
    for _, draw in sorted(stage.things, key=lambda thing: -thing[0]):
        draw(canvas)
    image = _photograph(canvas, dice, Dice(1, seed, index, height, width))
    return image, canvas.labels[1::2, 1::2].copy()


def _photograph(canvas: Canvas, dice: Dice, noise: Dice) -> NDArray[np.uint8]:
    """Average the canvas down, and add vignette, exposure, response and sensor noise."""
    colour = canvas.colour
    small = (colour[:, ::2, ::2] + colour[:, 1::2, ::2]) + (
        colour[:, ::2, 1::2] + colour[:, 1::2, 1::2]
    )
    height, width = small.shape[1:]
    x = (np.arange(width, dtype=np.float32) - np.float32(width / 2)) * np.float32(2 / width)
    y = (np.arange(height, dtype=np.float32) - np.float32(height / 2)) * np.float32(2 / height)
    fall = 1 - np.float32(dice.uniform(0.02, 0.1)) * ((x * x)[None, :] + (y * y)[:, None])
    gain = 0.25 * dice.uniform(0.85, 1.3)
    small *= fall * np.float32(gain)
    small = small * (1 + small * np.float32(0.12)) / (1 + small * np.float32(0.42))
    small = np.sqrt(np.maximum(small, 0)) * np.float32(255)
    deviation = dice.uniform(0.8, 3.0)
    grey = noise.grain(height * width).reshape(height, width) * np.float32(deviation)
    small += grey
    small += noise.grain(3 * height * width).reshape(3, height, width) * np.float32(deviation * 0.5)
    image = np.clip(small + np.float32(0.5), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(image.transpose(1, 2, 0))
