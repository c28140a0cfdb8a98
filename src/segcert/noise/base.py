"""What every noise offers, and what it asks of a source of randomness."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int64, Shaped, UInt16
from torch import Tensor

from segcert.errors import InputError

REAL_NUMBERS = (
    "The noise was computed in floating point and is taken for noise on real numbers: a model that "
    "reads the last digits of its input is outside of this guarantee."
)
DOWN = 1 - 2.0**-44  # relative step down; more than the errors of Phi^-1, log and the products
LEADING_BITS = 16  # of a word; they decide on most values
QUARTERS = 64 // LEADING_BITS
Option = float | str | tuple[float, ...]  # what a noise is asked for by: a scale, or an axis
Options = Mapping[str, Option]


@dataclass(frozen=True, eq=False)
class PartWords:
    """Uniform 64-bit words of which the leading bits are known.

    Args:
        leading: The leading 16 bits of each word.
        whole: Gives the whole words at increasing places, as signed integers. It is asked once: the
            bits that it adds may be drawn only then.
    """

    leading: UInt16[np.ndarray, " count"]
    whole: Callable[[Int64[np.ndarray, " some"]], Int64[np.ndarray, " some"]]


def parts_of(words: Int64[np.ndarray, " count"]) -> PartWords:
    """Whole words as words in parts."""
    leading = words.astype("<i8", copy=False).view("<u2")[QUARTERS - 1 :: QUARTERS]
    return PartWords(leading, words.__getitem__)


@runtime_checkable
class RandomSource(Protocol):
    """One stream of random numbers; the same stream gives the same numbers."""

    def words(self, shape: tuple[int, ...]) -> Int64[Tensor, " *shape"]:
        """Draw uniform 64-bit words, as signed integers."""
        ...

    def part_words(self, count: int) -> PartWords | None:
        """Draw uniform 64-bit words in parts; None if there are whole ones only."""
        ...

    def normals(self, shape: tuple[int, ...]) -> Float[Tensor, " *shape"]:
        """Draw standard normal float32 numbers."""
        ...


class AbstractNoise(ABC):
    """Random change of the input, in the space of the input, before anything else.

    A noise is a frozen dataclass whose fields are numbers, its scale first.

    Attributes:
        kind: Name in records.
        norm: Norm of the certified set, or the name of the parameter that may change.
        unit: Unit of its radius.
        lattice: The same noise, of the same scale, for uint8 images: on their 1/255 grid; None if
            this one is for them, too.
    """

    kind: ClassVar[str]
    norm: ClassVar[str]
    unit: ClassVar[str]
    lattice: "ClassVar[type[AbstractNoise] | None]" = None

    @classmethod
    def asked(cls, options: Options) -> "AbstractNoise":
        """The noise that options of the command line ask for.

        Args:
            options: "sigma", its scale, and those that its line in `segcert.noise.registry` names.
        """
        return cls(scale_of(options, "sigma"))  # type: ignore[call-arg]  # a dataclass

    def options(self) -> Options:
        """What `asked` makes this noise of: the first field is its scale."""
        assert is_dataclass(self)
        return {"sigma": getattr(self, fields(self)[0].name)}

    @property
    @abstractmethod
    def description(self) -> str:
        """The noise in words, for statements."""

    @property
    def assumption(self) -> str:
        """What the guarantee takes for granted, for statements; empty if nothing."""
        return ""

    def ball(self, radius: str) -> str:
        """The certified set of a printed radius, in words that follow "for every"."""
        return f"perturbation of this input of {self.norm} norm at most {radius} ({self.unit})"

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

    def without_grid(self) -> "AbstractNoise":
        """The noise as it is asked for: the grid is chosen where it is sampled."""
        has = is_dataclass(self) and any(field.name == "step" for field in fields(self))
        return replace(self, step=0.0) if has else self  # type: ignore[type-var]

    def on_grid(self) -> "AbstractNoise":
        """The noise for uint8 images: same radius, on their 1/255 grid if there is such a one.

        Raises:
            InputError: If the noise is too large for the grid.
        """
        return self if self.lattice is None else self.lattice.asked(self.options())

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


def scale_of(options: Options, name: str) -> float:
    """One of the scales that a noise is asked for by.

    Raises:
        InputError: If it is no number.
    """
    found = options[name]
    if not isinstance(found, (int, float)):
        raise InputError(f"{name} must be a number, got {found!r}")
    return found


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
