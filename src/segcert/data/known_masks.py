"""What the values of masks mean for classes of data sets that are known, by the classes' names."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from segcert.data import camvid, cityscapes, pascal_context
from segcert.errors import InputError
from segcert.inputs.labels import IGNORE
from segcert.inputs.mask_options import MaskOptions, usual_rule
from segcert.inputs.mask_rules import MaskRule

Colour = tuple[int, int, int]
OPTIONS = (
    "--mask-values says what stands for each class (0,255 or #000000,#ffffff), and --mask-ignore "
    "what is ignored"
)


def rule_for(
    mask: Path,
    told: MaskOptions,
    *,
    classes: int | None,
    names: Sequence[str] = (),
    colours: Sequence[Colour | None] = (),
    where: str = OPTIONS,
) -> MaskRule:
    """The table of what the values of a mask mean: as the user says, or as its data set stores it.

    Args:
        mask: Its file, whose name may tell which numbers it has.
        told: What the user says.
        classes: How many classes there are; None if that is not known.
        names: Their names, as far as they are known.
        colours: Of the classes, where the user gave some.
        where: The way out, for errors.

    Raises:
        InputError: If the user contradicts the classes, or must say what is stored.
    """
    usual = None if told.values is not None else known(mask, names)
    if usual is not None and any(colours):
        usual = replace(usual, colours=usual_rule(classes, colours).colours)
    return told.rule(classes, usual=usual, colours=colours, where=where)


def known(mask: Path, names: Sequence[str]) -> MaskRule | None:
    """What the values mean by the names of the classes; None if that is not known.

    Raises:
        InputError: If the classes are those of Pascal Context, whose numbers differ by copy.
    """
    plain = tuple(map(spelled, names))
    if plain == tuple(map(spelled, camvid.CLASSES)):
        return replace(camvid.RULE, numbers=camvid.MEANING | {IGNORE: IGNORE})
    if plain == tuple(map(spelled, cityscapes.CLASSES)):
        return cityscapes.rule_of(mask)
    if plain == tuple(map(spelled, pascal_context.CLASSES)):
        raise InputError(
            f"{mask}: copies of Pascal Context number their classes differently: say it with "
            "--mask-values, such as 1..59 for alphabetical after a background of 0 (with "
            "--mask-ignore 0)"
        )
    return None


def spelled(name: str) -> str:
    """A name in one spelling."""
    return name.lower().replace("_", " ").replace("-", " ").strip()
