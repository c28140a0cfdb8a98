"""Data sets by name, to train and to evaluate on, and what records and weights say of them."""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, NamedTuple

from segcert.data import (
    camvid,
    cityscapes,
    cloud_sets,
    drawn_scenes,
    drawn_shapes,
    part_numbers,
    pascal_context,
)
from segcert.data.cloud_folder import CloudFolder
from segcert.data.drawn_scenes import FIRST_TEST_SCENE, Scenes
from segcert.data.drawn_shapes import FIRST_TEST_SHAPE
from segcert.data.folder import Folder, read_classes
from segcert.data.labelled import AbstractLabelled
from segcert.data.photographs import Photographs
from segcert.data.shapenet_part import ShapeNetPart
from segcert.data.subset import evenly_spaced
from segcert.errors import InputError
from segcert.inputs.input import Input, read
from segcert.inputs.kind import CLOUD, IMAGE, InputKind
from segcert.inputs.mask_options import MaskOptions
from segcert.inputs.mask_rules import Orientation

AS_STORED = (
    "noise is added to the photographs at the resolution of the file, before any resize: "
    "radii bound perturbations of the file, and labels are compared at its resolution"
)
AS_SHAPED = (
    "each shape is centred and scaled to the unit sphere beforehand; noise is added in these units"
)
TRAINING_SCENES = 1000
IN_UNITS = "noise is added in the units of the files; the model scales clouds after it"
AS_DRAWN = "noise is added to the scenes as they are drawn, before any resize"


@dataclass(frozen=True)
class LabelledSet:
    """Inputs with their truth, and what they are.

    Args:
        name: Of the data set and its split.
        items: The inputs; see `AbstractLabelled`.
        classes: Names of the classes.
        palette: One RGB colour per class.
        licence: Of the inputs, and so of weights trained on them.
        note: Where the noise is added and which inputs were chosen: words for records.
        said: What a user should know before the work: files that are not read.
        doubts: The classes of its masks, if 255 may be one of them: that it is ignored is a habit.
            Empty if there is no doubt.
    """

    name: str
    items: Sequence[Any]
    classes: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    licence: str
    note: str = ""
    said: tuple[str, ...] = ()
    doubts: tuple[int, ...] = ()

    def input(self, index: int) -> Input:
        """Make or read one of them, as sampling takes it."""
        return read(self.items[index])


@dataclass(frozen=True)
class Arguments:
    """What opens a data set; None is "not given". Each set needs some and takes no others.

    Args:
        root: Folder of CamVid, Cityscapes, Pascal Context, ShapeNet-Part or clouds of one's own.
        split: "train", "val" or "test"; of Pascal Context also "all", of ShapeNet-Part also
            "trainval"; if not given "val", of ShapeNet-Part "test".
        label_order: Of Pascal Context: what the numbers mean.
        resize: Of Pascal Context: "before noise" or "inside the model".
        images: Folder of images of a data set of one's own.
        masks: Folder of its masks.
        classes: File with the names of its classes.
        mask_values: Of masks of one's own: the value of each class; see `MaskOptions`.
        mask_ignore: The values that are ignored.
        mask_orientation: How masks of turned photographs are stored.
        scenes: Number of synthetic scenes or procedural shapes.
        category: Of ShapeNet-Part: names of the categories; all if not given. Of clouds of one's
            own: the one category; that of each file if not given.
    """

    root: Path | None = None
    split: str | None = None
    label_order: str | None = None
    resize: str | None = None
    images: Path | None = None
    masks: Path | None = None
    classes: Path | None = None
    mask_values: str | None = None
    mask_ignore: str | None = None
    mask_orientation: Orientation | None = None
    scenes: int | None = None
    category: tuple[str, ...] | None = None


class Rule(NamedTuple):
    """How to open a data set.

    Args:
        kind: What its inputs are.
        opener: Opens it.
        needed: Arguments that it must have.
        optional: Arguments that it may have.
        training: What it is opened with to be trained on; None if it is not for that.
    """

    kind: InputKind
    opener: Callable[..., LabelledSet]
    needed: tuple[str, ...]
    optional: tuple[str, ...] = ()
    training: Mapping[str, object] | None = None


def open_evaluation_set(name: str, given: Arguments, *, subset: int | None = None) -> LabelledSet:
    """Open a data set to evaluate on.

    Args:
        name: "camvid", "cityscapes", "pascal_context", "folder", "synthetic",
            "shapes", "shapenet_part", "shapenet_part_cap" or "cloud_folder".
        given: Its arguments.
        subset: Take so many evenly spaced inputs; None takes all.

    Raises:
        InputError: If there is no such data set, it is not where it should be or is empty, or an
            argument is missing or belongs to another data set.
    """
    if name not in RULES:
        raise InputError(f"data must be one of {', '.join(map(repr, RULES))}, got {name!r}")
    rule = RULES[name]
    found = rule.opener(**arguments_of(name, rule, given))
    return found if subset is None else with_subset(found, subset)


