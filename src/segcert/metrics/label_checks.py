"""What every metric asks of a truth, and of a labelling that is compared with it."""

import numpy as np
from jaxtyping import Bool, Integer

from segcert.errors import InputError
from segcert.inputs.labels import IGNORE


def labelled(
    truth: Integer[np.ndarray, " *components"], *, classes: int
) -> Bool[np.ndarray, " *components"]:
    """Find the components that have a truth (not 255).

    Raises:
        InputError: If a true class does not exist.
    """
    known: np.ndarray = truth != IGNORE
    check_range("truth", truth[known], classes)
    return known


def comparable(
    labels: Integer[np.ndarray, " *components"],
    certified: Bool[np.ndarray, " *components"],
    truth: Integer[np.ndarray, " *components"],
    *,
    classes: int,
) -> Bool[np.ndarray, " *components"]:
    """Find the components that have a truth, where labels must be classes, too.

    Raises:
        InputError: If the shapes differ or a class does not exist.
    """
    if not labels.shape == certified.shape == truth.shape:
        raise InputError(
            f"labels have shape {labels.shape}, the mask has {certified.shape}, "
            f"the truth has {truth.shape}"
        )
    known = labelled(truth, classes=classes)
    check_range("labels", labels[known], classes)
    return known


def check_range(name: str, values: Integer[np.ndarray, " m"], classes: int) -> None:
    """Refuse numbers that are no class.

    Raises:
        InputError: With the first of them.
    """
    outside = values[(values < 0) | (values >= classes)]
    if outside.size:
        raise InputError(f"{name} has class {outside[0]}, the model has {classes} classes")
