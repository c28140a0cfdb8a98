"""Isotropic Gaussian noise and the radius that it certifies."""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from scipy.special import ndtri
from torch import Tensor

from segcert.errors import InputError
from segcert.noise.base import AbstractNoise, RandomSource

SMALLEST_SIGMA, LARGEST_SIGMA = 1e-6, 1e6  # beyond, float32 inputs and radii lose their digits
DOWN = 1 - 2.0**-44  # relative step down; more than the error of ndtri and of the product


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
    if not 0.5 <= p < 1:
        raise InputError(f"p must lie in [1/2, 1) to certify a radius, got {p}")
    return sigma * float(ndtri(p)) * DOWN


def check_sigma(sigma: float) -> None:
    """Refuse a standard deviation that is not a positive number of a sensible size."""
    if not sigma > 0 or not SMALLEST_SIGMA <= sigma <= LARGEST_SIGMA:
        raise InputError(
            f"sigma must be a positive number in [{SMALLEST_SIGMA:g}, {LARGEST_SIGMA:g}] "
            f"(noise in input units, images in [0, 1]), got {sigma}"
        )


@dataclass(frozen=True)
class GaussianNoise(AbstractNoise):
    """Isotropic Gaussian noise on inputs of floating-point numbers; certifies l2 balls.

    The guarantee is that of real numbers; a model that reads the float grid of its
    input is outside of it (Jin et al. 2022). For uint8 images take
    `LatticeGaussianNoise`, which has no such gap.

    Args:
        sigma: Standard deviation per value, input units (images in [0, 1]).

    Raises:
        InputError: If ``sigma`` is not positive.
    """

    sigma: float

    norm: ClassVar[str] = "l2"
    unit: ClassVar[str] = "input units"

    def __post_init__(self) -> None:
        """Check sigma."""
        check_sigma(self.sigma)

    @property
    def description(self) -> str:
        """The noise in words."""
        return f"Gaussian noise of standard deviation {self.sigma:g}"

    def sample(
        self, x: Float[Tensor, " *shape"], n: int, *, rng: RandomSource
    ) -> Float[Tensor, " n *shape"]:
        """Draw ``n`` noisy copies of ``x``: ``x + sigma * normal``.

        Raises:
            InputError: If ``x`` holds integers.
        """
        if not x.is_floating_point():
            raise InputError(
                f"GaussianNoise needs floating-point input in [0, 1], got {x.dtype}: "
                "use LatticeGaussianNoise for uint8 images"
            )
        return rng.normals((n, *x.shape)).mul_(self.sigma).add_(x)

    def radius(self, p: float) -> float:
        """Certified l2 radius in input units; see `gaussian_radius`."""
        return gaussian_radius(self.sigma, p)
