"""Read JSON that anybody may have written: no key twice, no numbers that JSON does not have."""

import json
import math
from pathlib import Path
from typing import Any

from segcert.errors import InputError

MOST_BYTES = 1 << 24  # of certificate.json; 10,000 batches of draws take less than 1 MiB
MOST_DIGITS = 40  # of whole numbers; seeds, which are longer, are texts


def read_strictly(path: Path) -> bytes:
    """Read a JSON file and check what parsers are silent about.

    Returns:
        The bytes.

    Raises:
        InputError: If it is too large, no UTF-8, no JSON, nested too deeply, or holds a key twice,
            NaN, an infinity, a negative zero or an endless number.
    """
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise InputError(f"it has {size} bytes, at most {MOST_BYTES} are read")
    content = path.read_bytes()
    try:
        json.loads(
            content.decode(), object_pairs_hook=without_repeats, parse_constant=refuse_constant,
            parse_float=checked_float, parse_int=checked_int,
        )  # fmt: skip
    except RecursionError as error:
        raise InputError("it is nested too deeply") from error
    except InputError:
        raise
    except ValueError as error:  # of UTF-8 and of JSON
        raise InputError(f"it is no JSON: {error}") from error
    return content


def without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object with a key twice: which value counts depends on who reads it."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise InputError(f"the key {twice!r} is there twice")
    return found


def refuse_constant(name: str) -> float:
    """Refuse NaN and the infinities, which JSON does not have."""
    raise InputError(f"it holds {name}, which is no number")


def checked_float(text: str) -> float:
    """Refuse numbers that become infinite, and the negative zero."""
    value = float(text)
    if not math.isfinite(value) or (value == 0 and text.startswith("-")):
        raise InputError(f"it holds {text[:MOST_DIGITS]}, which is no number of a certificate")
    return value


def checked_int(text: str) -> int:
    """Refuse endless numbers, and the negative zero."""
    if len(text) > MOST_DIGITS or text == "-0":
        raise InputError(f"it holds {text[:MOST_DIGITS]}, which is no number of a certificate")
    return int(text)
