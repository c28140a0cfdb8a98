"""The fields of a plan: what each of them may be."""

from typing import TYPE_CHECKING, TypedDict

import numpy as np
from jaxtyping import Bool

from segcert.certificates.masks import Mask
from segcert.errors import InputError
from segcert.noise.base import AbstractNoise
from segcert.stats.class_tree import ClassTree
from segcert.stats.correction import AbstractCorrection
from segcert.stats.stop_rules import StopRule

Ignored = Mask | Bool[np.ndarray, " *components"]
if TYPE_CHECKING:
    Whole = int
    Number = float
else:  # NumPy's are taken, too, and become Python's
    Whole = int | np.integer
    Number = float | np.floating | np.integer


class PlanFields(TypedDict, total=False):
    """What a plan may be given; see `segcert.plan.Plan`."""

    noise: AbstractNoise
    n0: Whole
    n: Whole
    tau: Number
    alpha: Number
    correction: AbstractCorrection | str
    tree: ClassTree | None
    blocks: Whole | None
    drop_below: Number | None
    ignore: Ignored | None
    stop_when: StopRule | str | None
    looks: Whole
    statement: str


def number(name: str, value: object) -> float:
    """Take a real number.

    Raises:
        InputError: If it is none.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, np.floating, np.integer)):
        raise InputError(f"{name} must be a number, got {value!r}")
    return float(value) + 0.0  # no negative zero


def whole(name: str, value: object) -> int:
    """Take a whole number.

    Raises:
        InputError: If it is none.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise InputError(f"{name} must be a whole number, got {value!r}")
    return int(value)
