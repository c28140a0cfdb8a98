"""Which mask belongs to which image: equal names, or names that differ by what all of them have."""

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from segcert.data.labelled import check_pairs
from segcert.errors import InputError

SEPARATOR = "[_.-]"
OF_IMAGES = ("_leftImg8bit", "_image", "_img", "_sat", "_rgb", "_photo")  # endings
OF_MASKS = (  # endings; where a folder has several of each image, the first that all have counts
    "_gtFine_labelTrainIds", "_gtFine_labelIds", "_labelTrainIds", "_labelIds", "_mask", "_masks",
    "_label", "_labels", "_gt", "_GT", "_seg", "_segmentation", "_annotation", "_truth", "_L",
    "_gtFine_color", "_color",
)  # fmt: skip
TRIED = 20  # names from which it is told how those of masks differ
WHERE = (
    "a mask has the name of its image, or differs by an ending or a beginning that all masks have, "
    "such as _mask"
)


@dataclass(frozen=True, order=True)
class Affix:
    """What stands before and behind the common name of an image and its mask."""

    before: str = ""
    behind: str = ""

    def around(self, name: str) -> str:
        """The whole stem."""
        return f"{self.before}{name}{self.behind}"

    def within(self, stem: str) -> str | None:
        """The common name in a stem; None if it is not of this kind."""
        long = len(stem) > len(self.before) + len(self.behind)
        if not long or not stem.startswith(self.before) or not stem.endswith(self.behind):
            return None
        return stem[len(self.before) : len(stem) - len(self.behind)]

    def __str__(self) -> str:
        """As an error shows it."""
        return f"{self.before}NAME{self.behind}"


@dataclass(frozen=True)
class Pairs:
    """Images and their masks.

    Args:
        images: Files by their common name, in order.
        masks: The same of masks.
        left_out: Masks of other kinds of the same images.
    """

    images: Mapping[str, Path]
    masks: Mapping[str, Path]
    left_out: tuple[Path, ...] = ()


def pair(images: Mapping[str, Path], masks: Mapping[str, Path], where: str) -> Pairs:
    """Pair images and masks by their stems.

    Args:
        images: Files by stem.
        masks: The same of masks.
        where: The way out, for errors.

    Raises:
        InputError: If one has no partner, or several kinds of masks are there of each image.
    """
    own, theirs, others = best_of(images, masks)
    named = {name: path for stem, path in images.items() if (name := own.within(stem))}
    found = {name: path for stem, path in masks.items() if (name := theirs.within(stem))}
    left = {stem: path for stem, path in masks.items() if not theirs.within(stem)}
    unused = {
        stem: path
        for stem, path in left.items()
        if any(other.within(stem) in named for other in others)
    }
    alone = {stem: path for stem, path in left.items() if stem not in unused}
    check_pairs(named, found | alone, where)
    ordered = sorted(named)
    return Pairs(
        {name: named[name] for name in ordered},
        {name: found[name] for name in ordered},
        tuple(unused.values()),
    )


def best_of(
    images: Collection[str], masks: Collection[str]
) -> tuple[Affix, Affix, tuple[Affix, ...]]:
    """How stems of images and of masks differ from their common names, and how other masks do.

    Raises:
        InputError: If several kinds of masks are there of each image, and none is known.
    """
    stems, best = frozenset(masks), (Affix(), Affix(), 0)
    for own in of_images(images):
        names = [name for stem in images if (name := own.within(stem)) is not None]
        shares = covered(names, stems)
        whole = [affix for affix, share in shares.items() if share == len(images)]
        if whole:
            chosen = choose(whole)
            return own, chosen, tuple(one for one in shares if one != chosen)
        for affix, share in shares.items():
            if share > best[2]:
                best = own, affix, share
    return best[0], best[1], ()


def of_images(stems: Collection[str]) -> list[Affix]:
    """What may stand around the common names of images: nothing, what is known, what all have."""
    known = [Affix("", one) for one in OF_IMAGES if all(stem.endswith(one) for stem in stems)]
    if len(stems) < 2:
        return [Affix(), *known]
    ending = re.search(f"{SEPARATOR}.*", reverse_common([stem[::-1] for stem in stems])[::-1])
    beginning = re.search(f".*{SEPARATOR}", reverse_common(list(stems)))
    before, behind = beginning[0] if beginning else "", ending[0] if ending else ""
    both = [Affix("", behind), Affix(before, ""), Affix(before, behind)]
    return list(dict.fromkeys([Affix(), *known, *both]))


def reverse_common(stems: list[str]) -> str:
    """What all begin with."""
    first, last = min(stems), max(stems)
    for place, letter in enumerate(first):
        if letter != last[place]:
            return first[:place]
    return first


def covered(names: list[str], stems: frozenset[str]) -> dict[Affix, int]:
    """How many of the names have a mask, for each way in which one of the masks differs."""
    if all(name in stems for name in names):
        return {Affix(): len(names)}
    found: Counter[Affix] = Counter()
    for name in sorted(names, key=len, reverse=True)[:TRIED]:
        for stem in stems:
            place = stem.find(name)
            if place >= 0:
                found[Affix(stem[:place], stem[place + len(name) :])] += 1
    likely = [affix for affix, _ in found.most_common(TRIED)]
    return {one: sum(one.around(name) in stems for name in names) for one in [Affix(), *likely]}


def choose(kinds: list[Affix]) -> Affix:
    """The kind of masks that counts, where a folder has several of each image.

    Raises:
        InputError: If none is known.
    """
    if len(kinds) == 1:
        return kinds[0]
    if Affix() in kinds:
        return Affix()
    for ending in OF_MASKS:
        if Affix("", ending) in kinds:
            return Affix("", ending)
    raise InputError(
        f"the masks of each image are {', '.join(map(str, sorted(kinds)))}: keep one kind of them "
        "in the folder"
    )