def open_training_set(name: str, given: Arguments, *, labelled: bool = True) -> LabelledSet:
    """Open a data set to train on: the part of it that nothing is evaluated on.

    Args:
        name: "camvid", "cityscapes", "pascal_context", "folder", "synthetic", "shapes" or
            "shapenet_part".
        given: Its arguments; ``root`` is by default its name, ``scenes`` 1000, and neither counts
            where it has no meaning. Images of Pascal Context become 480x480.
        labelled: Whether a truth is needed: photographs of one's own may go without.

    Raises:
        InputError: If there is no such data set, or it is not where it should be.
    """
    rule = RULES.get(name)
    if name == "folder" and not labelled and given.masks is None:
        rule = PHOTOGRAPHS
    if rule is None or rule.training is None:
        *first, last = (repr(key) for key, one in RULES.items() if one.training is not None)
        raise InputError(f"data must be {', '.join(first)} or {last}, got {name!r}")
    scenes = TRAINING_SCENES if given.scenes is None else given.scenes
    asked = replace(
        given,
        root=(given.root or Path(name)) if "root" in rule.needed else None,
        scenes=scenes if "scenes" in rule.needed else None,
    )
    found = arguments_of(name, rule, asked, fixed=rule.training)
    return rule.opener(**found, **rule.training)


def arguments_of(
    name: str, rule: Rule, given: Arguments, *, fixed: Container[str] = ()
) -> Mapping[str, object]:
    """Pick the arguments of a data set, besides those that are fixed.

    Raises:
        InputError: If one is missing, or belongs to another data set.
    """
    values = {one.name: getattr(given, one.name) for one in fields(given)}
    present = {key: value for key, value in values.items() if value is not None}
    for key in rule.needed:
        if key not in present and key not in fixed:
            raise InputError(f"data {name!r} needs {key}{HINTS.get(key, '')}")
    for key in present:
        if key not in rule.needed + rule.optional:
            raise InputError(
                f"data {name!r} takes no {key}, only {', '.join(rule.needed + rule.optional)}"
            )
    return present


def with_subset(whole: LabelledSet, count: int) -> LabelledSet:
    """Keep ``count`` evenly spaced inputs, and say which."""
    assert isinstance(whole.items, AbstractLabelled)
    part = evenly_spaced(whole.items, count)
    shown = [str(number) for number in part.numbers]
    if count > 3:
        shown[2:-1] = ["..."]
    words = f"{count} images evenly spaced out of {len(whole.items)}: {', '.join(shown)}"
    return replace(whole, items=part, note=f"{whole.note}; {words}")


def open_camvid(root: Path, split: str = "val") -> LabelledSet:
    """Open CamVid."""
    return LabelledSet(
        name=f"CamVid {split}",
        items=camvid.CamVid(root, split),
        classes=camvid.CLASSES,
        palette=camvid.PALETTE,
        licence="CC BY-NC 4.0",
        note=AS_STORED,
    )


def open_cityscapes(root: Path, split: str = "val") -> LabelledSet:
    """Open Cityscapes."""
    return LabelledSet(
        name=f"Cityscapes {split}",
        items=cityscapes.Cityscapes(root, split),
        classes=cityscapes.CLASSES,
        palette=cityscapes.PALETTE,
        licence="Cityscapes terms: non-commercial, no redistribution",
        note=AS_STORED,
    )


def open_pascal_context(
    root: Path, label_order: str, resize: str, split: str = "val"
) -> LabelledSet:
    """Open Pascal Context."""
    items = pascal_context.PascalContext(root, split, label_order, resize)
    return LabelledSet(
        name=f"Pascal Context {split}",
        items=items,
        classes=pascal_context.CLASSES,
        palette=pascal_context.PALETTE,
        licence="PASCAL VOC terms: photographs from Flickr, each under its own",
        note=items.note,
    )


def open_folder(
    images: Path,
    masks: Path,
    classes: Path,
    mask_values: str | None = None,
    mask_ignore: str | None = None,
    mask_orientation: Orientation | None = None,
) -> LabelledSet:
    """Open a data set of one's own."""
    known, told = read_classes(classes), MaskOptions(mask_values, mask_ignore, mask_orientation)
    items = Folder(images, masks, len(known.names), told, known.names, known.given)
    items.check_turned()
    return LabelledSet(
        name=f"folder {Path(images).name}",
        items=items,
        classes=known.names,
        palette=known.palette,
        licence="unknown",
        note=f"{AS_STORED}; masks: {told.words}" if told.words else AS_STORED,
        said=items.notes,
        doubts=() if told.settles or items.known else tuple(range(len(known.names))),
    )


def open_photographs(images: Path) -> LabelledSet:
    """Open photographs of one's own without truth, to learn from what they look like."""
    items = Photographs(images)
    return LabelledSet(
        name=f"photographs {Path(images).name}",
        items=items,
        classes=(),
        palette=(),
        licence="unknown",
        note=AS_STORED,
        said=items.notes,
    )


