"""Mixed noise: each view draws its own sigma, from a range or from a list."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from segcert.errors import InputError
from segcert.training.augment import add_noise


@dataclass(frozen=True)
class SigmaRange:
    """Each view draws its sigma uniformly between two numbers.

    Args:
        low: Smallest standard deviation, input units.
        high: Largest, input units.

    Raises:
        InputError: Unless 0 <= low < high.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        """Check the ends."""
        if not 0 <= self.low < self.high < math.inf:
            raise InputError(
                f"a range of sigma needs 0 <= low < high, got {self.low} and {self.high}"
            )

    def draw(self, count: int, *, rng: Generator) -> Float[Tensor, " b"]:
        """Draw one sigma for each of ``count`` views."""
        return self.low + (self.high - self.low) * torch.rand(count, generator=rng)


@dataclass(frozen=True)
class SigmaList:
    """Each view draws its sigma from a list; every entry is equally likely.

    Args:
        values: Standard deviations, input units.

    Raises:
        InputError: If the list is empty or a value is negative.
    """

    values: tuple[float, ...]

    def __post_init__(self) -> None:
        """Check the values."""
        if not self.values or not all(0 <= value < math.inf for value in self.values):
            raise InputError(f"a list of sigma needs numbers >= 0, got {list(self.values)}")

    def draw(self, count: int, *, rng: Generator) -> Float[Tensor, " b"]:
        """Draw one sigma for each of ``count`` views."""
        which = torch.randint(len(self.values), (count,), generator=rng)
        return torch.tensor(self.values)[which]


Sigmas = float | SigmaRange | SigmaList


def largest_sigma(sigma: Sigmas) -> float:
    """Return the largest standard deviation that a view can get."""
    if isinstance(sigma, SigmaRange):
        return sigma.high
    return max(sigma.values) if isinstance(sigma, SigmaList) else sigma


def describe_sigmas(sigma: Sigmas) -> str:
    """Say in words which sigma the views got."""
    if isinstance(sigma, SigmaRange):
        return f"uniform in [{sigma.low:g}, {sigma.high:g}] per view"
    if isinstance(sigma, SigmaList):
        return f"one of {', '.join(f'{value:g}' for value in sigma.values)} per view"
    return f"{sigma:g}"


def noisy_copies(
    views: Float[Tensor, " b *shape"],
    *,
    sigma: Sigmas,
    copies: int = 1,
    rng: Generator,
    add: Callable[..., Tensor] = add_noise,
) -> Float[Tensor, " mb *shape"]:
    """Add Gaussian noise to copies of every view, in input units and not clipped.

    Args:
        views: Images in [0, 1], or clouds.
        sigma: Standard deviation of all views, or how each draws its own.
        copies: Copies of each view, with the same sigma and different noise.
        rng: Stream of the sigmas and of the noise.
        add: What adds noise of a sigma to views: to all values, or to some.

    Returns:
        All views, then again all views, ...: ``copies`` times.

    Source:
        Jeong, Shin (2020), NeurIPS, section 3 (several noisy copies in one step).
    """
    scale: float | Tensor
    ones = [1] * (views.ndim - 1)
    if isinstance(sigma, SigmaRange | SigmaList):
        scale = sigma.draw(len(views), rng=rng).repeat(copies).view(-1, *ones)
    else:
        scale = sigma
    return add(views.repeat(copies, *ones), sigma=scale, rng=rng)
