"""Doubts about 255 in masks: ignored by habit, or a class that was stored as white?"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int64

from segcert.errors import InputError
from segcert.inputs.labels import IGNORE

MUCH = 0.25  # share of pixels
BINARY = 2  # classes


def tally(labels: np.ndarray) -> Int64[np.ndarray, " 256"]:
    """Count the classes of one mask, and what is ignored."""
    return np.bincount(labels.ravel().astype(np.int64), minlength=IGNORE + 1)[: IGNORE + 1]


def check_ignored(
    counts: Int64[np.ndarray, " 256"],
    expected: Sequence[int],
    names: Sequence[str],
    *,
    where: str,
    whole: bool = True,
) -> None:
    """Refuse masks in which 255 may be a class: one that is absent, while much is 255.

    With two classes, or none but the first, any 255 is a doubt; else a quarter of all pixels.

    Args:
        counts: Of the masks together, as `tally` counts them.
        expected: The classes that masks may have; none is "no doubt".
        names: Of all classes.
        where: The masks, for the error.
        whole: Whether these are all masks of a data set, in which every class should occur.

    Raises:
        InputError: With both ways out.
    """
    present = set(np.flatnonzero(counts[:IGNORE]).tolist())
    absent = [k for k in expected if k not in present]
    if not counts[IGNORE] or not absent:
        return
    share, few = counts[IGNORE] / counts.sum(), len(expected) <= BINARY
    if not few and not present <= {expected[0]} and not (whole and share >= MUCH):
        return
    values = "0,255" if few else "0,...,255"
    raise InputError(
        f"{where}: no pixel has class {absent[0]} ({names[absent[0]]}) and {share:.1%} are 255, "
        f"which is ignored: if 255 is a class, say --mask-values {values}; if it is to be "
        "ignored, --mask-ignore 255"
    )


def said_of_all(
    counts: Int64[np.ndarray, " 256"], expected: Sequence[int], names: Sequence[str], *, where: str
) -> tuple[str, ...]:
    """Ask of all masks of a data set what can be asked; see `check_ignored`.

    Returns:
        What a user should know of them.

    Raises:
        InputError: If 255 in them may be a class.
    """
    check_ignored(counts, expected, names, where=where)
    return counted_from_one(counts, expected, names)


def counted_from_one(
    counts: Int64[np.ndarray, " 256"], expected: Sequence[int], names: Sequence[str]
) -> tuple[str, ...]:
    """Say that the first class is absent, as in masks that count from 1; nothing if it is not."""
    if not expected or counts[expected[0]] or not counts[list(expected)].any():
        return ()
    return (
        f"no mask has class {expected[0]} ({names[expected[0]]}): if yours count the classes from "
        f"1, say --mask-values 1..{len(expected)}",
    )
