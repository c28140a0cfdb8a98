"""Objects as users ask for them: some classes, one alpha, one statement."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from segcert.certificates.objects.found import ClassObjects
from segcert.certificates.objects.one_class import OneClass, one_class
from segcert.certificates.objects.pieces import Grid, Neighbours, Within
from segcert.certificates.words import beginning, conditions, named
from segcert.errors import InputError
from segcert.inputs.kind import kind_of
from segcert.sampling.counts import Counts
from segcert.stats.correction import share_of
from segcert.stats.levels import check_tau_alpha
from segcert.text import floor_text


@dataclass(frozen=True, eq=False)
class Objects:
    """What is proved about the objects of some classes, with one confidence for all of it.

    Args:
        classes: One entry for each class that was asked for.
        counts: The counts that it follows from.
        tau: Probability threshold.
        alpha: Allowed probability that anything in it is wrong.
        radius: Of the certified ball, in ``counts.noise.unit``; never rounded up.
        statement: The guarantee in words.
    """

    classes: tuple[ClassObjects, ...]
    counts: Counts
    tau: float
    alpha: float
    radius: float
    statement: str

    def __getitem__(self, name: str) -> ClassObjects:
        """The entry of a class.

        Raises:
            InputError: If it was not asked for.
        """
        for one in self.classes:
            if one.name == name:
                return one
        asked = ", ".join(one.name for one in self.classes)
        raise InputError(f"objects were asked for of {asked}, not of {name!r}: ask before drawing")


def certify_objects(
    counts: Counts,
    classes: Sequence[str | int],
    *,
    tau: float,
    alpha: float = 1e-3,
    ignore: Bool[np.ndarray, " *components"] | None = None,
    points: np.ndarray | None = None,
    distance: float | None = None,
) -> Objects:
    """Prove areas, presence, separation and connection of the objects of some classes.

    With confidence ``1 - alpha`` for all of it, and for every perturbation within the radius at
    once: of each class, the components at which it has a probability above one half are a set
    between two masks. Its area, the objects (connected pieces) that are surely there, those that
    could vanish, where none can appear, and what is connected follow from the two masks.

    Args:
        counts: What `sample` returned with ``n0 = 0``: the counts of all classes are needed.
        classes: Names or numbers of the classes, chosen before the counts were seen: each gets an
            equal part of ``alpha``.
        tau: Probability threshold, in [1/2, 1); the radius grows with it.
        alpha: Allowed probability that anything of it is wrong, in (0, 1).
        ignore: Components that are not tested: objects are possible there, and never sure.
        points: Coordinates (m, 3) of a point cloud, which has no grid.
        distance: Of clouds: largest distance between two points that touch.

    Returns:
        One entry for each class.

    Raises:
        InputError: If there was a pilot, a class does not exist or is asked for twice, ``n`` is too
            small, or ``points`` and ``distance`` do not go with the input.

    Source:
        docs/guarantees.md, section 12; proofs in docs/decisions/0029.
    """
    check_tau_alpha(tau=tau, alpha=alpha)
    numbers = [number_of(one, counts) for one in classes]
    if not numbers or len(set(numbers)) < len(numbers):
        raise InputError(f"classes must name one or more, each once, got {list(classes)}")
    neighbours = neighbours_of(counts, points, distance)
    level = share_of(alpha, len(numbers))
    found = [
        one_class(counts, n, name=name_of(n, counts), tau=tau, alpha=level, ignore=ignore)
        for n in numbers
    ]
    radius = counts.noise.radius(tau)
    return Objects(
        tuple(ClassObjects(one, neighbours) for one in found), counts, tau, alpha, radius,
        in_words(counts, found, radius=radius, alpha=alpha, neighbours=neighbours),
    )  # fmt: skip


def number_of(one: str | int, counts: Counts) -> int:
    """The number of a class that is named or numbered.

    Raises:
        InputError: If there is none such.
    """
    if isinstance(one, str) and one in counts.class_names:
        return counts.class_names.index(one)
    if isinstance(one, int) and 0 <= one < counts.classes:
        return one
    known = ", ".join(counts.class_names) or f"0 to {counts.classes - 1}"
    raise InputError(f"classes must be some of {known}, got {one!r}")


def name_of(number: int, counts: Counts) -> str:
    """The name of a class, or its number if there are no names."""
    return counts.class_names[number] if counts.class_names else str(number)


def neighbours_of(counts: Counts, points: np.ndarray | None, distance: float | None) -> Neighbours:
    """Which components touch.

    Raises:
        InputError: If a cloud lacks its points or distance, or a grid is given them.
    """
    kind = kind_of(counts.provenance.input_shape)
    if kind.gridded:
        if points is not None or distance is not None:
            raise InputError(
                f"points and distance go with inputs without a grid: {kind.parts} touch as they lie"
            )
        return Grid()
    if points is None or distance is None:
        raise InputError(f"objects of {kind.noun} need points= and distance=, in units of the file")
    if points.shape != (counts.components, 3):
        raise InputError(f"points must have shape ({counts.components}, 3), got {points.shape}")
    return Within(points, distance)


def in_words(
    counts: Counts,
    found: Sequence[OneClass],
    *,
    radius: float,
    alpha: float,
    neighbours: Neighbours,
) -> str:
    """Say what is certified.

    Source:
        docs/guarantees.md, section 12.
    """
    names = ", ".join(one.name for one in found)
    areas = "; ".join(f"{one.name} {one.area[0]} to {one.area[1]}" for one in found)
    parts = (
        f"{beginning(counts, alpha=alpha)} for every {counts.noise.ball(floor_text(radius))} the "
        f"components at which {named(counts.provenance)} gives a class with a probability above "
        f"one half under {counts.noise.description} are, for each of the classes {names}, all that "
        "are printed as sure and none that is printed as impossible. Numbers of components of "
        f"{counts.components}: {areas}. Objects are their connected pieces (components touch "
        f"{neighbours.words}). A deployment that abstains returns the class nowhere where it is "
        "printed as impossible; that a class below one half is the most probable one is not "
        "excluded there.",
        *conditions(counts),
        "This holds if the classes were chosen before the counts were seen. Nothing is said of "
        "other classes.",
    )  # fmt: skip
    return " ".join(parts)
