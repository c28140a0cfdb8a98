"""Random brightness: one Gaussian number is added to every value of the image."""

import math
from dataclasses import dataclass, replace
from functools import cache
from typing import ClassVar

import mpmath
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from segcert.noise.base import REAL_NUMBERS, AbstractNoise, RandomSource, check_scale
from segcert.noise.gaussian import gaussian_radius
from segcert.noise.parameter import (
    AS_THEY_ARE,
    DENSITY,
    IMAGE_STEP,
    LARGEST_NORMAL,
    RELATIVE,
    WIDE_BITS,
    WideNumber,
    exact_value,
    fine_values,
    normals,
    one_each,
    unit_values,
    wide_numbers,
)
from segcert.noise.rounded import check_step, on_multiples, step_clause

BOUNDS = (1e-3, 1e3)  # below a quarter of a grey level, draws coincide too often in float32


@dataclass(frozen=True)
class BrightnessNoise(AbstractNoise):
    """Random change of brightness, ``x + b`` with one ``b`` of law N(0, sigma^2) per draw.

    Certifies changes of brightness: ``x + b`` for every ``b`` of size at most the radius, as
    long as nothing clips or rounds the changed image (see ``assumption``). The model rounds what
    it is given to a fine grid, and what is drawn is what exact arithmetic would give.

    Args:
        sigma: Standard deviation of the change, input units (images in [0, 1]).
        step: Grid that noisy values are rounded to, input units: 2^-22; 0 for none but that of
            float32, as in certificates of format version 2. `sample` of segcert fills it in.

    Raises:
        InputError: If ``sigma`` is not in [0.001, 1000], or ``step`` another grid.

    Source:
        Fischer, Baader, Vechev (2020), "Certified defense to image transformations via
        randomized smoothing", section 3 (transformations that compose by adding parameters);
        Fischer, Baader, Vechev (2021), section 5.2; proof in docs/decisions/0007.
    """

    sigma: float
    step: float = 0.0

    kind: ClassVar[str] = "brightness"
    norm: ClassVar[str] = "brightness"
    unit: ClassVar[str] = "input units"

    def __post_init__(self) -> None:
        """Check sigma."""
        check_scale("sigma", self.sigma, BOUNDS, "brightness in input units, images in [0, 1]")
        check_step(self.step, IMAGE_STEP)

    @property
    def description(self) -> str:
        """The noise in words."""
        return (
            f"a Gaussian change of brightness of standard deviation {self.sigma:g} "
            f"(one number for all values){step_clause(self.step)}"
        )

    @property
    def assumption(self) -> str:
        """What is taken for granted."""
        return AS_THEY_ARE if self.step else f"{AS_THEY_ARE} {REAL_NUMBERS}"

    def ball(self, radius: str) -> str:
        """The certified interval in words."""
        return (
            "change of brightness (the same number added to every value, before any clipping) of "
            f"at most {radius} in size ({self.unit})"
        )

    def sample(
        self, x: Shaped[Tensor, " *shape"], n: int, *, rng: RandomSource
    ) -> Float[Tensor, " n *shape"]:
        """Draw ``n`` copies of ``x``, in [0, 1] units, each with its own brightness.

        The sum is computed in float64 and rounded once: to the grid as exact arithmetic would,
        or to float32.
        """
        if self.step:
            return torch.stack([self._copy(x, number) for number in wide_numbers(n, rng)])
        changes = one_each([self.sigma * z for z in normals(n, rng)], x)
        return (unit_values(x).double() + changes).to(torch.float32)

    def _copy(self, x: Tensor, number: WideNumber) -> Tensor:
        """Draw one copy on the grid."""
        change = self.sigma * number.normal

        @cache
        def exact(value: float) -> mpmath.mpf:
            return exact_value(value, x.dtype) + self.sigma * number.exact_normal

        values = fine_values(x) + change
        return on_multiples(values, self.step, 1 + abs(change), lambda at: exact(float(x[at])))

    def with_grid(self, x: Shaped[Tensor, " *shape"]) -> "BrightnessNoise":  # noqa: ARG002
        """The same noise with its grid."""
        return replace(self, step=IMAGE_STEP)

    def variation(self, shape: tuple[int, ...]) -> float:
        """Bound the total variation distance of one draw from the exact law.

        One number decides all values, and between two borders nothing changes: each value has at
        most as many as there are steps of the grid in the range of the noise.
        """
        if not self.step:
            return 0.0
        borders = 2 * LARGEST_NORMAL * self.sigma / self.step + 4
        return math.prod(shape) * borders * 2.0**-WIDE_BITS

    def radius(self, p: float) -> float:
        """Certified change of brightness, ``sigma * Phi^-1(p)``; see `gaussian_radius`."""
        return gaussian_radius(self.sigma, p)

    def repeat_probability(self, x: Shaped[Tensor, " *shape"]) -> float:  # noqa: ARG002
        """Bound the probability that a draw equals a given float32 tensor.

        Look at one value ``x`` in [0, 1]. The ``b`` for which ``v = x + b`` rounds to one
        float32 number fill an interval of length at most ``2^-23 |v|``; times the largest
        density there that is at most ``2^-23 (|x| / (sigma sqrt(2 pi)) + max |u| phi(u))``, and
        ``max |u| phi(u) < 1/4``. A factor 2 covers the rounding of float64. A grid adds its step
        to the length, doubled likewise.
        """
        return RELATIVE * (DENSITY / self.sigma + 0.25) + 2 * self.step * DENSITY / self.sigma
