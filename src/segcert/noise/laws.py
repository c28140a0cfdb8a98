"""Symmetric laws of noise on real numbers, by the inverses of their tails: fast, and exact.

One uniform word of b bits, read as a signed integer ``w``, gives a number of the law: its tail is
``(w + 1/2) / 2^b`` for ``w >= 0``, and the complement of a word gives the opposite number. The
number is a monotone function of the word, so whatever is cut from the line into intervals has its
probability up to ``2^-b`` for each border.
"""

from collections.abc import Callable
from dataclasses import dataclass

import mpmath
import torch
from jaxtyping import Float64, Int64
from torch import Tensor

WORD_BITS = 64
DIGITS = 80  # of exact numbers: more than twice the 128 bits of the longest word


@dataclass(frozen=True)
class Law:
    """A symmetric law, in units of its scale.

    Args:
        fast: Size of the noise at tails in (0, 1/2], in float64; its error is below 1e-14 times
            the size, or 1e-14.
        exact: The same with the digits that mpmath works with.
        largest: A bound on the sizes that 64-bit words give.
    """

    fast: Callable[[Float64[Tensor, " *shape"]], Float64[Tensor, " *shape"]]
    exact: Callable[[mpmath.mpf], mpmath.mpf]
    largest: float

    def numbers(self, words: Int64[Tensor, " *shape"]) -> Float64[Tensor, " *shape"]:
        """Turn 64-bit words into numbers of the law."""
        tails = torch.where(words >= 0, words, ~words).double().add_(0.5).mul_(2.0**-WORD_BITS)
        sizes = self.fast(tails)
        return torch.where(words >= 0, sizes, -sizes)

    def exactly(self, word: int, bits: int = WORD_BITS) -> mpmath.mpf:
        """The number of one word, as a signed integer, with the digits that mpmath works with."""
        size = self.exact((mpmath.mpf(word if word >= 0 else ~word) + 0.5) / 2**bits)
        return size if word >= 0 else -size

    def borders(self, steps: float) -> float:
        """Bound the borders between the cells of a grid that is ``steps`` finer than the scale."""
        return 2 * self.largest * steps + 4


GAUSSIAN = Law(
    fast=lambda tails: torch.special.ndtri(tails).neg_(),
    exact=lambda tail: mpmath.sqrt(2) * mpmath.erfinv(1 - 2 * tail),
    largest=9.2,
)
UNIFORM = Law(
    fast=lambda tails: tails.mul(-2).add_(1), exact=lambda tail: 1 - 2 * tail, largest=1.0
)
LAPLACE = Law(
    fast=lambda tails: tails.mul(2).log_().neg_(),
    exact=lambda tail: -mpmath.log(2 * tail),
    largest=44.4,
)
