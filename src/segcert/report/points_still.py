"""A still picture of a certified cloud: parts, certificate, counts, and the truth, if any."""

import math
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8
from matplotlib.figure import Figure

from segcert.certificates.pictures import Colour
from segcert.errors import InputError
from segcert.report.pictures import NO_TRUTH
from segcert.report.points_view import PointsView, count_colours, upright

ABSTAIN: Colour = (196, 200, 203)
EYE = 4.0  # distance of the eye from the centre, in radii of the cloud
FADE = 0.38  # how far the farthest point fades towards white


@dataclass(frozen=True)
class Viewpoint:
    """Where the cloud is seen from.

    Args:
        yaw: Turn about the axis that points up, in radians.
        pitch: Tilt towards the eye, in radians.
    """

    yaw: float = -0.6
    pitch: float = 0.35


def draw_points(
    points: Float32[np.ndarray, " p 3"],
    colours: UInt8[np.ndarray, " p 3"],
    *,
    size: int,
    camera: Viewpoint,
) -> UInt8[np.ndarray, " s s 3"]:
    """Draw points as discs on white, the nearer over the farther.

    Args:
        points: Coordinates in the unit ball, y up.
        colours: One per point.
        size: Side of the picture.
        camera: Where it is seen from.

    Raises:
        InputError: If the side is not positive.
    """
    if size < 1:
        raise InputError(f"size must be at least 1 pixel, got {size}")
    turned = points @ _turn(camera)
    order = np.argsort(turned[:, 2], kind="stable")  # far to near: the last one stays
    x, y, z = turned[order].T
    near = 0.48 * size * EYE / (EYE - z)
    fade = FADE * ((1 - z) / 2).clip(0, 1)[:, None]
    shaded = np.rint(colours[order] * (1 - fade) + 255 * fade).astype(np.uint8)
    disc = _disc(radius=max(1.0, 0.7 * 0.5 * size / math.sqrt(len(points))))
    column = np.rint(size / 2 + near * x).astype(int)[:, None] + disc[:, 0]
    row = np.rint(size / 2 - near * y).astype(int)[:, None] + disc[:, 1]
    inside = _inside(column, size) & _inside(row, size)
    picture = np.full((size, size, 3), 255, np.uint8)
    picture[row[inside], column[inside]] = shaded[np.nonzero(inside)[0]]
    return picture


def panels(view: PointsView) -> list[tuple[str, UInt8[np.ndarray, " p 3"]]]:
    """Give the title and the colours of the points of each panel."""
    palette = np.array(view.palette, np.uint8)
    parts = palette[view.labels]
    sure = np.where(view.certified[:, None], parts, np.array(ABSTAIN, np.uint8))
    shown = [
        ("parts", parts),
        ("certified, or grey", sure),
        (f"count of {view.n} draws", count_colours(view.n, view.threshold)[view.hits]),
    ]
    if view.truth is not None:
        table = np.full((256, 3), NO_TRUTH, np.uint8)
        table[: len(palette)] = palette
        shown.append(("truth", table[view.truth]))
    return shown


def still_png(view: PointsView, *, size: int = 520, camera: Viewpoint | None = None) -> bytes:
    """Draw the still picture of a cloud.

    Args:
        view: What to show.
        size: Side of each panel in pixels.
        camera: Where it is seen from.

    Returns:
        PNG file.
    """
    cloud, shown = upright(view.points, view.up), panels(view)
    width, height = len(shown) * size / 100, (size + 110) / 100
    figure = Figure(figsize=(width, height), dpi=100, facecolor="white")
    for i, (title, colours) in enumerate(shown):
        axes = figure.add_axes((i / len(shown), 70 / (size + 110), 1 / len(shown),
                                size / (size + 110)))  # fmt: skip
        fine = draw_points(cloud, colours, size=2 * size, camera=camera or Viewpoint())
        axes.imshow(_halved(fine), interpolation="none")
        axes.set_axis_off()
        axes.set_title(title, fontsize=13, color="#1b2025")
    _legend(figure, view)
    file = BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


def _legend(figure: Figure, view: PointsView) -> None:
    """Name the parts that occur, at most a dozen, and what grey stands for."""
    order = np.bincount(view.labels, minlength=len(view.class_names)).argsort()[::-1]
    occur = [int(k) for k in order if (view.labels == k).any()][:12]
    entries = [(view.class_names[k], view.palette[k]) for k in occur] + [("abstained", ABSTAIN)]
    marks = [
        figure.axes[0].plot([], [], "o", color=tuple(part / 255 for part in colour))[0]
        for _, colour in entries
    ]
    names = [name.replace("$", r"\$") for name, _ in entries]
    figure.legend(marks, names, loc="lower center", ncols=7, frameon=False, fontsize=11)


def _turn(camera: Viewpoint) -> Float32[np.ndarray, " 3 3"]:
    """Turn about y, then tilt about x; applied from the right to rows."""
    cy, sy = math.cos(camera.yaw), math.sin(camera.yaw)
    cp, sp = math.cos(camera.pitch), math.sin(camera.pitch)
    yaw = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    tilt = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    return np.asarray(yaw @ tilt, dtype=np.float32)


def _disc(radius: float) -> np.ndarray:
    """List the offsets (column, row) of the pixels of a disc."""
    steps = np.arange(-math.ceil(radius), math.ceil(radius) + 1)
    grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    return np.asarray(grid[(grid**2).sum(axis=1) <= radius**2])


def _inside(at: np.ndarray, size: int) -> Bool[np.ndarray, " p d"]:
    return np.asarray((at >= 0) & (at < size))


def _halved(fine: UInt8[np.ndarray, " s s 3"]) -> Float[np.ndarray, " t t 3"]:
    """Average blocks of 2 by 2 pixels, into [0, 1]."""
    half = len(fine) // 2
    return np.asarray(fine.reshape(half, 2, half, 2, 3).mean(axis=(1, 3)) / 255)
