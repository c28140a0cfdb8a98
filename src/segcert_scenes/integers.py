"""Checks of the numbers that scenes and shapes follow from."""

import numpy as np

from segcert.errors import InputError


def checked_integer(name: str, value: object, least: int) -> int:
    """Return an argument as a plain integer.

    Raises:
        InputError: If it is not an integer of at least ``least``, with the value.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InputError(f"{name} must be an integer of at least {least}, got {value!r}")
    return int(value)
