"""Random pose of a point cloud: yaw, translation and jitter at once, certified together."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from segcert.noise import axis_rotation
from segcert.noise.base import AbstractNoise, RandomSource, check_scale
from segcert.noise.clouds import (
    AXES,
    Row,
    axis_text,
    check_cloud,
    rotation_matrix,
    turned,
    unit_axis,
)
from segcert.noise.gaussian import BOUNDS, gaussian_radius
from segcert.noise.parameter import normals
from segcert.noise.rounded import check_near_origin, rounded_gaussian


@dataclass(frozen=True)
class PoseNoise(AbstractNoise):
    """Random yaw about one axis, then a random shift, then random displacements of points.

    Certifies every change of a cloud that is a rotation by ``a`` about the axis through the
    origin, a shift ``t`` of the whole and displacements ``d`` of the points, in any order, with

        (a / yaw)^2 + (||t|| / shift)^2 + (||d|| / jitter)^2 <= Phi^-1(p)^2

    Rotated and shifted files are covered with their rounding, which is a small ``d``. Normals
    turn with the yaw and are trusted otherwise.

    Args:
        yaw: Standard deviation of the angle, radians.
        shift: Standard deviation of each coordinate of the shift, units of the file.
        jitter: Standard deviation of each coordinate of each displacement, units of the file.
        axis_x: Direction of the axis, of any length; the default is the third axis, which points
            up in scans. In shapes, ShapeNet's and procedural ones, the second does.
        axis_y: Its second coordinate.
        axis_z: Its third coordinate.

    Raises:
        InputError: If ``yaw`` is not in [0.001, 1000], another scale is not in [1e-6, 1e6], or the
            axis has no direction.

    Source:
        Cohen, Rosenfeld, Kolter (2019), Theorem 1, for the parameters; why they add up:
        docs/decisions/0013.
    """

    yaw: float
    shift: float
    jitter: float
    axis_x: float = 0.0
    axis_y: float = 0.0
    axis_z: float = 1.0

    kind: ClassVar[str] = "pose"
    norm: ClassVar[str] = "pose"
    unit: ClassVar[str] = "standard deviations"
    assumption: ClassVar[str] = (
        "Normals, if the cloud has any, turn with the rotation and are trusted to stay as they are "
        "given otherwise."
    )

    def __post_init__(self) -> None:
        """Check the three scales and the axis."""
        check_scale("yaw", self.yaw, axis_rotation.BOUNDS, axis_rotation.UNITS)
        for name, value in (("shift", self.shift), ("jitter", self.jitter)):
            check_scale(name, value, BOUNDS, "in the units of the file")
        unit_axis(self.direction)

    @property
    def direction(self) -> Row:
        """The axis as it was given."""
        return self.axis_x, self.axis_y, self.axis_z

    @property
    def axis(self) -> Row:
        """The axis as a unit vector."""
        return unit_axis(self.direction)

    @property
    def description(self) -> str:
        """The noise in words."""
        return (
            f"a random pose, Gaussian in each number: rotation about {axis_text(self.direction)} "
            f"(standard deviation {self.yaw:g} radians), shift of the whole "
            f"({self.shift:g} per coordinate) and displacement of each point ({self.jitter:g} per "
            "coordinate)"
        )

    def ball(self, radius: str) -> str:
        """The certified poses in words."""
        return (
            f"change of this input by a rotation by a radians about {axis_text(self.direction)}, "
            "a shift t of the whole and displacements d of the points with "
            f"(a / {self.yaw!r})^2 + (|t| / {self.shift!r})^2 + (|d| / {self.jitter!r})^2 at most "
            f"{radius}^2 (t and d in units of the file, |d| over all points together)"
        )

    def sample(
        self, x: Shaped[Tensor, " *shape"], n: int, *, rng: RandomSource
    ) -> Float[Tensor, " n *shape"]:
        """Draw ``n`` copies of a cloud, each in its own pose; coordinates lie on a fine grid.

        Raises:
            InputError: If ``x`` is no cloud, or too far from the origin for the grid.
        """
        check_cloud(self, x)
        return torch.stack([self._posed(x, rng) for _ in range(n)])

    def _posed(self, x: Tensor, rng: RandomSource) -> Tensor:
        """Draw one copy: rotate, shift, displace."""
        angle, *shift = normals(1 + AXES, rng)
        centre = turned(x, rotation_matrix(self.axis, self.yaw * angle))
        noisy = centre.to(torch.float32)
        points = centre[:, :AXES] + centre.new_tensor(shift) * self.shift
        check_near_origin(points, self.jitter)
        noisy[:, :AXES] = rounded_gaussian(points, self.jitter, rng.words(tuple(points.shape)))
        return noisy

    def radius(self, p: float) -> float:
        """Certified distance of poses, ``Phi^-1(p)``, in standard deviations, never rounded up."""
        return gaussian_radius(1.0, p)