def open_synthetic(scenes: int, first: int = FIRST_TEST_SCENE) -> LabelledSet:
    """Open synthetic scenes, by default some that are in no training set."""
    check_scenes(scenes, first)
    return LabelledSet(
        name="synthetic scenes",
        items=Scenes(scenes, first=first),
        classes=drawn_scenes.CLASSES,
        palette=camvid.PALETTE,
        licence="Apache-2.0",
        note=AS_DRAWN,
    )


def check_scenes(scenes: int, first: int) -> None:
    """Refuse impossible numbers of scenes: those of the training come before those of the test.

    Raises:
        InputError: If there are none or, from the first on, too many.
    """
    if first < FIRST_TEST_SCENE and not 1 <= scenes <= FIRST_TEST_SCENE - first:
        raise InputError(f"scenes must be in 1..{FIRST_TEST_SCENE - first}, got {scenes}")
    if scenes < 1:
        raise InputError(f"scenes must be at least 1, got {scenes}")


def open_shapes(scenes: int, first: int = FIRST_TEST_SHAPE) -> LabelledSet:
    """Open procedural shapes, by default some that are in no training set."""
    return LabelledSet(
        name="procedural shapes",
        items=cloud_sets.shapes(scenes, first=first),
        classes=drawn_shapes.NAMES,
        palette=part_numbers.PALETTE,
        licence="Apache-2.0",
        note=AS_SHAPED,
    )


def open_shapenet_part(
    root: Path, split: str = "test", category: tuple[str, ...] = ()
) -> LabelledSet:
    """Open ShapeNet-Part in its text layout, with 2048 points of each shape."""
    chosen = f" ({', '.join(category)})" if category else ""
    return LabelledSet(
        name=f"ShapeNet-Part {split}{chosen}",
        items=cloud_sets.OnUnitSphere(ShapeNetPart(root, split, category)),
        classes=drawn_shapes.NAMES,
        palette=part_numbers.PALETTE,
        licence=cloud_sets.SHAPENET_LICENCE,
        note=AS_SHAPED,
    )


def open_caps(root: Path, split: str = "test") -> LabelledSet:
    """Open the caps of ShapeNet-Part."""
    return LabelledSet(
        name=f"ShapeNet-Part caps {split}",
        items=cloud_sets.OnUnitSphere(cloud_sets.Caps(root, split)),
        classes=drawn_shapes.NAMES,
        palette=part_numbers.PALETTE,
        licence=cloud_sets.SHAPENET_LICENCE,
        note=AS_SHAPED,
    )


def open_cloud_folder(root: Path, category: tuple[str, ...] = ()) -> LabelledSet:
    """Open labelled clouds of one's own, with the parts of ShapeNet-Part.

    Raises:
        InputError: If several categories are named: then each file must say its own.
    """
    if len(category) > 1:
        raise InputError(
            f"data 'cloud_folder' takes one category for all its files, got {', '.join(category)}: "
            "leave it out, and let each file say its own"
        )
    number = part_numbers.category_number(category[0]) if category else None
    return LabelledSet(
        name=f"clouds {Path(root).name}",
        items=CloudFolder(root, number),
        classes=drawn_shapes.NAMES,
        palette=part_numbers.PALETTE,
        licence="unknown",
        note=IN_UNITS,
    )


TRAIN, FIRST = {"split": "train"}, {"first": 0}
RULES = {
    "camvid": Rule(IMAGE, open_camvid, ("root",), ("split",), TRAIN),
    "cityscapes": Rule(IMAGE, open_cityscapes, ("root",), ("split",), TRAIN),
    "pascal_context": Rule(
        IMAGE, open_pascal_context, ("root", "label_order", "resize"), ("split",),
        TRAIN | {"resize": "before noise"},
    ),
    "folder": Rule(
        IMAGE, open_folder, ("images", "masks", "classes"),
        ("mask_values", "mask_ignore", "mask_orientation"), {},
    ),
    "synthetic": Rule(IMAGE, open_synthetic, ("scenes",), training=FIRST),
    "shapes": Rule(CLOUD, open_shapes, ("scenes",), training=FIRST),
    "shapenet_part": Rule(CLOUD, open_shapenet_part, ("root",), ("split", "category"), TRAIN),
    "shapenet_part_cap": Rule(CLOUD, open_caps, ("root",), ("split",)),
    "cloud_folder": Rule(CLOUD, open_cloud_folder, ("root",), ("category",)),
}  # fmt: skip
PHOTOGRAPHS = Rule(IMAGE, open_photographs, ("images",), training={})
HINTS = {
    "images": ", a folder of photographs",
    "masks": ", a folder of masks with the names of the images",
    "root": ", the folder it was unpacked into",
    "scenes": ", how many are drawn, such as --scenes 20",
    "label_order": f", one of {', '.join(map(repr, pascal_context.LABEL_ORDERS))}",
    "resize": f", one of {', '.join(map(repr, pascal_context.RESIZES))}",
    "classes": ", a file with one name per line",
}
