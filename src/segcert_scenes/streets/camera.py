"""The pinhole camera of the scenes.

World axes: x to the right, y up, z along the street, in metres; the ground is y = 0. Pixels are
those of the supersampled canvas, x to the right and y down. Points are plain tuples of floats.
"""

import math
from dataclasses import dataclass

from segcert_scenes.randomness import Dice

Point = tuple[float, float, float]
Pixel = tuple[float, float]

NEAR = 0.35  # metres; whatever is nearer is clipped away


def exact(value: float) -> float:
    """Round away the digits in which mathematical libraries differ."""
    return round(value, 9)


@dataclass(frozen=True)
class Camera:
    """Pinhole camera: ``right``, ``down`` and ``ahead`` are its unit axes in the world."""

    focal: float  # canvas pixels
    centre: Pixel
    position: Point
    right: Point
    down: Point
    ahead: Point

    def view(self, point: Point) -> Point:
        """Return a world point in camera coordinates: right, down, ahead."""
        x = point[0] - self.position[0]
        y = point[1] - self.position[1]
        z = point[2] - self.position[2]
        r, d, a = self.right, self.down, self.ahead
        return (
            x * r[0] + y * r[1] + z * r[2],
            x * d[0] + y * d[1] + z * d[2],
            x * a[0] + y * a[1] + z * a[2],
        )

    def pixel(self, viewed: Point) -> Pixel:
        """Project a point given in camera coordinates, in front of the camera."""
        scale = self.focal / viewed[2]
        return self.centre[0] + viewed[0] * scale, self.centre[1] + viewed[1] * scale

    def outline(self, points: list[Point]) -> list[Pixel]:
        """Project a polygon, clipped to what lies in front of the camera."""
        viewed = [self.view(point) for point in points]
        kept: list[Point] = []
        for here, there in zip(viewed, viewed[1:] + viewed[:1], strict=True):
            if here[2] >= NEAR:
                kept.append(here)
            if (here[2] >= NEAR) != (there[2] >= NEAR):
                part = (NEAR - here[2]) / (there[2] - here[2])
                kept.append(
                    (
                        here[0] + part * (there[0] - here[0]),
                        here[1] + part * (there[1] - here[1]),
                        NEAR,
                    )
                )
        return [self.pixel(point) for point in kept]

    def gradient(self, direction: Point) -> tuple[float, float, float]:
        """Return (a, b, c): the ray of pixel (x, y) has a*x + b*y + c along ``direction``."""
        across = _dot(self.right, direction) / self.focal
        along = _dot(self.down, direction) / self.focal
        constant = _dot(self.ahead, direction)
        return across, along, constant - across * self.centre[0] - along * self.centre[1]


def _dot(a: Point, b: Point) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def dash_camera(dice: Dice, height: int, width: int, lateral: float, slope: float) -> Camera:
    """Draw a dash camera.

    Args:
        dice: Random choices.
        height: Canvas height in pixels.
        width: Canvas width in pixels.
        lateral: Where on the road the camera is, x in metres.
        slope: Direction of the lane, dx/dz.

    Returns:
        The camera, at z = 0.
    """
    view = dice.uniform(0.82, 1.15)
    focal = view * min(width, height * 4 / 3)
    yaw = slope + dice.uniform(-0.09, 0.09)
    roll = dice.uniform(-0.022, 0.022)
    horizon = dice.uniform(0.42, 0.56)
    pitch = (0.5 - horizon) * height / focal  # positive looks down
    cy, sy = exact(math.cos(yaw)), exact(math.sin(yaw))
    cp, sp = exact(math.cos(pitch)), exact(math.sin(pitch))
    cr, sr = exact(math.cos(roll)), exact(math.sin(roll))
    ahead = (sy * cp, -sp, cy * cp)
    right0 = (cy, 0.0, -sy)
    down0 = (-sy * sp, -cp, -cy * sp)
    right = tuple(cr * r + sr * d for r, d in zip(right0, down0, strict=True))
    down = tuple(cr * d - sr * r for r, d in zip(right0, down0, strict=True))
    return Camera(
        focal=focal,
        centre=(width / 2, height / 2),
        position=(lateral, dice.uniform(1.25, 1.9), 0.0),
        right=(right[0], right[1], right[2]),
        down=(down[0], down[1], down[2]),
        ahead=ahead,
    )
