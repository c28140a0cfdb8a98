"""The classes of a certificate: name, colour, and how much of each is certified."""

from dataclasses import dataclass

import numpy as np

from segcert.certificates.pictures import ABSTAIN, Colour, default_palette
from segcert.certificates.result import Certificate
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


def legend_rows(certificate: Certificate) -> tuple[LegendRow, ...]:
    """List the classes that occur, those with the most certified components first."""
    names, colours = names_of(certificate), palette_of(certificate)
    labels = certificate.labels.ravel()
    whole = np.bincount(labels, minlength=len(names))
    certified = np.bincount(labels[certificate.certified.ravel()], minlength=len(names))
    order = sorted(np.flatnonzero(whole), key=lambda k: (-certified[k], -whole[k], k))
    return tuple(
        LegendRow(names[k], colours[k] if colours else None, int(whole[k]), int(certified[k]))
        for k in order
    )


def names_of(certificate: Certificate) -> tuple[str, ...]:
    """Printable names of the classes and groups, or numbers if the model names none."""
    classes = range(certificate.counts.classes)
    names = certificate.class_names or tuple(f"class {number}" for number in classes)
    return tuple(map(printable, names))


def palette_of(certificate: Certificate) -> tuple[Colour, ...]:
    """Colours of the classes and groups, or ours if the model names none; empty if too many."""
    classes = len(names_of(certificate))
    return certificate.palette or (default_palette(classes) if classes <= ABSTAIN else ())


def word_of(certificate: Certificate) -> str:
    """What the components are called: pixels, voxels or points."""
    return WORDS.get(len(certificate.provenance.input_shape), "components")


def certified_text(certificate: Certificate) -> str:
    """Say how much is certified, such as ``81.3% of 1024 pixels``; never more than is."""
    whole, certified = certificate.counts.components, int(certificate.certified.sum())
    return f"{percent_text(certified, whole)} of {whole} {word_of(certificate)}"


def radius_text(certificate: Certificate) -> str:
    """Say the radius, never rounded up, such as ``l2 radius 0.1686 (input units)``."""
    return f"{certificate.norm} radius {floor_text(certificate.radius)} ({certificate.unit})"
