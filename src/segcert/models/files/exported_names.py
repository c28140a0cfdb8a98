"""Which names, texts and numbers an exported program may have, as parts of it become code."""

import json
import keyword
import re
from typing import Annotated, Any, Literal

import torch
from pydantic import AfterValidator, BeforeValidator, Field

from segcert.models.files.exported_expressions import rewritten

RESERVED = frozenset(("self", "torch", "math", "operator", "getattr", "device", "pytree"))
MODULE = frozenset(dir(torch.fx.GraphModule(torch.nn.Module(), torch.fx.Graph())))
PATH = re.compile(r"[\w\-]+(\.[\w\-]+)*")
TENSOR = re.compile(r"(weight|tensor)_\d+")  # other names stand for pickled objects
CONTAINERS = (None, "builtins.tuple", "builtins.list", "builtins.dict")
LONGEST_TEXT = 2_000


def identifier(name: str) -> str:
    """Refuse what could not be the name of a variable: it becomes one in code that is generated."""
    if not name.isidentifier() or keyword.iskeyword(name) or name in RESERVED:
        raise ValueError(f"{name[:60]!r} is no plain name")
    return name


def attribute(path: str) -> str:
    """Refuse what could not be the name of a weight, or is that of another part of a module."""
    parts = path.split(".")
    if not PATH.fullmatch(path) or any(part in MODULE or part[:2] == "__" for part in parts):
        raise ValueError(f"{path[:60]!r} is no name of a weight")
    return path


def plain_spec(text: str) -> str:
    """Refuse structures of inputs or outputs that are not made of tuples, lists, dictionaries.

    The keys of dictionaries become parts of code, so they are plain names.
    """
    for part in structures_in(json.loads(text)) if text else ():
        if part.get("type") not in CONTAINERS:
            raise ValueError(f"{str(part.get('type'))[:60]!r} is no plain container")
        context = part.get("context")
        keys = json.loads(context) if isinstance(context, str) else context
        if keys is None:
            continue
        if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
            raise ValueError(f"{str(keys)[:60]!r} are no keys")
        for key in keys:
            identifier(key)
    return text


def checked_expression(text: str) -> str:
    """Refuse what is no expression; its spelling is kept, as it is looked up, never read."""
    rewritten(text)
    return text


def structures_in(value: Any) -> list[dict[str, Any]]:
    """List the containers within a structure, at any depth."""
    if isinstance(value, list):
        return [found for part in value for found in structures_in(part)]
    if isinstance(value, dict):
        return [value, *structures_in(value.get("children_spec"))]
    return []


Identifier = Annotated[str, AfterValidator(identifier)]
Attribute = Annotated[str, AfterValidator(attribute)]
Expression = Annotated[str, AfterValidator(rewritten)]
RangeOf = Annotated[str, AfterValidator(checked_expression)]
Spec = Annotated[str, Field(max_length=100_000), AfterValidator(plain_spec)]
Whole = Annotated[int, Field(strict=True, ge=-(1 << 63), lt=1 << 63)]
Number = Annotated[int, Field(strict=True, ge=0, lt=64)]  # of an enumeration
Real = Annotated[float, Field(strict=True)] | Literal["Infinity", "-Infinity", "NaN"]
Truth = Annotated[bool, Field(strict=True)]
Text = Annotated[str, Field(max_length=LONGEST_TEXT)]
Nothing = Annotated[dict[str, Any], BeforeValidator(lambda _: {})]  # dropped
