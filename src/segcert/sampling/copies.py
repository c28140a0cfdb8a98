"""Copies of a model for threads of their own: the weights are shared, all else is apart.

What a module keeps in its attributes while it runs (a size that it saw last, features that it
collects) would be mixed up between draws that pass it at the same time. So each thread gets a copy,
and a model of which no copy is known to be apart gets none: its draws go one after the other.
ONNX Runtime and OpenVINO say for themselves how several threads may call them.
"""

import io
import pickle
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from segcert.models.adapter import Segmenter
from segcert.models.point_segmenter import PointSegmenter
from segcert.models.protocol import ManyAtATime, SegmentationModel


def copies_of(segmenter: SegmentationModel, number: int) -> tuple[SegmentationModel, ...]:
    """The model, so many times that each may run in a thread of its own.

    Args:
        segmenter: The base model.
        number: How many are wanted, at least 1.

    Returns:
        So many; none if nothing shows that they do not share what changes.
    """
    if not isinstance(segmenter, (Segmenter, PointSegmenter)) or segmenter.stochastic:
        return ()
    if segmenter.runtime.backend == "compile":  # for a number of threads, once for all
        return ()
    if has_global_hooks() or torch.is_autocast_enabled("cpu"):  # which other threads have not
        return ()
    models = parts_of(segmenter.model, number)
    if segmenter.denoiser is None or isinstance(segmenter, PointSegmenter):
        return tuple(replace(segmenter, model=model) for model in models)
    denoisers = parts_of(segmenter.denoiser, number) if models else ()
    return tuple(
        replace(segmenter, model=model, denoiser=denoiser)
        for model, denoiser in zip(models, denoisers, strict=False)
    )


def parts_of(part: Any, number: int) -> tuple[Any, ...]:
    """A network, so many times; none if it cannot be had."""
    try:
        if not isinstance(part, nn.Module):
            return part.apart(number) if isinstance(part, ManyAtATime) else ()
        whole, tensors = written(part)
        return (part, *(read(whole, tensors) for _ in range(number - 1)))
    except Exception:  # a lambda, a lock, an open file, a program: of these there is no copy
        return ()


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


def written(part: nn.Module) -> tuple[bytes, list[Tensor]]:
    """Everything but the tensors, and these.

    Raises:
        Exception: Of any kind, if it holds what is not data.
    """
    file = io.BytesIO()
    writer = Writer(file)
    writer.dump(part)
    return file.getvalue(), writer.tensors


def read(whole: bytes, tensors: list[Tensor]) -> nn.Module:
    """A copy: weights are shared; other tensors, which may change in a pass, are copied."""
    apart: dict[int, Tensor] = {}
    for tensor in tensors:
        if not isinstance(tensor, nn.Parameter):
            apart.setdefault(id(tensor), tensor.detach().clone())
    mine = [apart.get(id(tensor), tensor) for tensor in tensors]
    found = Reader(io.BytesIO(whole), mine).load()
    assert isinstance(found, nn.Module)
    return found
