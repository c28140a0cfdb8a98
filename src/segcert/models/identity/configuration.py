"""Hash what a base model is: its weights, and everything else that changes its answers.

Weights alone do not make a model: with another mean, another list of parts or another dilation the
same weights answer something else. A certificate is about the whole, so that is what it names.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

IGNORED = ("training", "device", "meta")  # of modules: checked elsewhere, or of the machine


def identity_hash(segmenter: Any, *, apart: Mapping[str, str], **said: object) -> str:
    """Hash the fields of a base model, but for those that change no label.

    A field with its default value does not count, so that a new field changes no old hash.

    Args:
        segmenter: A dataclass.
        apart: Fields that are left out, and why.
        said: Fields that are hashed as told here; None for their default.
    """
    told = {}
    for field in fields(segmenter):
        value = said.get(field.name, getattr(segmenter, field.name))
        default = None if field.name in said else field.default
        if field.name not in apart and (default is MISSING or value != default):
            told[field.name] = described(value)
    return hash_of(told)


def configuration_of(model: object) -> str:
    """Hash what a model is besides its weights; empty for functions, whose code is not hashed.

    Of a module: the names of the classes of all modules in it and their public attributes (numbers,
    texts, names of functions, containers of them). Of programs (``torch.fx``, TorchScript) also
    their code. Of a callable dataclass or ``functools.partial``: its fields or arguments.
    """
    if isinstance(model, nn.Module):
        return hash_of(described(model))
    return hash_of(described(model)) if isinstance(model, partial) or is_dataclass(model) else ""


def hash_of(value: object) -> str:
    """Hash what JSON can write."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def described(value: object) -> Any:
    """Describe a value by what JSON can write, the same in every process and on every machine."""
    match value:
        case None | bool() | str():
            return value
        case int() | float() | np.number():
            return number(value)
        case Enum():
            return value.name
        case Tensor():
            return described_array(value.detach().cpu().float().numpy())
        case np.ndarray():
            return described_array(value)
        case nn.Module():
            return {name: described_module(part) for name, part in value.named_modules()}
        case partial():
            return ["partial", *map(described, (value.func, value.args, value.keywords))]
        case list() | tuple():
            return [described(part) for part in value]
        case set() | frozenset():
            return sorted(json.dumps(described(part)) for part in value)
        case Mapping():
            return {str(name): described(part) for name, part in value.items()}
    if isinstance(value, (torch.dtype, torch.memory_format)):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        own = {field.name: described(getattr(value, field.name)) for field in fields(value)}
        return [type(value).__name__, own]
    return str(getattr(value, "__name__", type(value).__name__))


def number(value: int | float | np.number[Any]) -> int | float | str:
    """Write a number so that 1, 1.0 and a NumPy 1 are the same."""
    if isinstance(value, int):
        return value
    real = float(value.real)
    if value != real or not np.isfinite(real):
        return str(value)
    return int(real) if real.is_integer() else real


def described_array(array: np.ndarray) -> list[Any]:
    """Describe an array by its shape and a hash of its values."""
    text = np.ascontiguousarray(array).tobytes() if array.dtype != object else b""
    return [list(array.shape), str(array.dtype), hashlib.sha256(text).hexdigest()]


def described_module(module: nn.Module) -> list[Any]:
    """Describe one module without those in it: class, public attributes, code of a program."""
    public = {
        name: described(value)
        for name, value in vars(module).items()
        if not name.startswith("_") and name not in IGNORED
    }
    return [type(module).__name__, public, code_of(module)]


def code_of(module: nn.Module) -> Any:
    """The code of a program and its constants; empty for other modules."""
    if isinstance(module, torch.fx.GraphModule):
        return str(module.code)
    if isinstance(module, torch.jit.ScriptModule):
        try:
            text, constants = module.code_with_constants
        except (RuntimeError, AttributeError):  # it has no method forward
            return ""
        return [text, described(constants.const_mapping)]
    return ""
