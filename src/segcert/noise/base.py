"""What every noise offers, and what it asks of a source of randomness."""

from abc import ABC, abstractmethod
from typing import ClassVar, Protocol, runtime_checkable

from jaxtyping import Float, Int64, Shaped
from torch import Tensor


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
    """Noise that is added in the space of the input, before anything else.

    Attributes:
        norm: Norm of the certified ball.
        unit: Unit of its radius.
    """

    norm: ClassVar[str]
    unit: ClassVar[str]

    @property
    @abstractmethod
    def description(self) -> str:
        """The noise in words, for statements."""

    @abstractmethod
    def sample(
        self, x: Shaped[Tensor, " *shape"], n: int, *, rng: RandomSource
    ) -> Float[Tensor, " n *shape"]:
        """Draw ``n`` noisy copies of ``x``, float32 in input units, never clipped."""

    @abstractmethod
    def radius(self, p: float) -> float:
        """Radius at which a class of probability greater than ``p`` stays on top; rounded down."""
