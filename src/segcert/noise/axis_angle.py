"""Gaussian rotation vectors, the paper's noise on rotations: for comparison, it proves nothing."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from segcert.noise.base import AbstractNoise, RandomSource, check_probability, check_scale
from segcert.noise.clouds import check_cloud, largest_norm, rotation_matrix, turned
from segcert.noise.parameter import normals
from segcert.noise.rotation import SMALLEST

BOUNDS = (0.01, 2.0)
UNITS = "rotation vectors, in radians"


@dataclass(frozen=True)
class AxisAngleNoise(AbstractNoise):
    """Rotation by a Gaussian rotation vector: axis times angle has the law N(0, sigma^2 I).

    There to compare with the paper. Its theorem on parameters needs rotations that compose by
    adding their parameters, and rotation vectors about different axes do not: no angle is
    certified, the radius is 0, and a certificate is about the cloud as it is. `RotationNoise`
    certifies rotations about any axis.

    Args:
        sigma: Standard deviation of each number of the rotation vector, radians.

    Raises:
        InputError: If ``sigma`` is not in [0.01, 2].

    Source:
        Fischer, Baader, Vechev (2021), appendix B.5; why it proves nothing: docs/decisions/0013.
    """

    sigma: float

    kind: ClassVar[str] = "axis-angle"
    norm: ClassVar[str] = "rotation angle"
    unit: ClassVar[str] = "radians"

    def __post_init__(self) -> None:
        """Check sigma."""
        check_scale("sigma", self.sigma, BOUNDS, UNITS)

    @property
    def description(self) -> str:
        """The noise in words."""
        return (
            "a random rotation about the origin with a Gaussian rotation vector of standard "
            f"deviation {self.sigma:g} radians per axis"
        )

    @property
    def assumption(self) -> str:
        """What is taken for granted."""
        return (
            "Rotation vectors do not compose by addition, so this noise, which is there for "
            "comparison, proves nothing about rotated clouds: the radius is 0 and the statement is "
            "about the cloud as it is (RotationNoise certifies rotations)."
        )

    def ball(self, radius: str) -> str:
        """The certified set in words: no rotation but that by 0."""
        return f"rotation of this input by an angle of at most {radius} ({self.unit})"

    def sample(
        self, x: Shaped[Tensor, " *shape"], n: int, *, rng: RandomSource
    ) -> Float[Tensor, " n *shape"]:
        """Draw ``n`` copies of a cloud, each rotated as a whole, normals with the points.

        Raises:
            InputError: If ``x`` is no cloud.
        """
        check_cloud(self, x)
        numbers = iter(normals(3 * n, rng))
        copies = []
        for vector in zip(numbers, numbers, numbers, strict=True):
            length = math.hypot(*vector) or 1.0
            a, b, c = (number / length for number in vector)
            copies.append(turned(x, rotation_matrix((a, b, c), self.sigma * length)))
        return torch.stack(copies).to(torch.float32)

    def radius(self, p: float) -> float:
        """No rotation is certified: 0.

        Raises:
            InputError: If ``p`` is not in [1/2, 1).
        """
        check_probability(p)
        return 0.0

    def repeat_probability(self, x: Shaped[Tensor, " *shape"]) -> float:
        """Bound the probability that a draw equals a given float32 tensor.

        Given the axis, uniform, look at the point farthest from the origin, at a distance ``m``: it
        moves on a circle of radius ``m sin a``. What rounds to one float32 vector lies within
        ``sqrt(3) 2^-23 m`` of each other, on an arc of at most ``pi / 2`` times that over ``m sin
        a``, in radians; the mean of ``1 / sin a`` is ``pi / 2``. The density of the angle modulo a
        full turn is at most ``0.588 / sigma + 1 / (2 pi)`` (a sum of a unimodal density over a grid
        is at most its mean and its largest value). A factor 2 covers the rounding of float64.
        """
        if largest_norm(x) <= SMALLEST:
            return 1.0
        arc = (math.pi / 2) ** 2 * math.sqrt(3) * 2.0**-23
        return min(1.0, 2 * arc * (0.588 / self.sigma + 1 / (2 * math.pi)))
