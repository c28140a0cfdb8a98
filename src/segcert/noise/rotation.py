"""Random rotations of point clouds: Brownian motion on the rotations, IGSO(3).

The class of ``x`` under ``Z x`` with a random rotation ``Z`` is a function of rotations,
``F(Q) = f(Q x)``, smoothed by the heat kernel of SO(3): ``E f(Z Q x) = E F(Z Q) = (P_t F)(Q)``.
Distances between rotations are rotation angles; in this metric SO(3) has Ricci curvature 1/2.
"""

import math
from dataclasses import dataclass, replace
from typing import ClassVar, TypeVar

import mpmath
import numpy as np
import torch
from jaxtyping import Float, Shaped
from scipy.special import ndtri
from torch import Tensor

from segcert.noise.base import (
    DOWN,
    REAL_NUMBERS,
    AbstractNoise,
    RandomSource,
    check_probability,
    check_scale,
)
from segcert.noise.clouds import Row, check_cloud, largest_norm, rotation_matrix, turned
from segcert.noise.exact_turns import (
    WHOLE,
    ExactMatrix,
    ExactRow,
    check_power,
    cloud_step,
    exact_matrix,
    grid_clause,
    turned_on_grid,
    variation_of_turns,
)
from segcert.noise.igso3 import angle_of, angles, coefficients, exact_angle
from segcert.noise.laws import DIGITS
from segcert.noise.parameter import WIDE_BITS, WideNumber, wide_numbers

BOUNDS = (0.01, 2.0)  # below half a degree the series grows long; at 2 all rotations are as likely
UNITS = "rotations, in radians per axis"
Size = TypeVar("Size", float, mpmath.mpf)
SMALLEST = 1e-30  # a cloud of this size about the origin cannot be turned visibly


def rotation_radius(sigma: float, p: float) -> float:
    """Rotation angle up to which a class of probability greater than ``p`` stays on top.

    With ``Ric >= K`` and the semigroup ``P_t = exp(t Laplacian)``, ``Phi^-1(P_t f)`` is Lipschitz
    with the constant ``sqrt(K / (exp(2 K t) - 1))``. Here ``K = 1/2`` and ``2 t = sigma^2``.

    Args:
        sigma: Standard deviation per axis, radians.
        p: Probability of the class at the centre, in [1/2, 1).

    Returns:
        ``Phi^-1(p) sqrt(2 (exp(sigma^2 / 2) - 1))`` in radians, never rounded up.

    Raises:
        InputError: If ``p`` is not in [1/2, 1).

    Source:
        Bakry & Ledoux (1996), "Levy-Gromov's isoperimetric inequality for an infinite dimensional
        diffusion generator", reverse local inequality; proof in docs/decisions/0013.
    """
    check_probability(p)
    return math.sqrt(2 * math.expm1(sigma**2 / 2)) * float(ndtri(p)) * DOWN


def unit_vector(height: float, turn: float) -> Row:
    """Point of the sphere; uniform if both numbers are uniform in (0, 1)."""
    z = 2 * height - 1
    wide = math.sqrt(max(0.0, (1 - z) * (1 + z)))
    return wide * math.cos(2 * math.pi * turn), wide * math.sin(2 * math.pi * turn), z


def vector_of(height: WideNumber, turn: WideNumber) -> Row:
    """Point of the sphere by its height and its longitude, both symmetric about 0."""
    z, angle = signed(height, 1 - 2 * height.tail), math.pi * signed(turn, 1 - 2 * turn.tail)
    wide = 2 * math.sqrt(height.tail * (1 - height.tail))
    return wide * math.cos(angle), wide * math.sin(angle), z


def exact_vector(height: WideNumber, turn: WideNumber) -> ExactRow:
    """The same point with 80 digits."""
    with mpmath.workdps(DIGITS):
        tail = height.exact_tail
        z = signed(height, 1 - 2 * tail)
        angle = mpmath.pi * signed(turn, 1 - 2 * turn.exact_tail)
        wide = 2 * mpmath.sqrt(tail * (1 - tail))
        return wide * mpmath.cos(angle), wide * mpmath.sin(angle), z


def signed(number: WideNumber, size: Size) -> Size:
    """A size on the side of a number."""
    return size if number.word >= 0 else -size


