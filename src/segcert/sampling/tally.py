"""The result of a block of draws; blocks merge by integer addition."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Int, Integer, UInt64
from torch import Tensor

from segcert.sampling.margins import Margins
from segcert.sampling.streams import Stage

COUNTING = (torch.uint8, torch.int16, torch.int32)  # types of counts


@dataclass(frozen=True)
class DrawBlock:
    """Unit of work: the draws ``start``, ..., ``stop - 1`` of one stage of one input."""

    stage: Stage
    start: int
    stop: int


@dataclass(frozen=True)
class Run:
    """Draws that went through the model in batches of one size, counted from ``start``."""

    start: int
    stop: int
    batch_size: int

    def joined(self, other: "Run") -> "Run | None":
        """Join with the run that follows, if the batches stay the same."""
        whole_batches = (self.stop - self.start) % self.batch_size == 0
        if self.stop == other.start and self.batch_size == other.batch_size and whole_batches:
            return replace(self, stop=other.stop)
        return None


@dataclass(frozen=True, eq=False)
class Tally:
    """Counts of the first draws of a stage.

    Args:
        counts: How many draws gave each class, (k, *components), or gave the guessed class,
            (*components).
        invalid: How many labels were lost to NaN or infinite scores.
        fingerprints: One per draw.
        runs: The batches, in order.
        margins: Of the pilot draws of this tally and all before it, if the model gives scores.
        ties: How many draws were near a tie, if that was asked for.
    """

    counts: Integer[Tensor, " *shape"]
    invalid: int
    fingerprints: UInt64[np.ndarray, " draws"]
    runs: tuple[Run, ...]
    margins: Margins | None = None
    ties: Int[Tensor, " *components"] | None = None

    @property
    def draws(self) -> int:
        """Count the draws."""
        return len(self.fingerprints)

    def plus(self, other: "Tally") -> "Tally":
        """Merge with the block that follows."""
        joined = self.runs[-1].joined(other.runs[0]) if self.runs and other.runs else None
        runs = (*self.runs[:-1], joined, *other.runs[1:]) if joined else self.runs + other.runs
        first = not self.draws  # adding zeros would hold the counts twice
        return Tally(
            counts=other.counts.to(self.counts.dtype) if first else self.counts + other.counts,
            invalid=self.invalid + other.invalid,
            fingerprints=np.concatenate([self.fingerprints, other.fingerprints]),
            runs=runs,
            margins=other.margins or self.margins,
            ties=other.ties if self.ties is None or other.ties is None else self.ties + other.ties,
        )

    def to(self, device: torch.device) -> "Tally":
        """Move to a device."""
        margins = self.margins and self.margins.to(device)
        return replace(self, counts=self.counts.to(device), margins=margins)


def no_draws(shape: tuple[int, ...], *, n: int, device: torch.device) -> Tally:
    """Tally of no draws at all; its integers, one in memory, are large enough for ``n`` draws."""
    counts = torch.zeros((), dtype=counting_type(n), device=device).expand(shape)
    return Tally(counts, 0, np.zeros(0, dtype=np.uint64), ())


def counting_type(n: int) -> torch.dtype:
    """Smallest type of integers that counts ``n`` draws."""
    return next(one for one in COUNTING if n <= torch.iinfo(one).max)
