"""The statement of a certificate in words: what is certified, no more."""

import numpy as np
from jaxtyping import Bool

from segcert.certificates.earlier_words import earlier_in_words
from segcert.certificates.family import Family
from segcert.certificates.variation import variation
from segcert.errors import InputError
from segcert.models.identity.runtime import ARITHMETIC
from segcert.noise.registry import unproved_in_words
from segcert.sampling.counts import Counts, Provenance
from segcert.stats.looks import Looks
from segcert.text import ceiling_text, confidence_text, floor_text

EVERYTHING = Family()
DIGITS = 16  # of a digest in statements; all 64 are in the provenance
DOWN = 1 - 2.0**-40  # more than the rounding of distances and of the quotient


def share_of_diameter(radius: float, diameter: float) -> float:
    """A radius beside the size of a point cloud; never rounded up.

    Args:
        radius: In the units of the file.
        diameter: Largest distance between two points, in the same unit.

    Raises:
        InputError: If all points coincide.
    """
    if not diameter > 0:
        raise InputError(f"a radius is no share of a diameter of {diameter}: all points coincide")
    return radius / diameter * DOWN


def named(source: Provenance) -> str:
    """Name a model with its digest beside it: a name alone may be anybody's."""
    if source.weights_sha256 == "none":
        return f"{source.model} (a function without hash)"
    sha256 = source.identity_sha256 or source.weights_sha256  # counts of version 2 have no identity
    return f"{source.model} (sha256 {sha256[:DIGITS]})"


def in_words(
    counts: Counts,
    certified: Bool[np.ndarray, " *components"],
    *,
    radius: float,
    alpha: float,
    errors: int = 0,
    tree: bool = False,
    family: Family = EVERYTHING,
    said: str = "",
) -> str:
    """Say what is certified.

    Args:
        counts: The counts.
        certified: Which components are certified.
        radius: Of the certified ball.
        alpha: Allowed probability that the statement is wrong.
        errors: How many certified components, or regions, the statement allows to be wrong.
        tree: Whether groups of classes are certified.
        family: What was tested. By regions, one false rejection is a whole region of wrong
            components; a mask or regions from outside may not have come from the counts.
        said: What is said of the correction: that it is unproved; empty if nothing.

    Source:
        docs/guarantees.md, sections 1 and 5; docs/decisions/0008 for class trees.
    """
    number = int(certified.sum())
    noise, model = counts.noise, named(counts.provenance)
    ball = noise.ball(floor_text(radius))
    which = f"the {number} certified components of {counts.components}"
    if not errors:
        which = f"at each of {which}"
    elif family.regions is not None:
        which = f"at all but those in at most {errors} regions of {which}"
    else:
        which = f"at all but at most {errors} of {which}"
    if tree:
        middle = (
            f"for every {ball} the class that {model} gives under {noise.description} lies in the "
            "group of classes printed with a probability above one half. That the single most "
            "probable class lies in the group is not said, unless the group is one class."
        )
    else:
        middle = (
            "the class printed is the class of the smoothed model for every "
            f"{ball}. The smoothed model gives the most probable class of "
            f"{model} under {noise.description}. A deployment that abstains returns the class "
            "printed or abstains, never another class; a fresh Monte-Carlo run of it adds its own "
            f"error {alpha!r}."
        )
    parts = (
        f"{beginning(counts, alpha=alpha)} {which}, {middle}", *conditions(counts),
        *given_in_words(family), *filter(None, [said]),
        "Nothing is said about the other components.",
    )  # fmt: skip
    return " ".join(parts)


def beginning(counts: Counts, *, alpha: float) -> str:
    """Say how sure the whole is, and what of that is due to the arithmetic of the noise."""
    less = variation(counts)
    digital = f"; {ceiling_text(less)} is for noise drawn from digital words" if less else ""
    return f"With confidence {confidence_text(alpha, less)} (for the whole statement{digital}):"


def conditions(counts: Counts) -> tuple[str, ...]:
    """Say what is meant by the model, what is assumed or unproved, and how it was drawn."""
    found = (
        model_in_words(counts.provenance), counts.noise.assumption,
        unproved_in_words(counts.noise), stops_in_words(counts), earlier_in_words(counts).strip(),
    )  # fmt: skip
    return tuple(words for words in found if words)


def given_in_words(family: Family) -> tuple[str, ...]:
    """Say what came from outside, and so may not have been chosen by the counts that are tested.

    Nothing in the counts can show that it was not; blocks and rules on the pilot need no such word.
    """
    names = (("mask of components that are not tested", family.ignore), ("regions", family.regions))
    given = [name for name, value in names if isinstance(value, np.ndarray)]
    if not given:
        return ()
    return (
        f"The {' and the '.join(given)} came from outside: this holds if they were fixed by the "
        "input or a pilot, without the counts that are tested.",
    )


def model_in_words(source: Provenance) -> str:
    """Say what belongs to the model that is named; empty if it is the network alone."""
    parts = []
    if "+" in source.model:
        parts.append("with the denoiser in its name")
    if source.scale != "1":
        parts.append(f"on inputs resized by scale {source.scale}")
    if source.precision in ARITHMETIC.values():
        parts.append(f"as computed in {source.precision}")
    if not parts:
        return ""
    return f"By {source.model} the network {', '.join(parts)} is meant, all after the noise."


def stops_in_words(counts: Counts) -> str:
    """Say after which draws sampling might have stopped; empty if their number was fixed."""
    if counts.sequential is None:
        return ""
    if isinstance(counts.sequential, Looks):
        at = ", ".join(map(str, counts.sequential.at))
        return f"Sampling might stop after {at} draws, and stopped after {counts.n}."
    n, every = counts.sequential.n, counts.sequential.every
    each = "each draw" if every == 1 else f"every {every} draws"
    return f"Sampling might stop after {each}, up to {n}, and stopped after {counts.n}."
