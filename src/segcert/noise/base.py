"""What every noise offers, and what it asks of a source of randomness."""

from abc import ABC, abstractmethod
from typing import ClassVar, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int64, Shaped
from torch import Tensor

from segcert.errors import InputError

REAL_NUMBERS = (
    "The noise was computed in floating point and is taken for noise on real numbers: a model that "
    "reads the last digits of its input is outside of this guarantee."
)
DOWN = 1 - 2.0**-44  # relative step down; more than the errors of Phi^-1, log and the products


@runtime_checkable
class RandomSource(Protocol):
    """One stream of random numbers; the same stream gives the same numbers."""

    def words(self, shape: tuple[int, ...]) -> Int64[Tensor, " *shape"]:
        """Draw uniform 64-bit words, as signed integers."""
        ...

    def normals(self, shape: tuple[int, ...]) -> Float[Tensor, " *shape"]:
        """Draw standard normal float32 numbers."""
        ...


class AbstractNoise(ABC):
    """Random change of the input, in the space of the input, before anything else.

    Attributes:
        kind: Name in records.
        norm: Norm of the certified set, or the name of the parameter that may change.
        unit: Unit of its radius.
    """

    kind: ClassVar[str]
    norm: ClassVar[str]
    unit: ClassVar[str]

    @property
    @abstractmethod
    def description(self) -> str:
        """The noise in words, for statements."""

    @property
    def assumption(self) -> str:
        """What the guarantee takes for granted, for statements; empty if nothing."""
        return ""

    @abstractmethod
    def ball(self, radius: str) -> str:
        """The certified set of a printed radius, in words that follow "for every"."""

    @abstractmethod
    def sample(
        self, x: Shaped[Tensor, " *shape"], n: int, *, rng: RandomSource
    ) -> Float[Tensor, " n *shape"]:
        """Draw ``n`` noisy copies of ``x``, float32 in input units, never clipped."""

    @abstractmethod
    def radius(self, p: float) -> float:
        """Radius at which a class of probability greater than ``p`` stays on top; rounded down.

        Between two thresholds it may be subtracted: a class of probability greater than ``p``
        keeps one greater than ``q`` within ``radius(p) - radius(q)`` (docs/decisions/0007).
        """

    def with_grid(self, x: Shaped[Tensor, " *shape"]) -> "AbstractNoise":  # noqa: ARG002
        """The same noise with the grid that noisy copies of ``x`` are rounded to by the model.

        Itself if it has one, or needs none.
        """
        return self

    def variation(self, shape: tuple[int, ...]) -> float:  # noqa: ARG002
        """Bound the total variation distance of one draw on an input from the exact law.

        0 stands for noise whose arithmetic ``assumption`` takes for that of real numbers.
        """
        return 0.0

    def repeat_probability(self, x: Shaped[Tensor, " *shape"]) -> float:  # noqa: ARG002
        """Bound the probability that a draw equals a given float32 tensor.

        0 stands for noise on every value, of which no two draws are ever expected to be equal.
        """
        return 0.0


def norm_ball(noise: AbstractNoise, radius: str) -> str:
    """The ball of a norm around the input, in words."""
    return f"perturbation of this input of {noise.norm} norm at most {radius} ({noise.unit})"


def check_probability(p: float) -> None:
    """Refuse a probability that certifies nothing.

    Raises:
        InputError: If ``p`` is not in [1/2, 1).
    """
    if not 0.5 <= p < 1:
        raise InputError(f"p must lie in [1/2, 1) to certify a radius, got {p}")


def check_scale(name: str, value: float, bounds: tuple[float, float], way_out: str) -> None:
    """Refuse a scale of noise that is not a positive number of a sensible size.

    Raises:
        InputError: If ``value`` is outside ``bounds`` or NaN.
    """
    low, high = bounds
    if not low <= value <= high:
        raise InputError(
            f"{name} must be a positive number in [{low:g}, {high:g}] ({way_out}), got {value}"
        )


def check_dtype(noise: AbstractNoise, x: Tensor, *, floating: bool, otherwise: str) -> None:
    """Refuse an input whose values are not of the wanted type.

    Raises:
        InputError: If ``x`` is not floating-point, or not uint8.
    """
    if floating and not x.is_floating_point():
        raise InputError(
            f"{type(noise).__name__} needs floating-point input in [0, 1], got {x.dtype}: "
            f"use {otherwise} for uint8 images"
        )
    if not floating and x.dtype != torch.uint8:
        raise InputError(
            f"{type(noise).__name__} needs uint8 input, got {x.dtype}: "
            f"use {otherwise} for floating-point input"
        )
