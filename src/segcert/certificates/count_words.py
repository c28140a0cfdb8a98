"""The statement of a count in words: how many, never which."""

from collections.abc import Sequence

from segcert.certificates.count_part import CountPart
from segcert.certificates.family import Family
from segcert.certificates.words import beginning, conditions, given_in_words, named
from segcert.sampling.counts import Counts
from segcert.text import floor_text

MOST_NAMED = 40  # classes in a statement


def count_in_words(
    counts: Counts, parts: Sequence[CountPart], *, radius: float, alpha: float, family: Family
) -> str:
    """Say how many components are robust, and what else may be asked.

    Args:
        counts: What was drawn.
        parts: What is counted.
        radius: Of the ball.
        alpha: Allowed probability that the statement is wrong.
        family: What was tested.

    Source:
        docs/guarantees.md, section 11; docs/decisions/0028.
    """
    model, ball = named(counts.provenance), counts.noise.ball(floor_text(radius))
    chose = "the pilot" if counts.n0 else "most of the draws"
    middle = (
        f"keep the class that {chose} gave them as the class of the smoothed model for every "
        f"{ball}. The smoothed model gives the most probable class of {model} under "
        f"{counts.noise.description}. Which components these are is not said."
    )
    said = (
        f"{beginning(counts, alpha=alpha)} at least {numbers(counts, parts)} {middle}",
        afterwards(parts, counts), *conditions(counts), *given_in_words(family),
    )  # fmt: skip
    return " ".join(said)


def numbers(counts: Counts, parts: Sequence[CountPart]) -> str:
    """So many of so many; class by class if they are counted so."""
    if parts[0].label is None:
        (whole,) = parts
        return f"{whole.at_least} of the {whole.tested} components that are tested"
    shown = ", ".join(
        f"{part.at_least} of the {part.tested} of class {name_of(counts, part.label)}"
        for part in parts[:MOST_NAMED]
    )
    rest = sum(part.at_least for part in parts[MOST_NAMED:])
    more = f", {rest} of {len(parts) - MOST_NAMED} more classes" if parts[MOST_NAMED:] else ""
    return f"{shown}{more} (all at once)"


def name_of(counts: Counts, label: int | None) -> str:
    """A class by its name, or its number."""
    assert label is not None
    return counts.class_names[label] if counts.class_names else str(label)


def afterwards(parts: Sequence[CountPart], counts: Counts) -> str:
    """Say what holds in regions that are asked for later."""
    if parts[0].label is None:
        (whole,) = parts
        return (
            f"The same holds in all regions at once, also in those that are chosen now: at least "
            f"their components with {whole.bound.k} hits of {counts.n} or more, less {whole.wrong}."
        )
    return (
        "The same holds in all regions of one class at once, also in those that are chosen now: at "
        f"least their components with as many hits of {counts.n} as are asked for in their class, "
        "less the number of that class that may be wrong."
    )
