"""Random rotations of point clouds: Brownian motion on the rotations, IGSO(3).

The class of ``x`` under ``Z x`` with a random rotation ``Z`` is a function of rotations,
``F(Q) = f(Q x)``, smoothed by the heat kernel of SO(3): ``E f(Z Q x) = E F(Z Q) = (P_t F)(Q)``.
Distances between rotations are rotation angles; in this metric SO(3) has Ricci curvature 1/2.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64, Shaped
from scipy.special import ndtri
from torch import Tensor

from segcert.noise.base import DOWN, AbstractNoise, RandomSource, check_probability, check_scale
from segcert.noise.clouds import Row, check_cloud, largest_norm, rotation_matrix, turned

BOUNDS = (0.01, 2.0)  # below half a degree the series grows long; at 2 all rotations are as likely
UNITS = "rotations, in radians per axis"
EXPONENT = 56.0  # terms below exp(-56) = 2^-80 are left out
HALVINGS = 56  # of [0, pi]: to one unit in the last place of pi / 4
SMALLEST = 1e-30  # a cloud of this size about the origin cannot be turned visibly
PATCH = 3 * 2.0**-48  # share of a sphere that rounds to one float32 vector


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


@lru_cache(maxsize=8)
def coefficients(sigma: float) -> Float64[np.ndarray, " terms"]:
    """Weights ``(2 l + 1) exp(-l (l + 1) sigma^2 / 2)`` of the series, l = 0, 1, ..."""
    last = math.ceil(math.sqrt(2 * EXPONENT) / sigma) + 1
    order = np.arange(last + 1, dtype=np.float64)
    weights: np.ndarray = (2 * order + 1) * np.exp(-order * (order + 1) * sigma**2 / 2)
    return weights


@lru_cache(maxsize=8)
def harmonics(
    sigma: float,
) -> tuple[Int64[np.ndarray, " terms"], Float64[np.ndarray, " terms"]]:
    """Orders l = 1, 2, ... and differences of the weights, which the distribution is made of."""
    return np.arange(1, len(coefficients(sigma))), np.diff(coefficients(sigma))


def angle_cdf(angle: Float64[np.ndarray, " m"], sigma: float) -> Float64[np.ndarray, " m"]:
    """Distribution function of the rotation angle, for angles in [0, pi].

    The integral of the density ``(1 - cos w) / pi sum_l (2 l + 1) e^{-l (l + 1) sigma^2 / 2}
    sin((l + 1/2) w) / sin(w / 2)``, term by term: ``2 sin(w / 2) sin((l + 1/2) w)`` is
    ``cos(l w) - cos((l + 1) w)``. Absolute error below 1e-13.

    Source:
        Nikolayev & Savyolova (1997), "Normal distribution on the rotation group SO(3)".
    """
    order, differences = harmonics(sigma)
    waves = np.sin(angle[:, None] * order) / order
    total: np.ndarray = (angle + waves @ differences) / math.pi
    return total


def angles(shares: Float64[np.ndarray, " m"], sigma: float) -> Float64[np.ndarray, " m"]:
    """Rotation angles at given shares of their distribution, by bisection; radians."""
    low, high = np.zeros_like(shares), np.full_like(shares, math.pi)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        below = angle_cdf(middle, sigma) < shares
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    found: np.ndarray = (low + high) / 2
    return found


def unit_vector(height: float, turn: float) -> Row:
    """Point of the sphere; uniform if both numbers are uniform in (0, 1)."""
    z = 2 * height - 1
    wide = math.sqrt(max(0.0, (1 - z) * (1 + z)))
    return wide * math.cos(2 * math.pi * turn), wide * math.sin(2 * math.pi * turn), z


@dataclass(frozen=True)
class RotationNoise(AbstractNoise):
    """Random rotation about the origin, isotropic (IGSO(3)); certifies rotation angles.

    Certifies every rotation about any axis through the origin by at most the radius, in radians.
    Normals turn with the points.

    Args:
        sigma: Standard deviation per axis, radians: the rotation is that of a Brownian motion with
            variance ``sigma^2`` about each axis.

    Raises:
        InputError: If ``sigma`` is not in [0.01, 2].

    Source:
        See `rotation_radius` and `angle_cdf`; docs/decisions/0013.
    """

    sigma: float

    kind: ClassVar[str] = "rotation"
    norm: ClassVar[str] = "rotation angle"
    unit: ClassVar[str] = "radians"
    assumption: ClassVar[str] = (
        "The rotated cloud is the given one, rotated as a whole, normals with the points, if "
        "there are any; coordinates that are rounded after the rotation are another change."
    )

    def __post_init__(self) -> None:
        """Check sigma."""
        check_scale("sigma", self.sigma, BOUNDS, UNITS)

    @property
    def description(self) -> str:
        """The noise in words."""
        return (
            "a random rotation about the origin (Brownian motion on the rotations) of standard "
            f"deviation {self.sigma:g} radians per axis"
        )

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
        and rounded to float32 once.

        Raises:
            InputError: If ``x`` is no cloud.
        """
        check_cloud(self, x)
        bits = (rng.words((n, 3)).cpu() >> 11).double() + (2.0**52 + 0.5)
        shares = (bits * 2.0**-53).numpy()  # in (0, 1)
        turns = zip(shares.tolist(), angles(shares[:, 0], self.sigma).tolist(), strict=True)
        copies = [
            turned(x, rotation_matrix(unit_vector(height, turn), angle))
            for (_, height, turn), angle in turns
        ]
        return torch.stack(copies).to(torch.float32)

    def radius(self, p: float) -> float:
        """Certified rotation angle in radians; see `rotation_radius`."""
        return rotation_radius(self.sigma, p)

    def repeat_probability(self, x: Shaped[Tensor, " *shape"]) -> float:
        """Bound the probability that a draw equals a given float32 tensor.

        Look at the point farthest from the origin, at a distance ``m``: the vectors of this length
        that round to one float32 vector lie within ``sqrt(3) 2^-23 m`` of each other, in a cap
        with at most ``3 / 4 2^-46`` of the sphere. The density of the rotation is at most that at
        angle 0, relative to the uniform law. A factor 4 covers the rounding of float64.
        A cloud at the origin never changes: 1.
        """
        if largest_norm(x) <= SMALLEST:
            return 1.0
        weights = coefficients(self.sigma)
        densest = float(weights @ (2 * np.arange(len(weights)) + 1))
        return min(1.0, 4 * PATCH * densest)
