"""Gaussian noise, on real numbers and on the 1/255 grid, and the l2 radius that it certifies.

On the grid the integer noise ``K = round(255 sigma z)`` has the law ``P(K > k) = Phi(-(k + 1/2) /
(255 sigma))``. The total variation distance of what is drawn, over 110 draws of a 2-megapixel
image, is below 3e-8 for sigma up to 1 (docs/decisions/0002).
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import mpmath
from jaxtyping import Float
from scipy.special import ndtri
from torch import Tensor

from segcert.noise.base import (
    DOWN,
    AbstractNoise,
    RandomSource,
    check_probability,
    check_scale,
)
from segcert.noise.grid import (
    LEVELS,
    ON_GRID,
    AbstractGridNoise,
    InverseTable,
    check_fits_grid,
    inverse_table,
)
from segcert.noise.laws import GAUSSIAN, Law
from segcert.noise.rounded import AbstractRoundedNoise, check_step, grid_step, step_clause

BOUNDS = (1e-6, 1e6)  # beyond, float32 inputs and radii lose their digits
UNITS = "noise in input units, images in [0, 1]"
LARGEST_ON_GRID = 10.0  # the integers of the noise then still fit 16 bits


def gaussian_radius(sigma: float, p: float) -> float:
    """Radius of the l2 ball on which a class of probability greater than ``p`` stays on top.

    Args:
        sigma: Standard deviation of the noise, input units.
        p: Probability of the class at the centre, in [1/2, 1).

    Returns:
        ``sigma * Phi^-1(p)`` in input units, never rounded up.

    Raises:
        InputError: If ``p`` is not in [1/2, 1).

    Source:
        Cohen, Rosenfeld, Kolter (2019), Theorem 1, with p_B = 1 - p_A.
    """
    check_probability(p)
    return sigma * float(ndtri(p)) * DOWN


@lru_cache(maxsize=8)
def gaussian_table(sigma: float) -> InverseTable:
    """Build the table of one standard deviation, input units."""
    return inverse_table(lambda step: mpmath.ncdf(-step / (mpmath.mpf(sigma) * LEVELS)))


@dataclass(frozen=True)
class LatticeGaussianNoise(AbstractGridNoise):
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
    of_floats: ClassVar[str] = "GaussianNoise"

    def __post_init__(self) -> None:
        """Check sigma."""
        check_scale("sigma", self.sigma, BOUNDS, UNITS)
        check_fits_grid("sigma", self.sigma, LARGEST_ON_GRID, otherwise=self.of_floats)

    @property
    def description(self) -> str:
        """The noise in words."""
        return f"Gaussian noise of standard deviation {self.sigma:g}{ON_GRID}"

    @property
    def table(self) -> InverseTable:
        """The law of its integers."""
        return gaussian_table(self.sigma)

    def radius(self, p: float) -> float:
        """Certified l2 radius in units of [0, 1]; see `gaussian_radius`."""
        return gaussian_radius(self.sigma, p)


@dataclass(frozen=True)
class GaussianNoise(AbstractRoundedNoise):
    """Isotropic Gaussian noise on inputs of floating-point numbers; certifies l2 balls.

    The model is taken to round what it is given to a fine grid (``step``), which has its grid
    chosen where it is sampled: noise and rounding together are drawn with the exact law, so that
    nothing is asked of the input, on the grid or off it, and a model that reads the last digits of
    floating-point numbers is covered like any other. For uint8 images take `LatticeGaussianNoise`.

    Args:
        sigma: Standard deviation per value, input units (images in [0, 1]).
        step: Grid that noisy values are rounded to, input units: `grid_step`; 0 for none, as in
            certificates of format version 2. `sample` of segcert fills it in.

    Raises:
        InputError: If ``sigma`` is not positive, or ``step`` another grid.

    Source:
        The rounding: docs/decisions/0015.
    """

    sigma: float
    step: float = 0.0

    kind: ClassVar[str] = "gaussian"
    norm: ClassVar[str] = "l2"
    law: ClassVar[Law] = GAUSSIAN
    lattice: ClassVar[type[AbstractNoise]] = LatticeGaussianNoise

    def __post_init__(self) -> None:
        """Check sigma."""
        check_scale("sigma", self.sigma, BOUNDS, UNITS)
        check_step(self.step, grid_step(self.sigma))

    @property
    def description(self) -> str:
        """The noise in words."""
        return f"Gaussian noise of standard deviation {self.sigma:g}{step_clause(self.step)}"

    def sample_floats(
        self, x: Float[Tensor, " *shape"], n: int, *, rng: RandomSource
    ) -> Float[Tensor, " n *shape"]:
        """Draw ``n`` noisy copies of ``x``: ``x + sigma * normal``."""
        return rng.normals((n, *x.shape)).mul_(self.sigma).add_(x)

    def radius(self, p: float) -> float:
        """Certified l2 radius in input units; see `gaussian_radius`."""
        return gaussian_radius(self.sigma, p)
