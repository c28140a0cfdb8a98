"""What the noises of point clouds share: columns, and rotations of points with their normals.

A cloud is a tensor (points, columns): columns 0 to 2 are coordinates in the units of the file,
columns 3 to 5, if there are any, unit normals. Rotations turn the normals with the points.
"""

import math

import torch
from jaxtyping import Float, Float64, Shaped
from torch import Tensor

from segcert.errors import InputError
from segcert.noise.base import AbstractNoise, Option

AXES = 3  # columns of a vector
COLUMNS = (3, 6)  # coordinates, or coordinates and normals

Row = tuple[float, float, float]
Matrix = tuple[Row, Row, Row]
DIRECTIONS: dict[str, Row] = {"x": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0)}
LENGTHS = (1e-6, 1e6)  # of a vector that gives an axis


def check_cloud(noise: AbstractNoise, x: Shaped[Tensor, " *shape"]) -> None:
    """Refuse an input that is no point cloud.

    Raises:
        InputError: If it does not hold floating-point numbers in 3 or 6 columns.
    """
    if not x.is_floating_point() or x.ndim != 2 or x.shape[1] not in COLUMNS:
        raise InputError(
            f"{type(noise).__name__} needs a point cloud, floating point of shape (points, 3) or, "
            f"with normals, (points, 6); got {x.dtype} of shape {tuple(x.shape)}"
        )


def axis_vector(axis: Option) -> Row:
    """Direction of an axis: of an axis of coordinates by its name, or as it is given.

    Raises:
        InputError: If it is neither "x", "y" or "z" nor a vector.
    """
    if isinstance(axis, tuple) and len(axis) == AXES:
        return axis[0], axis[1], axis[2]
    if axis not in DIRECTIONS:
        raise InputError(f"axis must be one of {', '.join(DIRECTIONS)}, got {axis!r}")
    return DIRECTIONS[str(axis)]


def axis_option(axis: Row) -> Option:
    """The inverse of `axis_vector`: the name of an axis of coordinates, or the vector."""
    names: dict[Row, Option] = {direction: name for name, direction in DIRECTIONS.items()}
    return names.get(axis, axis)


def unit_axis(axis: Row) -> Row:
    """Scale the direction of an axis to length 1.

    Raises:
        InputError: If it has no direction, or a length that no axis needs.
    """
    length = math.hypot(*axis)
    if not LENGTHS[0] <= length <= LENGTHS[1]:
        raise InputError(
            f"an axis must be a vector of a length in [{LENGTHS[0]:g}, {LENGTHS[1]:g}], got "
            f"({axis[0]}, {axis[1]}, {axis[2]})"
        )
    return axis[0] / length, axis[1] / length, axis[2] / length


def axis_text(axis: Row) -> str:
    """The axis of a rotation in words."""
    return f"the axis through the origin along ({axis[0]:g}, {axis[1]:g}, {axis[2]:g})"


def rotation_matrix(axis: Row, angle: float) -> Matrix:
    """Matrix of the rotation by an angle about an axis through the origin.

    Args:
        axis: Unit vector.
        angle: In radians, counter-clockwise seen against the axis.

    Source:
        Rodrigues' formula.
    """
    x, y, z = axis
    cosine, sine = math.cos(angle), math.sin(angle)
    rest = 2 * math.sin(angle / 2) ** 2  # 1 - cosine, without cancellation
    return (
        (cosine + x * x * rest, x * y * rest - z * sine, x * z * rest + y * sine),
        (y * x * rest + z * sine, cosine + y * y * rest, y * z * rest - x * sine),
        (z * x * rest - y * sine, z * y * rest + x * sine, cosine + z * z * rest),
    )


def turned(
    x: Float[Tensor, " points columns"], matrix: Matrix
) -> Float64[Tensor, " points columns"]:
    """Rotate points, and their normals with them, about the origin.

    Products and sums one by one, so that every device rounds alike.
    """
    x = x.double()
    out = torch.empty_like(x)
    for start in range(0, x.shape[1], AXES):
        a, b, c = x[:, start : start + AXES].unbind(1)
        for axis, row in enumerate(matrix):
            out[:, start + axis] = row[0] * a + row[1] * b + row[2] * c
    return out


def largest_norm(x: Float[Tensor, " points columns"]) -> float:
    """Distance of the farthest point from the origin."""
    return float(x[:, :AXES].double().square().sum(1).max().sqrt())
