"""Laplace noise, on real numbers and on the 1/255 grid, and the l1 radius that it certifies."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import mpmath
from jaxtyping import Float
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
from segcert.noise.laws import LAPLACE, Law
from segcert.noise.rounded import AbstractRoundedNoise, check_step, grid_step, step_clause

BOUNDS = (1e-6, 1e6)  # beyond, float32 inputs and radii lose their digits
UNITS = "noise in input units, images in [0, 1]"
LARGEST_ON_GRID = 2.5  # tails of 2^-65 lie at 28,721 steps: the integers of the noise fit 16 bits


def laplace_radius(scale: float, p: float) -> float:
    """Radius of the l1 ball on which a class of probability greater than ``p`` stays on top.

    A shift by ``d`` changes the density by a factor of at most ``exp(||d||_1 / scale)``
    anywhere, so the probability of all other classes grows by no more than that.

    Args:
        scale: Mean size of the noise of one value, input units.
        p: Probability of the class at the centre, in [1/2, 1).

    Returns:
        ``-scale ln(2 (1 - p))`` in input units, never rounded up.

    Raises:
        InputError: If ``p`` is not in [1/2, 1).

    Source:
        Teng, Lee, Yuan (2020), "l1 adversarial robustness certificates: a randomized smoothing
        approach", Laplace noise; proof in docs/decisions/0007.
    """
    check_probability(p)
    return scale * abs(math.log(2 * (1 - p))) * DOWN  # 2 (1 - p) is exact in float64


@lru_cache(maxsize=8)
def laplace_table(scale: float) -> InverseTable:
    """Build the table of one scale, input units."""
    return inverse_table(lambda step: mpmath.exp(-step / (mpmath.mpf(scale) * LEVELS)) / 2)


@dataclass(frozen=True)
class LatticeLaplaceNoise(AbstractGridNoise):
    """Laplace noise on the 1/255 grid of uint8 images; certifies l1 balls without float gaps.

    Args:
        scale: Mean size of the noise of a value before rounding, in units of [0, 1] (255 grey
            levels), at most 2.5.

    Raises:
        InputError: If ``scale`` is not in (0, 2.5].

    Source:
        Rounding inside the base model, as for `LatticeGaussianNoise`.
    """

    scale: float

    kind: ClassVar[str] = "lattice-laplace"
    norm: ClassVar[str] = "l1"
    of_floats: ClassVar[str] = "LaplaceNoise"

    def __post_init__(self) -> None:
        """Check the scale."""
        check_scale("scale", self.scale, BOUNDS, UNITS)
        check_fits_grid("scale", self.scale, LARGEST_ON_GRID, otherwise=self.of_floats)

    @property
    def description(self) -> str:
        """The noise in words."""
        return f"Laplace noise of mean size {self.scale:g} per value{ON_GRID}"

    @property
    def table(self) -> InverseTable:
        """The law of its integers."""
        return laplace_table(self.scale)

    def radius(self, p: float) -> float:
        """Certified l1 radius in units of [0, 1]; see `laplace_radius`."""
        return laplace_radius(self.scale, p)


@dataclass(frozen=True)
class LaplaceNoise(AbstractRoundedNoise):
    """Laplace noise on inputs of floating-point numbers; certifies l1 balls.

    The model is taken to round what it is given to a fine grid (``step``), which has its grid
    chosen where it is sampled: noise and rounding together are drawn with the exact law, so that
    nothing is asked of the input, on the grid or off it, and a model that reads the last digits of
    floating-point numbers is covered like any other. For uint8 images take `LatticeLaplaceNoise`.

    Args:
        scale: Mean size of the noise of a value, input units (lambda in docs/guarantees.md).
            Its standard deviation is ``sqrt(2)`` times as large.
        step: Grid that noisy values are rounded to, input units: `grid_step`; 0 for none, as in
            certificates of format version 2. `sample` of segcert fills it in.

    Raises:
        InputError: If ``scale`` is not positive, or ``step`` another grid.

    Source:
        The rounding: docs/decisions/0015.
    """

    scale: float
    step: float = 0.0

    kind: ClassVar[str] = "laplace"
    norm: ClassVar[str] = "l1"
    law: ClassVar[Law] = LAPLACE
    lattice: ClassVar[type[AbstractNoise]] = LatticeLaplaceNoise

    def __post_init__(self) -> None:
        """Check the scale."""
        check_scale("scale", self.scale, BOUNDS, UNITS)
        check_step(self.step, grid_step(self.scale))

    @property
    def description(self) -> str:
        """The noise in words."""
        return f"Laplace noise of mean size {self.scale:g} per value{step_clause(self.step)}"

    def sample_floats(
        self, x: Float[Tensor, " *shape"], n: int, *, rng: RandomSource
    ) -> Float[Tensor, " n *shape"]:
        """Draw ``n`` noisy copies of ``x``: ``x + scale (a b - c d)`` with standard normals.

        ``a b - c d`` has the standard Laplace law. Products and differences are rounded alike
        on every device, logarithms are not, so a replay elsewhere draws the same bits.

        Source:
            Kotz, Kozubowski, Podgorski (2001), "The Laplace distribution and generalizations",
            chapter 2: the determinant of a 2x2 matrix of standard normals.
        """
        a, b, c, d = (rng.normals((n, *x.shape)) for _ in range(4))
        return a.mul_(b).sub_(c.mul_(d)).mul_(self.scale).add_(x)

    def radius(self, p: float) -> float:
        """Certified l1 radius in input units; see `laplace_radius`."""
        return laplace_radius(self.scale, p)
