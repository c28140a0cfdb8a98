"""The unit of work: one block of draws of one input, with streams of its own."""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor

from segcert.models.protocol import WrappedModel
from segcert.noise.base import AbstractNoise
from segcert.runs.store import from_arrays, to_arrays
from segcert.sampling.tally import DrawBlock, Tally


@dataclass(frozen=True, eq=False)
class Work:
    """What all units of one input share; sent to a worker once.

    Args:
        x: The input, on the CPU.
        noise: As asked for; made to fit the input by the worker.
        scale: Resizing inside the base model; "1" for clouds.
        seed: Of all streams.
        weights_sha256: Hash of the weights that the worker must have.
        category: Number of the category of a cloud; None for images.
        backend: What runs the model; in the worker, too.
        stream_version: Of the streams; 0 is the newest one.
    """

    x: Shaped[Tensor, " *shape"]
    noise: AbstractNoise
    scale: str
    seed: int
    weights_sha256: str
    category: int | None = None
    backend: str = "torch"
    stream_version: int = 0

    def told(self, segmenter: WrappedModel) -> WrappedModel:
        """The model, told what it must know of the input.

        Raises:
            InputError: If it needs a category and the input has none.
        """
        return segmenter.told(scale=self.scale, category=self.category)


@dataclass(frozen=True)
class Unit:
    """One block of draws; its result depends on these values and on what the keys stand for.

    Args:
        work: Key of the `Work`.
        block: Which draws.
        batch_size: Draws that go through the model together.
        classes: Number of classes; None for the first unit of an input, which finds it out and
            checks that the model does not mix the draws of a batch.
        reference: Key of the labels that draws are compared with: the guess, for test draws; the
            labels of the first pilot draw, for later pilot draws. Empty for none.
    """

    work: str
    block: DrawBlock
    batch_size: int
    classes: int | None = None
    reference: str = ""

    @property
    def draws(self) -> int:
        """Count the draws."""
        return self.block.stop - self.block.start

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of what a worker must have to count it."""
        return (self.work, self.reference) if self.reference else (self.work,)


@dataclass(frozen=True, eq=False)
class CountedUnit:
    """A counted unit, or the first draws of one that took long.

    Args:
        unit: The unit, as far as it was counted.
        tally: Its counts, on the CPU; margins of the draws of this unit alone.
        seconds: That the worker took.
    """

    unit: Unit
    tally: Tally
    seconds: float


def answered(unit: Unit, tally: Tally, seconds: float) -> CountedUnit:
    """The answer of a worker, which may have counted the first draws of a unit only."""
    block = replace(unit.block, stop=unit.block.start + tally.draws)
    return CountedUnit(replace(unit, block=block), tally, seconds)


def packed(tally: Tally) -> dict[str, np.ndarray]:
    """Arrays of a tally for files and other processes."""
    return to_arrays("block", tally.to(torch.device("cpu")))


def unpacked(arrays: Mapping[str, np.ndarray]) -> Tally:
    """Tally of arrays."""
    return from_arrays("block", {name: np.array(arrays[name]) for name in arrays})


def to_bytes(message: object) -> bytes:
    """A message for a process of ours, with its tensors inside."""
    return pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
