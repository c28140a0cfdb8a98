"""The checker of shapes and types in tests: beartype, with int accepted as float (PEP 484).

Functions within functions are left out unless all is to be checked: they are made anew in each
call, and to decorate one takes a thousand times as long as to call it.
"""

import os
from collections.abc import Callable
from typing import Any

import jaxtyping
from beartype import BeartypeConf, beartype

EVERYWHERE = os.environ.get("SEGCERT_CHECK_SHAPES") == "everywhere"
check = beartype(conf=BeartypeConf(is_pep484_tower=True))
whole = jaxtyping.jaxtyped


def jaxtyped(*, typechecker: Any) -> Callable[[Any], Any]:
    """Decorate what is not within a function, as `jaxtyping.jaxtyped` does."""

    def decorate(one: Any) -> Any:
        inner = "<locals>" in getattr(one, "__qualname__", "") and not isinstance(one, type)
        return one if inner else whole(one, typechecker=typechecker)

    return decorate


if not EVERYWHERE:
    jaxtyping.jaxtyped = jaxtyped
