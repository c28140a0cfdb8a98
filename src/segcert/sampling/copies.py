"""Copies of a model for threads of their own: the weights are shared, all else is apart.

What a module keeps in its attributes while it runs (a size that it saw last, features that it
collects) would be mixed up between draws that pass it at the same time. So each thread gets a copy,
and a model of which no copy is known to be apart gets none: its draws go one after the other.
"""

import io
import pickle
from dataclasses import replace

import torch
from torch import Tensor, nn

from segcert.models.adapter import Segmenter
from segcert.models.point_segmenter import PointSegmenter
from segcert.models.protocol import SegmentationModel


def copies_of(segmenter: SegmentationModel, number: int) -> tuple[SegmentationModel, ...]:
    """The model and copies of it, for so many threads.

    Args:
        segmenter: The base model.
        number: How many are wanted, at least 1.

    Returns:
        So many, the model itself first; none if nothing shows that they do not share what changes.
    """
    if not isinstance(segmenter, (Segmenter, PointSegmenter)) or segmenter.stochastic:
        return ()
    parts = (segmenter.model, segmenter.denoiser)
    if not all(part is None or isinstance(part, nn.Module) for part in parts):
        return ()
    if has_global_hooks() or torch.is_autocast_enabled("cpu"):  # which other threads have not
        return ()
    try:
        whole, tensors = written(parts)
        others = [read(whole, tensors) for _ in range(number - 1)]
    except Exception:  # a lambda, a lock, an open file, a program: of these there is no copy
        return ()
    return (segmenter, *(with_parts(segmenter, *one) for one in others))


def with_parts(
    segmenter: Segmenter | PointSegmenter, model: nn.Module, denoiser: nn.Module | None
) -> SegmentationModel:
    """The model with other modules inside."""
    if denoiser is None or isinstance(segmenter, PointSegmenter):
        return replace(segmenter, model=model)
    return replace(segmenter, model=model, denoiser=denoiser)


def has_global_hooks() -> bool:
    """Tell whether every module calls functions of others."""
    module = nn.modules.module
    return bool(module._global_forward_hooks or module._global_forward_pre_hooks)


class Writer(pickle.Pickler):
    """Writes all but the tensors, which are put aside."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self.tensors: list[Tensor] = []

    def persistent_id(self, thing: object) -> int | None:
        """The place of a tensor."""
        if not isinstance(thing, Tensor):
            return None
        self.tensors.append(thing)
        return len(self.tensors) - 1


class Reader(pickle.Unpickler):
    """Reads what a `Writer` of this process wrote."""

    def __init__(self, file: io.BytesIO, tensors: list[Tensor]) -> None:
        super().__init__(file)
        self.tensors = tensors

    def persistent_load(self, place: int) -> Tensor:
        """A tensor."""
        return self.tensors[place]


def written(parts: tuple[object, ...]) -> tuple[bytes, list[Tensor]]:
    """Everything but the tensors, and these.

    Raises:
        Exception: Of any kind, if it holds what is not data.
    """
    file = io.BytesIO()
    writer = Writer(file)
    writer.dump(parts)
    return file.getvalue(), writer.tensors


def read(whole: bytes, tensors: list[Tensor]) -> tuple[nn.Module, nn.Module | None]:
    """A copy: weights are shared; other tensors, which may change in a pass, are copied."""
    apart: dict[int, Tensor] = {}
    for tensor in tensors:
        if not isinstance(tensor, nn.Parameter):
            apart.setdefault(id(tensor), tensor.detach().clone())
    mine = [apart.get(id(tensor), tensor) for tensor in tensors]
    model, denoiser = Reader(io.BytesIO(whole), mine).load()
    return model, denoiser
