"""What is known of a model after its file, of another program, was read."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from segcert.models.identity.runtime import TORCH, Runtime


@dataclass(frozen=True, eq=False)
class ForeignModel:
    """A model of images that another program wrote.

    Args:
        model: From a float batch (b, c, h, w) to scores or labels.
        name: That of the file, without suffix.
        sha256: Hash of every file that was read, and of how they are used.
        mean: Subtracted per channel, input units.
        std: Divided by per channel, input units.
        smallest_side: Smallest height and width, pixels, that it can label.
        class_names: Names of the classes, or empty.
        palette: One RGB colour per class, or empty.
        classes: Number of classes; None if the file does not say it.
        stochastic: Whether it draws randomness of its own.
        runtime: What runs it.
    """

    model: Callable[..., Any]
    name: str
    sha256: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    smallest_side: int = 1
    class_names: tuple[str, ...] = ()
    palette: tuple[tuple[int, int, int], ...] = ()
    classes: int | None = None
    stochastic: bool = False
    runtime: Runtime = TORCH
