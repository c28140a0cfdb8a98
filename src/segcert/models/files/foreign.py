"""What is known of a model after its file, of another program, was read."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from segcert.models.identity.file_hashes import Setting
from segcert.models.identity.runtime import TORCH, Runtime
from segcert.models.resizing.conventions import PLAIN, Convention, words_of


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
        convention: What the network takes and returns.
        assumed: Whether it is binary, and nobody said its threshold.
        sizes: Of images that it takes, in words; empty for any.
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
    convention: Convention = PLAIN
    assumed: bool = False
    sizes: str = ""


def settings_of(
    convention: Convention, mean: tuple[float, ...], std: tuple[float, ...]
) -> dict[str, Setting]:
    """What is hashed with the files of a model; see `hash_model`."""
    settings: dict[str, Setting] = {"mean": mean, "std": std}
    words = words_of(convention.said())
    return settings | ({"convention": words} if words else {})
