"""Random contrast: every value's distance to mid-grey is scaled by one log-normal number."""

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

BOUNDS = (1e-3, 2.0)  # a deviation of 2 is a factor of 7.4; beyond, images vanish in grey
GREY = 0.5  # the value that no contrast changes


@dataclass(frozen=True)
class ContrastNoise(AbstractNoise):
    """Random change of contrast, ``1/2 + exp(c) (x - 1/2)`` with one ``c`` of N(0, sigma^2).

    Certifies changes of contrast by a factor ``exp(c)`` for every ``c`` of size at most the
    radius, as long as nothing clips or rounds the changed image (see ``assumption``). The model
    rounds what it is given to a fine grid, and what is drawn is what exact arithmetic would give.

    Args:
        sigma: Standard deviation of the log-contrast ``c`` (no unit).
        step: Grid that noisy values are rounded to, input units: 2^-22; 0 for none but that of
            float32, as in certificates of format version 2. `sample` of segcert fills it in.

    Raises:
        InputError: If ``sigma`` is not in [0.001, 2], or ``step`` another grid.

    Source:
        Fischer, Baader, Vechev (2020), "Certified defense to image transformations via
        randomized smoothing", section 3 (transformations that compose by adding parameters);
        Fischer, Baader, Vechev (2021), section 5.2; proof in docs/decisions/0007.
    """

    sigma: float
    step: float = 0.0

    kind: ClassVar[str] = "contrast"
    norm: ClassVar[str] = "log-contrast"
    unit: ClassVar[str] = "natural logarithm of the factor"

    def __post_init__(self) -> None:
        """Check sigma."""
        check_scale("sigma", self.sigma, BOUNDS, "log-contrast: the factor is exp(c)")
        check_step(self.step, IMAGE_STEP)

    @property
    def description(self) -> str:
        """The noise in words."""
        return (
            f"a change of contrast around 0.5 by exp(c), c Gaussian of standard deviation "
            f"{self.sigma:g} (one number for all values){step_clause(self.step)}"
        )

    @property
    def assumption(self) -> str:
        """What is taken for granted."""
        return AS_THEY_ARE if self.step else f"{AS_THEY_ARE} {REAL_NUMBERS}"

    def ball(self, radius: str) -> str:
        """The certified interval in words."""
        return (
            "change of contrast (every value v becomes 0.5 + exp(c) (v - 0.5), before any "
            f"clipping) with c of at most {radius} in size ({self.unit})"
        )

    def sample(
        self, x: Shaped[Tensor, " *shape"], n: int, *, rng: RandomSource
    ) -> Float[Tensor, " n *shape"]:
        """Draw ``n`` copies of ``x``, in [0, 1] units, each with its own contrast.

        Computed in float64 and rounded once: to the grid as exact arithmetic would, or to float32.
        """
        if self.step:
            return torch.stack([self._copy(x, number) for number in wide_numbers(n, rng)])
        factors = one_each([math.exp(self.sigma * z) for z in normals(n, rng)], x)
        centred = unit_values(x).double().sub_(GREY)
        return (factors * centred).add_(GREY).to(torch.float32)

    def _copy(self, x: Tensor, number: WideNumber) -> Tensor:
        """Draw one copy on the grid."""
        factor = math.exp(self.sigma * number.normal)

        @cache
        def exact(value: float) -> mpmath.mpf:
            change = mpmath.exp(self.sigma * number.exact_normal)
            return GREY + change * (exact_value(value, x.dtype) - GREY)

        values = (fine_values(x) - GREY) * factor + GREY
        return on_multiples(values, self.step, 1 + factor, lambda at: exact(float(x[at])))

    def with_grid(self, x: Shaped[Tensor, " *shape"]) -> "ContrastNoise":  # noqa: ARG002
        """The same noise with its grid."""
        return replace(self, step=IMAGE_STEP)

    def variation(self, shape: tuple[int, ...]) -> float:
        """Bound the total variation distance of one draw from the exact law.

        One number decides all values, and between two borders nothing changes: a value, at most
        1/2 from grey, has at most as many as there are steps of the grid in its range. What lies
        beyond 10 standard deviations is counted as different: 2 Phi(-10) < 2^-75.
        """
        if not self.step:
            return 0.0
        borders = 0.5 * math.exp(10 * self.sigma) / self.step + 4
        return math.prod(shape) * borders * 2.0**-WIDE_BITS + 2.0**-75

    def radius(self, p: float) -> float:
        """Certified change of log-contrast, ``sigma * Phi^-1(p)``; see `gaussian_radius`."""
        return gaussian_radius(self.sigma, p)

    def repeat_probability(self, x: Shaped[Tensor, " *shape"]) -> float:
        """Bound the probability that a draw equals a given float32 tensor.

        Look at the value of ``x`` farthest from mid-grey, at a distance ``m``. The ``c`` for
        which ``v = 1/2 +- m exp(c)`` rounds to one float32 number fill an interval of length at
        most ``2^-23 |v| / (m exp(c)) <= 2^-23 (1 + exp(-c) / (2 m))`` at its lower end; times
        the density, which with ``exp(-c)`` is at most ``exp(sigma^2 / 2) / (sigma sqrt(2 pi))``.
        A factor 2 covers the change of ``exp(c)`` within the interval. A longer interval is one
        where ``v`` is 1/2 but for rounding; Markov's inequality for ``exp(-c)`` bounds it
        (docs/decisions/0007). A grid adds its step to the width of the set in ``v``, or twice that
        where ``v`` is 1/2 but for rounding. An image that is mid-grey throughout never changes: 1.
        """
        farthest = float((unit_values(x).double() - GREY).abs().max())
        if farthest == 0:
            return 1.0
        wide = 0.5 + 4 * self.step / RELATIVE
        narrow = 1 + wide * math.exp(self.sigma**2 / 2) / farthest
        return min(1.0, RELATIVE * (1 + DENSITY / self.sigma) * narrow)
