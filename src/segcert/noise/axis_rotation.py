"""Random rotation of a point cloud about one given axis: the angle is a Gaussian number."""

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

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
    WHOLE,
    ExactMatrix,
    check_power,
    cloud_step,
    exact_axis,
    exact_matrix,
    fixed_column,
    grid_clause,
    turned_on_grid,
    variation_of_turns,
)
from segcert.noise.gaussian import gaussian_radius
from segcert.noise.parameter import (
    ANGLE_ERROR,
    LARGEST_NORMAL,
    WIDE_BITS,
    WideNumber,
    normals,
    wide_numbers,
)

BOUNDS = (1e-3, 1e3)  # below, draws coincide too often in float32
UNITS = "rotations about one axis, in radians"
SMALLEST = 1e-30  # a cloud of this size about the axis cannot be turned visibly


@dataclass(frozen=True)
class AxisRotationNoise(AbstractNoise):
    """Rotation by an angle of law N(0, sigma^2) about one axis through the origin.

    Certifies rotations about this axis by an angle of at most the radius. Angles add, also beyond a
    full turn: rotations by real numbers act on the cloud. Normals turn with the points. The model
    rounds what it is given to a fine grid, and what is drawn is what exact arithmetic would give.

    Args:
        sigma: Standard deviation of the angle, radians.
        axis_x: Direction of the axis, of any length; the default is the third axis, which points
            up in scans. In shapes, ShapeNet's and procedural ones, the second does.
        axis_y: Its second coordinate.
        axis_z: Its third coordinate.
        step: Grid that rotated coordinates are rounded to, units of the file, a power of two;
            normals have that of 2^-12. 0 for none but that of float32, as in certificates of
            format version 2. `sample` of segcert chooses it by the size of the cloud.

    Raises:
        InputError: If ``sigma`` is not in [0.001, 1000] the axis has no direction, or ``step``
            is no power of two.

    Source:
        Fischer, Baader, Vechev (2021), section 5.2; proof in docs/decisions/0007 and 0013.
    """

    sigma: float
    axis_x: float = 0.0
    axis_y: float = 0.0
    axis_z: float = 1.0
    step: float = 0.0

    kind: ClassVar[str] = "axis-rotation"
    norm: ClassVar[str] = "rotation angle"
    unit: ClassVar[str] = "radians"

    @classmethod
    def asked(cls, options: Options) -> "AxisRotationNoise":
        """The noise of a scale about an axis: "x", "y", "z" or a vector; by default "z"."""
        return cls(scale_of(options, "sigma"), *axis_vector(options.get("axis", "z")))

    def options(self) -> Options:
        """What `asked` makes this noise of."""
        return {"sigma": self.sigma, "axis": axis_option(self.direction)}

    def __post_init__(self) -> None:
        """Check sigma and the axis."""
        check_scale("sigma", self.sigma, BOUNDS, UNITS)
        unit_axis(self.direction)
        check_power(self.step)

    @property
    def direction(self) -> Row:
        """The axis as it was given."""
        return self.axis_x, self.axis_y, self.axis_z

    @property
    def axis(self) -> Row:
        """The axis as a unit vector."""
        return unit_axis(self.direction)

    @property
    def axis_text(self) -> str:
        """The axis in words."""
        return axis_text(self.direction)

    @property
    def description(self) -> str:
        """The noise in words."""
        return (
            f"a random rotation about {self.axis_text} by a Gaussian angle of standard deviation "
            f"{self.sigma:g} radians{grid_clause(self.step)}"
        )

    @property
    def assumption(self) -> str:
        """What is taken for granted."""
        return WHOLE if self.step else f"{WHOLE} {REAL_NUMBERS}"

    def ball(self, radius: str) -> str:
        """The certified angles in words."""
        return (
            f"rotation of this input about {self.axis_text} by an angle of at most {radius} "
            f"({self.unit})"
        )

    def sample(
        self, x: Shaped[Tensor, " *shape"], n: int, *, rng: RandomSource
    ) -> Float[Tensor, " n *shape"]:
        """Draw ``n`` copies of a cloud, each rotated by its own angle.

        Rotated in float64 and rounded once: to the grid as exact arithmetic would, or to float32.

        Raises:
            InputError: If ``x`` is no cloud.
        """
        check_cloud(self, x)
        if self.step:
            return torch.stack([self._copy(x, number) for number in wide_numbers(n, rng)])
        angles = [self.sigma * z for z in normals(n, rng)]
        copies = [turned(x, rotation_matrix(self.axis, angle)) for angle in angles]
        return torch.stack(copies).to(torch.float32)

    def _copy(self, x: Tensor, number: WideNumber) -> Tensor:
        """Draw one copy on the grid."""
        angle = self.sigma * number.normal

        def exact() -> ExactMatrix:
            return exact_matrix(exact_axis(self.direction), self.sigma * number.exact_normal)

        matrix = rotation_matrix(self.axis, angle)
        return turned_on_grid(
            x, matrix, exact, step=self.step, error=abs(angle) * ANGLE_ERROR,
            fixed=fixed_column(self.direction),
        )  # fmt: skip

    def with_grid(self, x: Shaped[Tensor, " *shape"]) -> "AxisRotationNoise":
        """The same noise with the grid of a cloud of this size."""
        return self if self.step else replace(self, step=cloud_step(largest_norm(x)))

    def variation(self, shape: tuple[int, ...]) -> float:
        """Bound the total variation distance of one draw from the exact law.

        A coordinate is a sine of the angle: it crosses a border at most twice in a turn.
        """
        turns = 2 * LARGEST_NORMAL * self.sigma / (2 * math.pi) + 1
        found = variation_of_turns(math.prod(shape), 2 * turns, WIDE_BITS)
        return found if self.step else 0.0

    def radius(self, p: float) -> float:
        """Certified angle, ``sigma Phi^-1(p)`` in radians; see `gaussian_radius`."""
        return gaussian_radius(self.sigma, p)

    def repeat_probability(self, x: Shaped[Tensor, " *shape"]) -> float:
        """Bound the probability that a draw equals a given float32 tensor.

        Look at the point farthest from the axis, at a distance ``m``, and at a length ``l`` from
        the origin. What rounds to one float32 vector lies within ``sqrt(3) 2^-23 l`` of each
        other, on an arc of at most ``pi / 2`` times that over ``m``, in radians. Given the angle
        modulo a full turn its density is at most ``0.4 / sigma + 1 / (2 pi)`` (a sum of a
        unimodal density over a grid is at most its mean and its largest value). A factor 2 covers
        the rounding of float64; a grid adds its step to the set. A cloud on the axis never
        changes: 1.
        """
        points = x[:, :AXES].double()
        axis = points.new_tensor(self.axis)
        beside = (points - (points @ axis)[:, None] * axis).square().sum(1).sqrt()
        farthest = int(beside.argmax())
        distance, length = float(beside[farthest]), float(points[farthest].norm())
        if distance <= SMALLEST + 2.0**-40 * length:
            return 1.0
        arc = math.pi / 2 * math.sqrt(3) * (2.0**-23 * length + self.step) / distance
        return min(1.0, 2 * arc * (0.4 / self.sigma + 1 / (2 * math.pi)))
