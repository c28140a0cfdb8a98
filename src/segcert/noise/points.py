"""Gaussian noise on the coordinates of a point cloud; its normals are trusted."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from segcert.noise.base import AbstractNoise, RandomSource, check_scale
from segcert.noise.clouds import AXES, check_cloud
from segcert.noise.gaussian import BOUNDS, gaussian_radius
from segcert.noise.laws import GAUSSIAN
from segcert.noise.rounded import (
    check_near_origin,
    grid_step,
    rounded_gaussian,
    step_clause,
    variation,
)

UNITS = "noise on coordinates, in the units of the file"


@dataclass(frozen=True)
class PointNoise(AbstractNoise):
    """Gaussian noise on the coordinates of points; certifies l2 balls over all coordinates.

    The radius bounds the Frobenius norm of the whole change of the cloud: the root of the summed
    squared displacements of all points. The noisy coordinates are rounded to a fine grid
    (`segcert.noise.rounded`), as part of the base model, so that no gap of floating point lies
    between the theorem and the program.

    Args:
        sigma: Standard deviation per coordinate, in the units of the file.

    Raises:
        InputError: If ``sigma`` is not in [1e-6, 1e6].

    Source:
        Cohen, Rosenfeld, Kolter (2019), Theorem 1; the rounding: docs/decisions/0013.
    """

    sigma: float

    kind: ClassVar[str] = "points"
    norm: ClassVar[str] = "l2"
    unit: ClassVar[str] = "units of the file"

    def __post_init__(self) -> None:
        """Check sigma."""
        check_scale("sigma", self.sigma, BOUNDS, UNITS)

    @property
    def description(self) -> str:
        """The noise in words."""
        return (
            f"Gaussian noise of standard deviation {self.sigma:g} on each coordinate"
            f"{step_clause(grid_step(self.sigma))}"
        )

    @property
    def assumption(self) -> str:
        """What is taken for granted."""
        return (
            "Only coordinates may change: normals, if the cloud has any, are trusted to stay as "
            "they are given."
        )

    def variation(self, shape: tuple[int, ...]) -> float:
        """Bound the total variation distance of one draw from the exact law; see `rounded`."""
        return variation(shape[0] * AXES, GAUSSIAN)

    def ball(self, radius: str) -> str:
        """The certified l2 ball in words."""
        return f"{super().ball(radius)} over the coordinates of all points together"

    def sample(
        self, x: Shaped[Tensor, " *shape"], n: int, *, rng: RandomSource
    ) -> Float[Tensor, " n *shape"]:
        """Draw ``n`` noisy copies of a cloud (points, 3) or, with normals, (points, 6).

        Raises:
            InputError: If ``x`` is no cloud, or too far from the origin for the grid.
        """
        check_cloud(self, x)
        noisy = x.to(torch.float32).expand(n, *x.shape).clone()
        centre = x[:, :AXES].double()
        check_near_origin(centre, self.sigma)
        for copy in noisy:
            words = rng.words(tuple(centre.shape))
            copy[:, :AXES] = rounded_gaussian(centre, self.sigma, words)
        return noisy

    def radius(self, p: float) -> float:
        """Certified l2 radius in the units of the file; see `gaussian_radius`."""
        return gaussian_radius(self.sigma, p)
