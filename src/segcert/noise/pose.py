"""Random pose of a point cloud: yaw, translation and jitter at once, certified together."""

import math
from dataclasses import dataclass, replace
from functools import cache
from typing import ClassVar

import mpmath
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from segcert.errors import ArgumentError
from segcert.noise import axis_rotation
from segcert.noise.base import (
    REAL_NUMBERS,
    AbstractNoise,
    Options,
    RandomSource,
    check_scale,
    scale_of,
)
from segcert.noise.clouds import (
    AXES,
    Row,
    axis_option,
    axis_text,
    axis_vector,
    check_cloud,
    largest_norm,
    rotation_matrix,
    turned,
    unit_axis,
)
from segcert.noise.exact_turns import (
    NORMAL_STEP,
    ExactMatrix,
    exact_axis,
    exact_matrix,
    exact_turned,
    fixed_column,
    turned_on_grid,
    variation_of_turns,
)
from segcert.noise.gaussian import BOUNDS, gaussian_radius
from segcert.noise.laws import GAUSSIAN
from segcert.noise.parameter import ANGLE_ERROR, LARGEST_NORMAL, WIDE_BITS, normals, wide_numbers
from segcert.noise.rounded import (
    RELATIVE_MARGIN,
    check_near_origin,
    check_step,
    grid_step,
    rounded,
    rounded_gaussian,
    step_text,
    variation,
)

NORMALS = (
    "Normals, if the cloud has any, turn with the rotation in real numbers and are trusted to stay "
    "as they are given otherwise: normals that were rounded after the rotation, as in a file, are "
    "another change."
)


@dataclass(frozen=True)
class PoseNoise(AbstractNoise):
    """Random yaw about one axis, then a random shift, then random displacements of points.

    Certifies every change of a cloud that is a rotation by ``a`` about the axis through the
    origin, a shift ``t`` of the whole and displacements ``d`` of the points, in any order, with

        (a / yaw)^2 + (||t|| / shift)^2 + (||d|| / jitter)^2 <= Phi^-1(p)^2

    Coordinates that are rotated, shifted and stored are covered with their rounding, which is a
    small ``d``. Normals turn with the yaw and are trusted otherwise, so rounded normals are not
    covered. The model rounds what it is given to fine grids, and what is drawn is what exact
    arithmetic would give.

    Args:
        yaw: Standard deviation of the angle, radians.
        shift: Standard deviation of each coordinate of the shift, units of the file.
        jitter: Standard deviation of each coordinate of each displacement, units of the file.
        axis_x: Direction of the axis, of any length; the default is the third axis, which points
            up in scans. In shapes, ShapeNet's and procedural ones, the second does.
        axis_y: Its second coordinate.
        axis_z: Its third coordinate.
        step: Grid that normals are rounded to: 2^-12; coordinates have that of ``jitter``. 0 for
            none but that of float32, as in certificates of format version 2. `sample` of segcert
            fills it in.

    Raises:
        InputError: If ``yaw`` is not in [0.001, 1000], another scale is not in [1e-6, 1e6], the
            axis has no direction, or ``step`` is another grid.

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
    step: float = 0.0

    kind: ClassVar[str] = "pose"
    norm: ClassVar[str] = "pose"
    unit: ClassVar[str] = "standard deviations"

    @classmethod
    def asked(cls, options: Options) -> "PoseNoise":
        """The noise of three scales about an axis: "x", "y", "z" or a vector; by default "z".

        Raises:
            InputError: If a scale is missing or out of range.
        """
        if not {"shift_sigma", "jitter_sigma"} <= options.keys():
            raise ArgumentError(
                "<noise> pose needs three scales: <sigma> (yaw, radians), <shift_sigma> and "
                "<jitter_sigma> (units of the file)"
            )
        yaw, shift, jitter = (
            scale_of(options, name) for name in ("sigma", "shift_sigma", "jitter_sigma")
        )
        return cls(yaw, shift, jitter, *axis_vector(options.get("axis", "z")))

    def options(self) -> Options:
        """What `asked` makes this noise of."""
        scales = {"sigma": self.yaw, "shift_sigma": self.shift, "jitter_sigma": self.jitter}
        return {**scales, "axis": axis_option(self.direction)}

    def __post_init__(self) -> None:
        """Check the three scales and the axis."""
        check_scale("yaw", self.yaw, axis_rotation.BOUNDS, axis_rotation.UNITS)
        for name, value in (("shift", self.shift), ("jitter", self.jitter)):
            check_scale(name, value, BOUNDS, "in the units of the file")
        unit_axis(self.direction)
        check_step(self.step, NORMAL_STEP)

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
            f"coordinate), then rounding to {step_text(grid_step(self.jitter))}{self._of_normals}"
        )

    @property
    def _of_normals(self) -> str:
        """What the words say about the grid of normals."""
        if not self.step:
            return ""
        return f" (normals, if the cloud has any, to {step_text(self.step)})"

    @property
    def assumption(self) -> str:
        """What is taken for granted."""
        return NORMALS if self.step else f"{NORMALS} {REAL_NUMBERS}"

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
        draw = self._copy if self.step else self._posed
        return torch.stack([draw(x, rng) for _ in range(n)])

    def _copy(self, x: Tensor, rng: RandomSource) -> Tensor:
        """Draw one copy on the grids."""
        turn, *shift = wide_numbers(1 + AXES, rng)
        angle = self.yaw * turn.normal
        matrix = rotation_matrix(self.axis, angle)
        error = abs(angle) * ANGLE_ERROR

        @cache
        def rotation() -> ExactMatrix:
            return exact_matrix(exact_axis(self.direction), self.yaw * turn.exact_normal)

        points = x[:, :AXES]
        rotated = exact_turned(points, rotation)

        def centre(at: tuple[int, ...]) -> mpmath.mpf:
            return rotated(at) + self.shift * shift[at[1]].exact_normal

        moved = points.new_tensor([number.normal for number in shift], dtype=torch.float64)
        centres = turned(points, matrix) + moved * self.shift
        check_near_origin(centres, self.jitter)
        sizes = largest_norm(x) * (1 + error * 2.0**42) + float(moved.abs().max()) * self.shift
        words = rng.words(tuple(points.shape))
        noisy = rounded(
            centres, self.jitter, words, GAUSSIAN,
            error=sizes * RELATIVE_MARGIN, exact_centre=centre,
        )  # fmt: skip
        if x.shape[1] == AXES:
            return noisy
        normals = turned_on_grid(
            x[:, AXES:], matrix, rotation, step=self.step, error=error,
            fixed=fixed_column(self.direction),
        )  # fmt: skip
        return torch.cat([noisy, normals], 1)

    def with_grid(self, x: Shaped[Tensor, " *shape"]) -> "PoseNoise":  # noqa: ARG002
        """The same noise with the grid of normals."""
        return replace(self, step=NORMAL_STEP)

    def variation(self, shape: tuple[int, ...]) -> float:
        """Bound the total variation distance of one draw from the exact law.

        One after the other: the angle, where a number is a sine, the three numbers of the shift,
        where it is linear, and the displacements; see `rounded`.
        """
        if not self.step:
            return 0.0
        turns = 2 * LARGEST_NORMAL * self.yaw / (2 * math.pi) + 1
        pose = variation_of_turns(math.prod(shape), 2 * turns + AXES, WIDE_BITS)
        return pose + variation(shape[0] * AXES, GAUSSIAN)

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
