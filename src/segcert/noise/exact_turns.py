"""Rotations of clouds that are rounded to a grid as exact arithmetic would round them.

A rotation is computed in float64, and only coordinates within its error of a tie are computed
again, with 80 digits (docs/decisions/0015).
"""

import math
from collections.abc import Callable
from functools import cache

import mpmath
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from segcert.errors import InputError
from segcert.noise.clouds import AXES, Matrix, Row, turned
from segcert.noise.laws import DIGITS
from segcert.noise.rounded import on_multiples, step_text

EXPONENT = 22  # coordinates have at most 2^22 steps: fewer than float32 tells apart
NORMAL_STEP = 2.0**-12  # grid of normals: 0.014 degrees
MOST_STEPS = 2.0**50  # that any number may have
LOWEST_EXPONENT = -60  # of the size of a cloud

WHOLE = (
    "The rotated cloud is the given one, rotated as a whole in real numbers, normals with the "
    "points, if there are any; coordinates that are rounded after the rotation, as in a file, are "
    "another change."
)

ExactRow = tuple[mpmath.mpf, mpmath.mpf, mpmath.mpf]
ExactMatrix = tuple[ExactRow, ExactRow, ExactRow]


def cloud_step(size: float) -> float:
    """Grid of a cloud whose farthest point is ``size`` from the origin: a power of two."""
    _, exponent = math.frexp(size)
    return 2.0 ** (max(exponent, LOWEST_EXPONENT) - EXPONENT)


def grid_clause(step: float) -> str:
    """What the words of a rotation say about its grid; empty if there is none."""
    if not step:
        return ""
    return (
        f", then rounding to {step_text(step)} (normals, if the cloud has any, to "
        f"{step_text(NORMAL_STEP)})"
    )


def check_power(step: float) -> None:
    """Refuse a grid whose step is no power of two, nor none.

    Raises:
        InputError: If so.
    """
    if step and not (step > 0 and math.isfinite(step) and math.frexp(step)[0] == 0.5):
        raise InputError(f"step must be a power of two, or 0 (no grid), got {step}")


def fixed_column(direction: Row) -> int | None:
    """The coordinate that a rotation about an axis leaves as it is; None if it changes them all."""
    along = [column for column, part in enumerate(direction) if part]
    return along[0] if len(along) == 1 else None


def exact_axis(direction: Row) -> ExactRow:
    """Scale the direction of an axis to length 1, with 80 digits."""
    with mpmath.workdps(DIGITS):
        x, y, z = (mpmath.mpf(value) for value in direction)
        length = mpmath.sqrt(x * x + y * y + z * z)
        return x / length, y / length, z / length


def exact_matrix(axis: ExactRow, angle: mpmath.mpf) -> ExactMatrix:
    """Matrix of a rotation with 80 digits; see `rotation_matrix`."""
    with mpmath.workdps(DIGITS):
        x, y, z = axis
        cosine, sine = mpmath.cos(angle), mpmath.sin(angle)
        rest = 1 - cosine
        return (
            (cosine + x * x * rest, x * y * rest - z * sine, x * z * rest + y * sine),
            (y * x * rest + z * sine, cosine + y * y * rest, y * z * rest - x * sine),
            (z * x * rest - y * sine, z * y * rest + x * sine, cosine + z * z * rest),
        )


def exact_turned(
    x: Float[Tensor, " points columns"], rotation: Callable[[], ExactMatrix]
) -> Callable[[tuple[int, ...]], mpmath.mpf]:
    """The rotated cloud at an index, with 80 digits; the rotation is asked for at most once."""
    once = cache(rotation)

    def at(index: tuple[int, ...]) -> mpmath.mpf:
        point, column = index
        start = column // AXES * AXES
        with mpmath.workdps(DIGITS):
            row = once()[column % AXES]
            return mpmath.fsum(row[i] * float(x[point, start + i]) for i in range(AXES))

    return at


def turned_on_grid(
    x: Float[Tensor, " points columns"],
    matrix: Matrix,
    rotation: Callable[[], ExactMatrix],
    *,
    step: float,
    error: float,
    fixed: int | None = None,
) -> Float32[Tensor, " points columns"]:
    """Rotate points, and normals with them, and round to their grids.

    Args:
        x: The cloud.
        matrix: The rotation in float64.
        rotation: The rotation with 80 digits.
        step: Grid of the coordinates; that of normals is ``NORMAL_STEP``.
        error: Bound on the error of the rotation angle in ``matrix``, radians.
        fixed: The coordinate that does not change, if the rotation is about its axis.

    Raises:
        InputError: If a number has more steps than are counted on.
    """
    values, exact = turned(x, matrix), exact_turned(x, rotation)
    moving = torch.zeros(AXES, dtype=torch.float64, device=x.device)
    if fixed is not None:
        values[:, fixed::AXES] = x[:, fixed::AXES].double()
        moving[fixed] = -math.inf  # never in doubt: no arithmetic was done
    parts = []
    for start in range(0, x.shape[1], AXES):
        columns, grid = slice(start, start + AXES), step if start == 0 else NORMAL_STEP
        size = float(x[:, columns].double().square().sum(1).max().sqrt())
        if size > MOST_STEPS * grid:
            raise InputError(
                f"coordinates and normals must be at most {MOST_STEPS * grid:g} in size on a grid "
                f"of {grid:g}, got {size:g}"
            )
        sizes = (moving + size * (1 + error * 2.0**42)).expand(len(x), AXES)

        def at(index: tuple[int, ...], start: int = start) -> mpmath.mpf:
            return exact((index[0], index[1] + start))

        parts.append(on_multiples(values[:, columns], grid, sizes, at))
    return torch.cat(parts, 1)


def variation_of_turns(values: int, crossings: float, bits: int) -> float:
    """Bound the total variation of rotated clouds from the exact law.

    Args:
        values: Numbers in the cloud.
        crossings: How often a number crosses one border of its grid at most, over all values of
            all random numbers together.
        bits: Of the words that these are made of.
    """
    return values * crossings * (2 * MOST_STEPS + 2) * 2.0**-bits
