"""The picture in the making: linear colour and labels, painted from far to near.

The canvas has twice the height and width of the scene. Colours are kept as three planes, because
numpy is slow on a last axis of length 3.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segcert_scenes.randomness import F32
from segcert_scenes.streets.camera import NEAR, Camera, Pixel, Point
from segcert_scenes.streets.light import Colour, Light

Mask = NDArray[np.bool_]
Planes = tuple[F32, F32, F32]
Shader = Callable[[F32, F32, F32], tuple[Planes, Mask | None]]


@dataclass(frozen=True)
class Canvas:
    """Colour planes ``(3, h, w)`` and labels ``(h, w)``, with the camera and the light."""

    colour: F32
    labels: NDArray[np.uint8]
    camera: Camera
    light: Light

    def polygon(self, corners: list[Pixel], colour: Colour, label: int) -> None:
        """Fill a convex polygon, given in pixels."""
        box = self._inside(corners)
        if box is None:
            return
        rows, columns, inside = box
        self._flat(rows, columns, inside, colour, label)

    def face(self, corners: list[Point], colour: Colour, label: int) -> None:
        """Fill a convex polygon of the world with one colour."""
        self.polygon(self.camera.outline(corners), colour, label)

    def veil(self, corners: list[Point], label: int) -> None:
        """Label a convex polygon of the world through which the background is seen."""
        box = self._inside(self.camera.outline(corners))
        if box is not None:
            np.copyto(self.labels[box[0], box[1]], np.uint8(label), where=box[2])

    def _flat(self, rows: slice, columns: slice, inside: Mask, colour: Colour, label: int) -> None:
        for plane, value in zip(self.colour, colour, strict=True):
            np.copyto(plane[rows, columns], np.float32(value), where=inside)
        np.copyto(self.labels[rows, columns], np.uint8(label), where=inside)

    def _inside(self, corners: list[Pixel]) -> tuple[slice, slice, Mask] | None:
        """Return the box of a convex polygon and which of its pixel centres are inside."""
        if len(corners) < 3:
            return None
        height, width = self.labels.shape
        top = max(0, math.ceil(min(y for _, y in corners) - 0.5))
        bottom = min(height, math.ceil(max(y for _, y in corners) - 0.5))
        left = max(0, math.ceil(min(x for x, _ in corners) - 0.5))
        right = min(width, math.ceil(max(x for x, _ in corners) - 0.5))
        if top >= bottom or left >= right:
            return None
        starts, ends = _spans(corners, top, bottom)
        across = np.arange(left, right, dtype=np.float32) + np.float32(0.5)
        inside = (across >= starts[:, None]) & (across < ends[:, None])
        return slice(top, bottom), slice(left, right), inside

    def card(
        self,
        origin: Point,
        along: Point,
        up: Point,
        corners: list[Pixel],
        shader: Shader,
        label: int,
    ) -> None:
        """Paint a flat piece of the world with a texture.

        Args:
            origin: World point where both coordinates of the card are 0.
            along: Unit vector of the first coordinate, in metres.
            up: Unit vector of the second coordinate, at a right angle to the first.
            corners: Convex outline in the coordinates of the card.
            shader: Maps the coordinates and the depth of pixels to their colour planes, and to
                which of them are painted (None: all). The label goes on all of them.
            label: Class of the card.
        """
        world = [_at(origin, along, up, u, v) for u, v in corners]
        box = self._inside(self.camera.outline(world))
        if box is None:
            return
        rows, columns, inside = box
        y, x = np.nonzero(inside)
        if not len(y):
            return
        y += rows.start
        x += columns.start
        u, v, depth = self._coordinates(origin, along, up, x, y)
        planes, painted = shader(u, v, depth)
        where = y * self.labels.shape[1] + x
        self.labels.reshape(-1)[where] = label
        if painted is not None:
            where = where[painted]
        for plane, values in zip(self.colour, planes, strict=True):
            plane.reshape(-1)[where] = values if painted is None else values[painted]

    def _coordinates(
        self, origin: Point, along: Point, up: Point, x: NDArray[np.int64], y: NDArray[np.int64]
    ) -> tuple[F32, F32, F32]:
        """Return where the rays of pixels meet a plane, and how deep."""
        xs, ys = x.astype(np.float32) + np.float32(0.5), y.astype(np.float32) + np.float32(0.5)
        normal = (
            along[1] * up[2] - along[2] * up[1],
            along[2] * up[0] - along[0] * up[2],
            along[0] * up[1] - along[1] * up[0],
        )
        eye = self.camera.position
        offset = (origin[0] - eye[0], origin[1] - eye[1], origin[2] - eye[2])
        distance = sum(n * o for n, o in zip(normal, offset, strict=True))
        a, b, c = self.camera.gradient(normal)
        depth = np.float32(distance) / (xs * a + ys * b + c)
        np.clip(depth, NEAR / 2, 2000, out=depth)
        found = []
        for axis in (along, up):
            a, b, c = self.camera.gradient(axis)
            start = sum(n * o for n, o in zip(axis, offset, strict=True))
            found.append((xs * a + ys * b + c) * depth - start)
        return found[0], found[1], depth

    def limb(
        self, a: Point, b: Point, radii: tuple[float, float], colour: Colour, label: int
    ) -> None:
        """Paint a tapered round bar between two world points, shaded as a cylinder."""
        first, second = self.camera.view(a), self.camera.view(b)
        if min(first[2], second[2]) < NEAR:
            return
        focal = self.camera.focal
        ends = (self.camera.pixel(first), self.camera.pixel(second))
        self.bar(ends, (radii[0] * focal / first[2], radii[1] * focal / second[2]), colour, label)

    def bar(
        self, ends: tuple[Pixel, Pixel], radii: tuple[float, float], colour: Colour, label: int
    ) -> None:
        """Paint a tapered round bar between two pixels."""
        (ax, ay), (bx, by) = ends
        wide = max(radii)
        height, width = self.labels.shape
        top, bottom = max(0, int(min(ay, by) - wide)), min(height, int(max(ay, by) + wide) + 1)
        left, right = max(0, int(min(ax, bx) - wide)), min(width, int(max(ax, bx) + wide) + 1)
        if top >= bottom or left >= right:
            return
        x = np.arange(left, right, dtype=np.float32)[None, :] + np.float32(0.5 - ax)
        y = np.arange(top, bottom, dtype=np.float32)[:, None] + np.float32(0.5 - ay)
        dx, dy = bx - ax, by - ay
        square = max(dx * dx + dy * dy, 1e-6)
        part = np.clip(x * (dx / square) + y * (dy / square), 0, 1)
        radius = part * (radii[1] - radii[0]) + max(radii[0], 0.5)
        off_x, off_y = x - part * dx, y - part * dy
        inside = off_x * off_x + off_y * off_y < radius * radius
        self._round(slice(top, bottom), slice(left, right), inside, (off_x, radius), colour, label)

    def _round(
        self,
        rows: slice,
        columns: slice,
        inside: Mask,
        profile: tuple[F32, F32],
        colour: Colour,
        label: int,
    ) -> None:
        """Fill a mask, lighter towards the sun."""
        if inside.shape[0] * inside.shape[1] < 40:
            self._flat(rows, columns, inside, colour, label)
            return
        sun = self.light.sun
        side = sun[0] * self.camera.right[0] + sun[2] * self.camera.right[2]
        lean = 0.42 * side * min(1.0, self.light.sun_colour[1])
        shade = np.float32(1) + (profile[0] / profile[1])[inside] * np.float32(lean)
        for plane, value in zip(self.colour, colour, strict=True):
            plane[rows, columns][inside] = shade * np.float32(value)
        np.copyto(self.labels[rows, columns], np.uint8(label), where=inside)


def _at(origin: Point, along: Point, up: Point, u: float, v: float) -> Point:
    return (
        origin[0] + along[0] * u + up[0] * v,
        origin[1] + along[1] * u + up[1] * v,
        origin[2] + along[2] * u + up[2] * v,
    )


def _spans(corners: list[Pixel], top: int, bottom: int) -> tuple[F32, F32]:
    """Return where each row of pixels enters and leaves a convex polygon."""
    starts = np.full(bottom - top, 1e9, np.float32)
    ends = np.full(bottom - top, -1e9, np.float32)
    previous = corners[-1]
    for corner in corners:
        (ax, ay), (bx, by) = (previous, corner) if previous[1] <= corner[1] else (corner, previous)
        previous = corner
        first, last = max(top, math.ceil(ay - 0.5)), min(bottom, math.ceil(by - 0.5))
        if first >= last:
            continue
        slope = (bx - ax) / (by - ay)
        at = np.arange(first, last, dtype=np.float32) * np.float32(slope)
        at += np.float32(ax + (0.5 - ay) * slope)
        part = slice(first - top, last - top)
        np.minimum(starts[part], at, out=starts[part])
        np.maximum(ends[part], at, out=ends[part])
    return starts, ends
