"""Gaussian noise on the 1/255 grid of uint8 images; the machinery is in `segcert.noise.grid`.

The integer noise ``K = round(255 sigma z)`` has the law ``P(K > k) = Phi(-(k + 1/2) / (255
sigma))``. The total variation distance of what is drawn, over 110 draws of a 2-megapixel image,
is below 3e-8 for sigma up to 1 (docs/decisions/0002).
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import mpmath
from jaxtyping import Float, Int16, Int64, Shaped
from torch import Tensor

from segcert.noise.base import AbstractNoise, RandomSource, check_dtype, check_scale, norm_ball
from segcert.noise.gaussian import BOUNDS, UNITS, gaussian_radius
from segcert.noise.grid import (
    LEVELS,
    ON_GRID,
    InverseTable,
    check_fits_grid,
    grid_variation,
    inverse_table,
    sample_on_grid,
    to_steps,
)

LARGEST_SIGMA = 10.0  # the integers of the noise then still fit 16 bits


@lru_cache(maxsize=8)
def gaussian_table(sigma: float) -> InverseTable:
    """Build the table of one standard deviation, input units."""
    return inverse_table(lambda step: mpmath.ncdf(-step / (mpmath.mpf(sigma) * LEVELS)))


@dataclass(frozen=True)
class LatticeGaussianNoise(AbstractNoise):
    """Gaussian noise on the 1/255 grid of uint8 images; certifies l2 balls without float gaps.

    Args:
        sigma: Standard deviation per value, in units of [0, 1] (255 grey levels), at most 10.

    Raises:
        InputError: If ``sigma`` is not in (0, 10].

    Source:
        Rounding inside the base model: Voracek & Hein (2023), "Treatment of statistical
        estimation problems in randomized smoothing"; Jin et al. (2022).
    """

    sigma: float

    kind: ClassVar[str] = "lattice-gaussian"
    norm: ClassVar[str] = "l2"
    unit: ClassVar[str] = "input units"

    def __post_init__(self) -> None:
        """Check sigma."""
        check_scale("sigma", self.sigma, BOUNDS, UNITS)
        check_fits_grid("sigma", self.sigma, LARGEST_SIGMA, otherwise="GaussianNoise")

    @property
    def description(self) -> str:
        """The noise in words."""
        return f"Gaussian noise of standard deviation {self.sigma:g}{ON_GRID}"

    def ball(self, radius: str) -> str:
        """The certified l2 ball in words."""
        return norm_ball(self, radius)

    def sample(
        self, x: Shaped[Tensor, " *shape"], n: int, *, rng: RandomSource
    ) -> Float[Tensor, " n *shape"]:
        """Draw ``n`` noisy copies of a uint8 image, in [0, 1] units, on the 1/255 grid.

        Raises:
            InputError: If ``x`` is not uint8.
        """
        check_dtype(self, x, floating=False, otherwise="GaussianNoise")
        return sample_on_grid(x, n, rng=rng, steps=self.steps)

    def variation(self, shape: tuple[int, ...]) -> float:
        """Bound the total variation distance of one draw from the exact law."""
        return grid_variation(math.prod(shape), gaussian_table(self.sigma))

    def steps(self, words: Int64[Tensor, " *shape"]) -> Int16[Tensor, " *shape"]:
        """Turn uniform 64-bit words into the integer noise ``round(255 sigma z)``."""
        return to_steps(words, gaussian_table(self.sigma))

    def radius(self, p: float) -> float:
        """Certified l2 radius in units of [0, 1]; see `gaussian_radius`."""
        return gaussian_radius(self.sigma, p)