@dataclass(frozen=True)
class RotationNoise(AbstractNoise):
    """Random rotation about the origin, isotropic (IGSO(3)); certifies rotation angles.

    Certifies every rotation about any axis through the origin by at most the radius, in radians.
    Normals turn with the points. The model rounds what it is given to a fine grid, and what is
    drawn is what exact arithmetic would give.

    Args:
        sigma: Standard deviation per axis, radians: the rotation is that of a Brownian motion with
            variance ``sigma^2`` about each axis.
        step: Grid that rotated coordinates are rounded to, units of the file, a power of two;
            normals have that of 2^-12. 0 for none but that of float32, as in certificates of
            format version 2. `sample` of segcert chooses it by the size of the cloud.

    Raises:
        InputError: If ``sigma`` is not in [0.01, 2], or ``step`` is no power of two.

    Source:
        See `rotation_radius` and `angle_cdf`; docs/decisions/0013.
    """

    sigma: float
    step: float = 0.0

    kind: ClassVar[str] = "rotation"
    norm: ClassVar[str] = "rotation angle"
    unit: ClassVar[str] = "radians"

    def __post_init__(self) -> None:
        """Check sigma."""
        check_scale("sigma", self.sigma, BOUNDS, UNITS)
        check_power(self.step)

    @property
    def description(self) -> str:
        """The noise in words."""
        return (
            "a random rotation about the origin (Brownian motion on the rotations) of standard "
            f"deviation {self.sigma:g} radians per axis{grid_clause(self.step)}"
        )

    @property
    def assumption(self) -> str:
        """What is taken for granted."""
        return WHOLE if self.step else f"{WHOLE} {REAL_NUMBERS}"

    def ball(self, radius: str) -> str:
        """The certified rotations in words."""
        return (
            "rotation of this input about any axis through the origin by an angle of at most "
            f"{radius} ({self.unit})"
        )

    def sample(
        self, x: Shaped[Tensor, " *shape"], n: int, *, rng: RandomSource
    ) -> Float[Tensor, " n *shape"]:
        """Draw ``n`` copies of a cloud, each rotated as a whole.

        The angle comes from its distribution function, the axis is uniform; rotated in float64
        and rounded once: to the grid as exact arithmetic would, or to float32.

        Raises:
            InputError: If ``x`` is no cloud.
        """
        check_cloud(self, x)
        if self.step:
            return torch.stack([self._copy(x, wide_numbers(3, rng)) for _ in range(n)])
        bits = (rng.words((n, 3)).cpu() >> 11).double() + (2.0**52 + 0.5)
        shares = (bits * 2.0**-53).numpy()  # in (0, 1)
        turns = zip(shares.tolist(), angles(shares[:, 0], self.sigma).tolist(), strict=True)
        copies = [
            turned(x, rotation_matrix(unit_vector(height, turn), angle))
            for (_, height, turn), angle in turns
        ]
        return torch.stack(copies).to(torch.float32)

    def _copy(self, x: Tensor, numbers: list[WideNumber]) -> Tensor:
        """Draw one copy on the grid, by the numbers of the angle and of the axis."""
        share, height, turn = numbers
        angle, error = angle_of(share, self.sigma)

        def exact() -> ExactMatrix:
            return exact_matrix(exact_vector(height, turn), exact_angle(share, self.sigma, angle))

        matrix = rotation_matrix(vector_of(height, turn), angle)
        return turned_on_grid(x, matrix, exact, step=self.step, error=error)

    def with_grid(self, x: Shaped[Tensor, " *shape"]) -> "RotationNoise":
        """The same noise with the grid of a cloud of this size."""
        return self if self.step else replace(self, step=cloud_step(largest_norm(x)))

    def variation(self, shape: tuple[int, ...]) -> float:
        """Bound the total variation distance of one draw from the exact law.

        A coordinate is a sine of the angle, and a trigonometric polynomial of degree 2 of the
        latitude and of the longitude of the axis: it crosses a border at most 2, 4 and 4 times.
        """
        return variation_of_turns(math.prod(shape), 10, WIDE_BITS) if self.step else 0.0

    def radius(self, p: float) -> float:
        """Certified rotation angle in radians; see `rotation_radius`."""
        return rotation_radius(self.sigma, p)

    def repeat_probability(self, x: Shaped[Tensor, " *shape"]) -> float:
        """Bound the probability that a draw equals a given float32 tensor.

        Look at the point farthest from the origin, at a distance ``m``: the vectors of this length
        that round to one float32 vector lie within ``sqrt(3) 2^-23 m`` of each other, in a cap
        with at most ``3 / 4 2^-46`` of the sphere. The density of the rotation is at most that at
        angle 0, relative to the uniform law. A factor 4 covers the rounding of float64.
        A grid adds its step to ``2^-23 m``. A cloud at the origin never changes: 1.
        """
        size = largest_norm(x)
        if size <= SMALLEST:
            return 1.0
        weights = coefficients(self.sigma)
        densest = float(weights @ (2 * np.arange(len(weights)) + 1))
        patch = 3 / 4 * (2.0**-23 + self.step / size) ** 2
        return min(1.0, 4 * patch * densest)
