"""What a user says about masks: which values stand for the classes, and which are ignored."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from segcert.errors import InputError
from segcert.inputs.labels import IGNORE
from segcert.inputs.mask_rules import HIGHEST, LOWEST, MaskRule, Orientation
from segcert.inputs.pictures import UPRIGHT
from segcert.inputs.stored_masks import packed

ONE = re.compile(r"-?[0-9]{1,6}")
SPAN = re.compile(r"([0-9]{1,6})\.\.([0-9]{1,6})")
COLOUR = re.compile(r"#([0-9a-fA-F]{6})")
NOTHING = "none"  # stands for a class that no mask has
MOST_CLASSES = 255
RULE = "numbers (0,255), spans (1..150) or colours (#000000,#ffffff)"
Colour = tuple[int, int, int]
Value = int | str  # a number, or a colour as "#rrggbb"


@dataclass(frozen=True)
class MaskOptions:
    """What a user says about masks; all empty is nothing.

    Args:
        values: Value of each class, in their order: ``0,255``; ``none`` for a class without one.
        ignored: Values that are ignored.
        orientation: How masks of turned photographs are stored; None tells it by their sizes.
    """

    values: str | None = None
    ignored: str | None = None
    orientation: Orientation | None = None

    @property
    def settles(self) -> bool:
        """Whether 255 needs no question any more: it has a class, or was said to be ignored."""
        ignored = parse_values("--mask-ignore", self.ignored)
        return self.values is not None or IGNORE in ignored or any(map(is_colour, ignored))

    def rule(
        self,
        classes: int | None,
        *,
        usual: MaskRule | None = None,
        colours: Sequence[Colour | None] = (),
        where: str,
    ) -> MaskRule:
        """The table of what values mean.

        Args:
            classes: How many there are; None if that is not known.
            usual: What values mean if the user does not say it; by default numbers are classes.
            colours: Of the classes, where there are any.
            where: The way out, for errors.

        Raises:
            InputError: If a value is none, comes twice, or there are not as many as classes.
        """
        ignored = parse_values("--mask-ignore", self.ignored)
        if self.values is not None:
            given = parse_values("--mask-values", self.values)
            check_values(given, ignored, classes)
            numbers = {v: k for k, v in enumerate(given) if isinstance(v, int)}
            shown = {unpack(v): k for k, v in enumerate(given) if is_colour(v)}
            if numbers:
                numbers.setdefault(IGNORE, IGNORE)
            found = MaskRule(numbers, shown, told=True, where=where)
        else:
            found = usual or usual_rule(classes, colours)
        numbers = dict(found.numbers) | {v: IGNORE for v in ignored if isinstance(v, int)}
        shown = dict(found.colours) | {unpack(v): IGNORE for v in ignored if is_colour(v)}
        return replace(
            found, numbers=numbers, colours=shown, orientation=self.orientation, where=where
        )

    @property
    def words(self) -> str:
        """What is said, for records; empty if nothing is."""
        said = (
            ("--mask-values", self.values), ("--mask-ignore", self.ignored),
            ("--mask-orientation", self.orientation),
        )  # fmt: skip
        return " ".join(f"{name} {value}" for name, value in said if value is not None)


def refuse_if_upright(orientations: Iterable[int], told: MaskOptions) -> None:
    """Refuse to be told how masks of turned photographs are stored, if there are none of these.

    Raises:
        InputError: If so.
    """
    if told.orientation and all(one == UPRIGHT for one in orientations):
        raise InputError(
            "--mask-orientation is for photographs with an EXIF orientation, which none has here: "
            "leave it out"
        )


def usual_rule(classes: int | None, colours: Sequence[Colour | None]) -> MaskRule:
    """Numbers are classes, 255 is ignored; colours are those of the classes that have one."""
    numbers = range(IGNORE if classes is None else classes)
    shown = {packed(one): number for number, one in enumerate(colours) if one is not None}
    return MaskRule({number: number for number in (*numbers, IGNORE)}, shown)


def parse_values(option: str, text: str | None) -> tuple[Value, ...]:
    """Read the values of an option.

    Raises:
        InputError: If one is no value.
    """
    found: list[Value] = []
    for word in (text or "").replace(" ", "").split(",") if text else ():
        span, colour = SPAN.fullmatch(word), COLOUR.fullmatch(word)
        if span and int(span[1]) <= int(span[2]) <= HIGHEST:
            found += range(int(span[1]), int(span[2]) + 1)
        elif colour:
            found.append(word.lower())
        elif word == NOTHING:
            found.append(word)
        elif ONE.fullmatch(word) and LOWEST <= int(word) <= HIGHEST:
            found.append(int(word))
        else:
            raise InputError(f"{option} must be {RULE}, got {word!r}")
    return tuple(found)


def check_values(given: tuple[Value, ...], ignored: tuple[Value, ...], classes: int | None) -> None:
    """Refuse values that do not fit the classes, contradict each other, or are mixed.

    Raises:
        InputError: With the first of them.
    """
    if classes is not None and len(given) != classes:
        raise InputError(
            f"--mask-values must name one value for each of the {classes} classes, in their order "
            f"(none where masks have none), got {len(given)}"
        )
    if not 1 <= len(given) <= MOST_CLASSES:
        raise InputError(f"--mask-values must name 1 to {MOST_CLASSES} values, got {len(given)}")
    values = [value for value in (*given, *ignored) if value != NOTHING]
    twice = [value for place, value in enumerate(values) if value in values[:place]]
    if twice:
        raise InputError(f"--mask-values and --mask-ignore have {twice[0]} twice: once is enough")
    if len({is_colour(value) for value in values}) > 1:
        raise InputError("--mask-values and --mask-ignore are all numbers or all colours")


def is_colour(value: Value) -> bool:
    """Whether a value is a colour."""
    return isinstance(value, str) and value != NOTHING


def unpack(value: Value) -> int:
    """Pack the text of a colour."""
    return int(str(value).removeprefix("#"), 16)
