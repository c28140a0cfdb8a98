"""Trees and hedges."""

import numpy as np

from segcert_scenes.randomness import TILE, Dice, fractal
from segcert_scenes.streets.camera import NEAR, Point
from segcert_scenes.streets.canvas import Canvas
from segcert_scenes.streets.light import Colour, scaled, srgb, times, varied

TREE = 5
LEAVES = (
    srgb(74, 104, 44), srgb(92, 116, 48), srgb(64, 92, 50), srgb(108, 122, 56),
    srgb(84, 112, 60), srgb(150, 118, 50), srgb(140, 92, 44), srgb(56, 84, 42),
)  # fmt: skip


def puff(
    canvas: Canvas, centre: Point, radii: tuple[float, float], leaf: Colour, dice: Dice
) -> None:
    """Paint a ragged ball of leaves, lit from the side of the sun."""
    viewed = canvas.camera.view(centre)
    if viewed[2] < NEAR + 0.5:
        return
    px, py = canvas.camera.pixel(viewed)
    scale = canvas.camera.focal / viewed[2]
    rx, ry = radii[0] * scale, radii[1] * scale
    height, width = canvas.labels.shape
    top, bottom = max(0, int(py - ry * 1.25)), min(height, int(py + ry * 1.25) + 1)
    left, right = max(0, int(px - rx * 1.25)), min(width, int(px + rx * 1.25) + 1)
    if top >= bottom or left >= right:
        return
    u = (np.arange(left, right, dtype=np.float32) + np.float32(0.5 - px)) * np.float32(1 / rx)
    v = (np.arange(top, bottom, dtype=np.float32) + np.float32(0.5 - py)) * np.float32(1 / ry)
    texels = min(64.0, 90.0 / max(0.6, max(radii)))
    column = (u * np.float32(radii[0] * texels) + dice.integer(600, 3000)).astype(np.int32) & (
        TILE - 1
    )
    row = (v * np.float32(radii[1] * texels) + dice.integer(600, 3000)).astype(np.int32) & (
        TILE - 1
    )
    ragged = fractal(21, 24, 5, 0.75)[row[:, None], column[None, :]]
    inside = (u * u)[None, :] + (v * v)[:, None] + ragged * np.float32(1.5) < 1.5
    sun, camera = canvas.light.sun, canvas.camera
    side = sun[0] * camera.right[0] + sun[1] * camera.right[1] + sun[2] * camera.right[2]
    lit = 1.0 if canvas.light.sun_colour[1] > 0.3 else 0.5
    tone = (u * np.float32(0.35 * side * lit))[None, :] - (v * np.float32(0.28 + 0.2 * lit))[
        :, None
    ]
    tone = np.maximum(
        tone + (0.95 - ragged * np.float32(0.0)) + (0.5 - ragged) * np.float32(1.5), 0.12
    )
    tone = tone[inside]
    light = canvas.light
    full = times(leaf, light.on((sun[0] * 0.6, 0.75, sun[2] * 0.6)))
    share = viewed[2] / (viewed[2] + light.haze_length)
    for plane, value, haze in zip(canvas.colour, full, light.horizon, strict=True):
        plane[top:bottom, left:right][inside] = tone * np.float32(value * (1 - share)) + np.float32(
            haze * share
        )
    np.copyto(canvas.labels[top:bottom, left:right], np.uint8(TREE), where=inside)


def paint_tree(canvas: Canvas, foot: Point, height: float, kind: int, seed: Dice) -> None:
    """Paint a tree of a kind: 0 broad, 1 slim, 2 conifer."""
    dice = seed
    leaf = varied(dice, dice.pick(LEAVES), 0.25)
    x, _, z = foot
    far = max(1.0, z)
    bark = canvas.light.through_air(times(srgb(88, 74, 62), canvas.light.on((0.0, 0.2, -0.6))), far)
    trunk = height * (0.12 if kind == 2 else dice.uniform(0.28, 0.38))
    radius = height * dice.uniform(0.018, 0.028)
    canvas.limb(foot, (x, height * 0.6, z), (radius, radius * 0.5), bark, TREE)
    if kind == 2:
        for step in range(6):
            part = step / 6
            wide = height * 0.24 * (1.05 - part)
            puff(
                canvas,
                (x, trunk + (height - trunk) * (part + 0.05), z),
                (wide, height * 0.12),
                leaf,
                dice,
            )
        return
    for side in (-1, 1):
        tip = (x + side * height * 0.16, height * 0.62, z)
        canvas.limb((x, trunk, z), tip, (radius * 0.6, radius * 0.3), bark, TREE)
    wide = height * (0.3 if kind == 0 else 0.17)
    middle = (trunk + height) / 2
    puff(canvas, (x, middle, z), (wide * 0.8, (height - trunk) * 0.46), scaled(leaf, 0.72), dice)
    for _ in range(9):
        px = x + dice.uniform(-0.75, 0.75) * wide
        py = middle + dice.uniform(-0.62, 0.7) * (height - trunk) / 2
        size = wide * dice.uniform(0.3, 0.55)
        puff(
            canvas,
            (px, py, z),
            (size, size * dice.uniform(0.75, 1.1)),
            varied(dice, leaf, 0.22),
            dice,
        )
