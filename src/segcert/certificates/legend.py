"""The classes of a certificate: name, colour, and how much of each is certified."""

from dataclasses import dataclass

import numpy as np

from segcert.certificates.claim import Claim
from segcert.certificates.pictures import ABSTAIN, Colour, default_palette
from segcert.text import floor_text, percent_text, printable

WORDS = {2: "points", 3: "pixels", 4: "voxels"}  # by the number of axes of the input


@dataclass(frozen=True)
class LegendRow:
    """One class, or group of classes, that occurs.

    Args:
        name: Its name.
        colour: Its colour; None if there are too many classes for colours.
        components: Components that have it, certified or not.
        certified: Those that are certified.
    """

    name: str
    colour: Colour | None
    components: int
    certified: int


def legend_rows(claim: Claim) -> tuple[LegendRow, ...]:
    """List the classes that occur, those with the most certified components first."""
    names, colours = names_of(claim), palette_of(claim)
    labels = claim.labels.ravel()
    whole = np.bincount(labels, minlength=len(names))
    certified = np.bincount(labels[claim.certified.ravel()], minlength=len(names))
    order = sorted(np.flatnonzero(whole), key=lambda k: (-certified[k], -whole[k], k))
    return tuple(
        LegendRow(names[k], colours[k] if colours else None, int(whole[k]), int(certified[k]))
        for k in order
    )


def names_of(claim: Claim) -> tuple[str, ...]:
    """Printable names of the classes and groups, or numbers if the model names none."""
    classes = range(claim.counts.classes)
    names = claim.class_names or tuple(f"class {number}" for number in classes)
    return tuple(map(printable, names))


def palette_of(claim: Claim) -> tuple[Colour, ...]:
    """Colours of the classes and groups, or ours if the model names none; empty if too many."""
    classes = len(names_of(claim))
    return claim.palette or (default_palette(classes) if classes <= ABSTAIN else ())


def word_of(claim: Claim) -> str:
    """What the components are called: pixels, voxels or points."""
    return WORDS.get(len(claim.provenance.input_shape), "components")


def certified_text(claim: Claim) -> str:
    """Say how much is certified, such as ``81.3% of 1024 pixels``; never more than is."""
    whole, certified = claim.counts.components, int(claim.certified.sum())
    return f"{percent_text(certified, whole)} of {whole} {word_of(claim)}"


def radius_text(claim: Claim) -> str:
    """Say the radius, never rounded up, such as ``l2 radius 0.1686 (input units)``."""
    return f"{claim.norm} radius {floor_text(claim.radius)} ({claim.unit})"
