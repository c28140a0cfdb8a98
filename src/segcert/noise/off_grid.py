"""Gaussian noise around any image, rounded to the 1/255 grid: what a certificate is about.

A certificate of a uint8 image is one of the model ``g(y) = f(round(y))`` on real images, under
exact Gaussian noise (`segcert.noise.grid`). At an attacked image ``y``, which is off the grid, the
smoothed model is therefore sampled as ``f(round(y + sigma z))``. Rounding ``y`` first, or not
rounding at all, would ask another model than the certified one.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Float32, Float64, Int64
from torch import Tensor

from segcert.noise.base import AbstractNoise, RandomSource, check_dtype, check_scale
from segcert.noise.gaussian import BOUNDS, UNITS, LatticeGaussianNoise, gaussian_radius
from segcert.noise.grid import LEVELS, ON_GRID

HALF = 2**63 - 1  # mask of the bits of a word besides its sign


@dataclass(frozen=True)
class RoundedGaussianNoise(AbstractNoise):
    """Gaussian noise on images of floating-point numbers, then rounding to the 1/255 grid.

    Normal numbers and sums are float64: the probability of each grid value is off by less than
    1e-12. On an image of the grid it has the law of `LatticeGaussianNoise`.

    Args:
        sigma: Standard deviation per value, input units (images in [0, 1]).

    Raises:
        InputError: If ``sigma`` is not positive.
    """

    sigma: float

    kind: ClassVar[str] = "rounded-gaussian"
    norm: ClassVar[str] = "l2"
    unit: ClassVar[str] = "input units"

    def __post_init__(self) -> None:
        """Check sigma."""
        check_scale("sigma", self.sigma, BOUNDS, UNITS)

    @property
    def description(self) -> str:
        """The noise in words."""
        return f"Gaussian noise of standard deviation {self.sigma:g}{ON_GRID}"

    def sample(
        self, x: Float[Tensor, " *shape"], n: int, *, rng: RandomSource
    ) -> Float32[Tensor, " n *shape"]:
        """Draw ``n`` noisy copies of ``x``: ``round(255 (x + sigma z)) / 255``.

        Raises:
            InputError: If ``x`` holds integers.
        """
        check_dtype(self, x, floating=True, otherwise="LatticeGaussianNoise")
        exact = normals(rng.words((n, *x.shape))).mul_(self.sigma).add_(x.double())
        noisy: Tensor = exact.mul_(LEVELS).round_().div_(LEVELS).float()
        return noisy

    def radius(self, p: float) -> float:
        """Certified l2 radius in input units; see `gaussian_radius`."""
        return gaussian_radius(self.sigma, p)


def normals(words: Int64[Tensor, " *shape"]) -> Float64[Tensor, " *shape"]:
    """Turn uniform 64-bit words into standard normal numbers, by inversion of each half."""
    sign = torch.where(words < 0, 1.0, -1.0).double()
    below = (words & HALF).double().add_(0.5).mul_(2.0**-64)  # uniform in (0, 1/2)
    signed: Tensor = torch.special.ndtri(below).mul_(sign)
    return signed


def noise_off_grid(noise: AbstractNoise) -> AbstractNoise:
    """Choose the noise for an attacked image: around any image what ``noise`` is on the grid.

    That of points needs no other one: it rounds the noisy coordinates of any cloud.
    """
    return RoundedGaussianNoise(noise.sigma) if isinstance(noise, LatticeGaussianNoise) else noise
