"""The numbers of the page of one image or cloud: classes, and right against wrong."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Integer, UInt8

from segcert.certificates.pictures import Colour
from segcert.report.page_view import ReportView
from segcert.report.pages import hex_colour
from segcert.report.pictures import OUTCOME_COLOURS, OUTCOMES, outcomes
from segcert.text import percent_text


@dataclass(frozen=True)
class ClassRow:
    """One line of the class table; shares are printed, and in [0, 1] for the bars."""

    index: int
    name: str
    colour: str
    pixels: int
    share: float
    share_text: str
    certified: float
    certified_text: str
    right_text: str


@runtime_checkable
class Judged(Protocol):
    """What a page shows of the components, be they pixels or points."""

    @property
    def labels(self) -> Integer[np.ndarray, " *components"]:
        """Their classes."""

    @property
    def certified(self) -> Bool[np.ndarray, " *components"]:
        """Which are certified."""

    @property
    def truth(self) -> UInt8[np.ndarray, " *components"] | None:
        """True classes, 255 = not labelled."""

    @property
    def right(self) -> Bool[np.ndarray, " *components"] | None:
        """Where the label is right."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """One per class."""

    @property
    def palette(self) -> tuple[Colour, ...]:
        """One colour per class."""


def class_rows(view: Judged) -> list[ClassRow]:
    """Count the components of each class, the most frequent class first."""
    classes = len(view.class_names)

    def count(where: Bool[np.ndarray, " *components"]) -> list[int]:
        found: list[int] = np.bincount(view.labels[where], minlength=classes).tolist()
        return found

    nowhere = np.zeros_like(view.certified)
    labelled = nowhere if view.truth is None else view.truth != 255
    true = nowhere if view.right is None else view.right
    pixels, certified = count(np.ones_like(view.certified)), count(view.certified)
    judged, right = count(view.certified & labelled), count(view.certified & labelled & true)
    rows = [
        ClassRow(
            index=i,
            name=view.class_names[i],
            colour=hex_colour(view.palette[i]),
            pixels=pixels[i],
            share=pixels[i] / view.labels.size,
            share_text=percent_text(pixels[i], view.labels.size),
            certified=certified[i] / max(pixels[i], 1),
            certified_text=percent_text(certified[i], pixels[i]),
            right_text=percent_text(right[i], judged[i]),
        )
        for i in range(classes)
    ]
    return sorted(rows, key=lambda row: -row.pixels)


def found_outcomes(view: ReportView) -> UInt8[np.ndarray, " h w"]:
    """Compare with the truth, which there must be."""
    assert view.truth is not None
    assert view.right is not None
    return outcomes(view.right, view.certified, view.truth)


def outcome_key(view: ReportView) -> list[tuple[str, str, str]]:
    """Count right and wrong, certified and not: colour, name, share; empty without a truth."""
    if view.truth is None:
        return []
    found = found_outcomes(view)
    pixels = np.bincount(found.ravel(), minlength=len(OUTCOMES)).tolist()
    return [
        (hex_colour(colour), name, percent_text(part, found.size))
        for colour, name, part in zip(OUTCOME_COLOURS, OUTCOMES, pixels, strict=True)
    ]
