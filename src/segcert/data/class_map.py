"""Classes of a data set as those of a network that has others: 19 on 20, or coarser ones."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from segcert.data.known_masks import spelled
from segcert.data.labelled import AbstractLabelled, LabelledImage
from segcert.data.sets import LabelledSet
from segcert.errors import InputError
from segcert.files import read_text
from segcert.inputs.labels import IGNORE, distinct_colours

SPAN = re.compile(r"([0-9]{1,3})(?:\.\.([0-9]{1,3}))?")
IGNORED = "ignore"
RULE = "FROM=TO, such as 0..18=1..19, road=1 or void=ignore"


@dataclass(frozen=True)
class Mapped(AbstractLabelled):
    """A data set whose true classes are those of a network.

    Args:
        whole: The data set.
        classes: Class of the network for each class of the data set; 255 is ignored.
    """

    whole: AbstractLabelled
    classes: tuple[int, ...]

    def __len__(self) -> int:
        """Count its items."""
        return len(self.whole)

    def item(self, index: int) -> Any:
        """Read one item."""
        found = self.whole.item(index)
        assert isinstance(found, LabelledImage)
        return replace(found, labels=mapped(found.labels, self.classes))


def mapped(labels: UInt8[np.ndarray, " h w"], classes: Sequence[int]) -> UInt8[np.ndarray, " h w"]:
    """Turn true classes into those of a network; 255 stays."""
    table = np.full(IGNORE + 1, IGNORE, np.uint8)
    table[: len(classes)] = classes
    found: np.ndarray = table[labels]
    return found


def with_class_map(
    found: LabelledSet,
    told: str,
    *,
    names: Sequence[str],
    classes: int | None,
    palette: Sequence[tuple[int, int, int]] = (),
) -> LabelledSet:
    """Compare with a network that has other classes than the data set.

    What is certified does not change: the classes of the network, all of them.

    Args:
        found: The data set.
        told: Text or file of the map; see `parse_map`.
        names: Of the classes of the network, as far as it says them.
        classes: How many it has.
        palette: Their colours, as far as it says them.

    Raises:
        InputError: If the map is none, or the network does not say how many classes it has.
    """
    count = classes or len(names)
    if not count:
        raise InputError(
            "--class-map needs a model that says how many classes it has: name them in the .toml "
            "file beside it"
        )
    numbers = parse_map(told, found.classes, list(names) or [str(k) for k in range(count)])
    assert isinstance(found.items, AbstractLabelled)
    shown = ", ".join(
        f"{name}={IGNORED if to == IGNORE else to}"
        for name, to in zip(found.classes, numbers, strict=True)
    )
    return replace(
        found,
        items=Mapped(found.items, numbers),
        classes=tuple(names) or tuple(f"class {k}" for k in range(count)),
        palette=tuple(palette) or distinct_colours(count),
        doubts=() if IGNORE in numbers else tuple(numbers[k] for k in found.doubts),
        note=f"{found.note}; true classes as those of the model: {shown}",
    )


def parse_map(told: str, ours: Sequence[str], theirs: Sequence[str]) -> tuple[int, ...]:
    """Read a map of classes.

    Args:
        told: ``FROM=TO`` with commas or one a line, or a file of such: numbers, spans of numbers
            or names; ``ignore`` for what is not compared.
        ours: Names of the classes of the data set.
        theirs: Names of the classes of the network.

    Returns:
        The class of the network for each class of the data set; 255 is ignored.

    Raises:
        InputError: If an entry is none, a class is unknown, comes twice or is missing.
    """
    found: dict[int, int] = {}
    for entry in entries_of(told):
        source, mark, target = (part.strip() for part in entry.partition("="))
        if not mark or not source or not target:
            raise InputError(f"--class-map must be {RULE}, got {entry!r}")
        first = numbers_of(source, ours, "the data set")
        then = [IGNORE] if target == IGNORED else numbers_of(target, theirs, "the model")
        if len(then) == 1:
            then = then * len(first)
        if len(then) != len(first):
            raise InputError(f"--class-map {entry!r} has {len(first)} classes and {len(then)}")
        for one, to in zip(first, then, strict=True):
            if one in found:
                raise InputError(f"--class-map has class {one} ({ours[one]}) twice")
            found[one] = to
    missing = [f"{k} ({name})" for k, name in enumerate(ours) if k not in found]
    if missing:
        raise InputError(
            f"--class-map says nothing of class {missing[0]}, the first of {len(missing)}: give "
            "it a class of the model, or =ignore"
        )
    return tuple(found[k] for k in range(len(ours)))


def entries_of(told: str) -> list[str]:
    """The entries of a map; of a file, lines that begin with # are left out."""
    if "=" not in told:
        lines = read_text(Path(told), what="--class-map").splitlines()
        told = ",".join(line for line in lines if not line.lstrip().startswith("#"))
    return [entry for entry in told.split(",") if entry.strip()]


def numbers_of(text: str, names: Sequence[str], where: str) -> list[int]:
    """The classes that a name, a number or a span of numbers means.

    Raises:
        InputError: If there is no such class.
    """
    alike = [k for k, name in enumerate(names) if spelled(name) == spelled(text)]
    span = SPAN.fullmatch(text)
    if len(alike) == 1:
        return alike
    if span:
        first, last = int(span[1]), int(span[2] or span[1])
        if first <= last < len(names):
            return list(range(first, last + 1))
    raise InputError(
        f"--class-map: {text!r} is no class of {where}, which has 0..{len(names) - 1} "
        f"({', '.join(names)})"
    )
