"""Uniform noise, on real numbers and on the 1/255 grid, and the l1 radius that it certifies."""

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import mpmath
import torch
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
from segcert.noise.laws import UNIFORM, Law
from segcert.noise.rounded import AbstractRoundedNoise, check_step, grid_step, step_clause

BOUNDS = (1e-6, 1e6)  # beyond, float32 inputs and radii lose their digits
UNITS = "noise in input units, images in [0, 1]"
LARGEST_ON_GRID = 100.0  # 25,500 steps of the grid: the integers of the noise fit 16 bits


def uniform_radius(half_width: float, p: float) -> float:
    """Radius of the l1 ball on which a class of probability greater than ``p`` stays on top.

    A shift by ``d`` moves at most ``||d||_1 / (2 half_width)`` of the mass out of the cube, and
    no class can lose more than that.

    Args:
        half_width: Largest size of the noise of one value, input units.
        p: Probability of the class at the centre, in [1/2, 1).

    Returns:
        ``2 half_width (p - 1/2)`` in input units, never rounded up.

    Raises:
        InputError: If ``p`` is not in [1/2, 1).

    Source:
        Lee, Yuan, Chang, Jaakkola (2019), "Tight certificates of adversarial robustness for
        randomly smoothed classifiers" (uniform noise, l1); Yang et al. (2020), "Randomized
        smoothing of all shapes and sizes"; proof in docs/decisions/0007.
    """
    check_probability(p)
    return 2 * half_width * (p - 0.5) * DOWN


@lru_cache(maxsize=8)
def uniform_table(half_width: float) -> InverseTable:
    """Build the table of one half-width, input units."""
    return inverse_table(lambda step: uniform_upper_tail(step, half_width))


def uniform_upper_tail(step: mpmath.mpf, half_width: float) -> mpmath.mpf:
    """P(255 Z > step) for a step >= 0.

    160 bits decide the nearest integer to ``2^64`` times it: ``w = 255 half_width`` is
    ``s / 2^m`` with an integer ``s < 2^61``, so ``2^63 (w - step) / w`` is halfway between two
    integers or at least ``2^-62`` away from that.
    """
    width = mpmath.mpf(half_width) * LEVELS
    return max(mpmath.mpf(0), (width - step) / (2 * width))


@dataclass(frozen=True)
class LatticeUniformNoise(AbstractGridNoise):
    """Uniform noise on the 1/255 grid of uint8 images; certifies l1 balls without float gaps.

    Args:
        half_width: The noise of a value, before rounding, is uniform in [-half_width,
            half_width], in units of [0, 1] (255 grey levels); at most 100.

    Raises:
        InputError: If ``half_width`` is not in (0, 100].

    Source:
        Rounding inside the base model, as for `LatticeGaussianNoise`.
    """

    half_width: float

    kind: ClassVar[str] = "lattice-uniform"
    norm: ClassVar[str] = "l1"
    of_floats: ClassVar[str] = "UniformNoise"

    def __post_init__(self) -> None:
        """Check the half-width."""
        check_scale("half_width", self.half_width, BOUNDS, UNITS)
        check_fits_grid("half_width", self.half_width, LARGEST_ON_GRID, otherwise=self.of_floats)

    @property
    def description(self) -> str:
        """The noise in words."""
        return f"uniform noise of at most {self.half_width:g} in size per value{ON_GRID}"

    @property
    def table(self) -> InverseTable:
        """The law of its integers."""
        return uniform_table(self.half_width)

    def radius(self, p: float) -> float:
        """Certified l1 radius in units of [0, 1]; see `uniform_radius`."""
        return uniform_radius(self.half_width, p)


@dataclass(frozen=True)
class UniformNoise(AbstractRoundedNoise):
    """Uniform noise on inputs of floating-point numbers; certifies l1 balls.

    The model is taken to round what it is given to a fine grid (``step``), which has its grid
    chosen where it is sampled: noise and rounding together are drawn with the exact law, so that
    nothing is asked of the input, on the grid or off it, and a model that reads the last digits of
    floating-point numbers is covered like any other. For uint8 images take `LatticeUniformNoise`.

    Args:
        half_width: The noise of a value is uniform in [-half_width, half_width], input units
            (lambda in docs/guarantees.md).
        step: Grid that noisy values are rounded to, input units: `grid_step`; 0 for none, as in
            certificates of format version 2. `sample` of segcert fills it in.

    Raises:
        InputError: If ``half_width`` is not positive, or ``step`` another grid.

    Source:
        The rounding: docs/decisions/0015.
    """

    half_width: float
    step: float = 0.0

    kind: ClassVar[str] = "uniform"
    norm: ClassVar[str] = "l1"
    law: ClassVar[Law] = UNIFORM
    lattice: ClassVar[type[AbstractNoise]] = LatticeUniformNoise

    def __post_init__(self) -> None:
        """Check the half-width."""
        check_scale("half_width", self.half_width, BOUNDS, UNITS)
        check_step(self.step, grid_step(self.half_width))

    @property
    def description(self) -> str:
        """The noise in words."""
        return (
            f"uniform noise of at most {self.half_width:g} in size per value"
            f"{step_clause(self.step)}"
        )

    def sample_floats(
        self, x: Float[Tensor, " *shape"], n: int, *, rng: RandomSource
    ) -> Float[Tensor, " n *shape"]:
        """Draw ``n`` noisy copies of ``x``.

        The leading 53 bits ``w`` of a word give ``(w + 1/2) / 2^52``, exactly, symmetric about
        0 and inside (-1, 1); the sum with ``x`` is rounded to float32 once.
        """
        unit = (rng.words((n, *x.shape)) >> 11).double().add_(0.5).mul_(2.0**-52)
        return unit.mul_(self.half_width).add_(x).to(torch.float32)

    def radius(self, p: float) -> float:
        """Certified l1 radius in input units; see `uniform_radius`."""
        return uniform_radius(self.half_width, p)
