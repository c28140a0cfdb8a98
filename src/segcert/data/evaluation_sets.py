"""Data sets to evaluate on, by name, with what records say about them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import NamedTuple

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
from segcert.data.labelled import AbstractLabelledImages
from segcert.data.labelled_clouds import AbstractLabelledClouds
from segcert.data.shapenet_part import ShapeNetPart
from segcert.data.subset import evenly_spaced
from segcert.errors import InputError

AS_STORED = (
    "noise is added to the photographs at the resolution of the file, before any resize: "
    "radii bound perturbations of the file, and labels are compared at its resolution"
)
AS_SHAPED = (
    "each shape is centred and scaled to the unit sphere beforehand; noise is added in these units"
)
IN_UNITS = "noise is added in the units of the files; the model scales clouds after it"
AS_DRAWN = "noise is added to the scenes as they are drawn, before any resize"


@dataclass(frozen=True)
class EvaluationSet:
    """Images or clouds with labels, and what they are.

    Args:
        name: Of the data set and its split.
        images: The images or clouds.
        classes: Names of the classes.
        palette: One RGB colour per class.
        licence: Of the images.
        note: Where the noise is added and which images were chosen: words for records.
    """

    name: str
    images: AbstractLabelledImages | AbstractLabelledClouds
    classes: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    licence: str
    note: str


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
    scenes: int | None = None
    category: tuple[str, ...] | None = None


class Rule(NamedTuple):
    """How to open a data set: its opener, the arguments it must have and those it may have."""

    opener: Callable[..., EvaluationSet]
    needed: tuple[str, ...]
    optional: tuple[str, ...] = ()


def open_evaluation_set(name: str, given: Arguments, *, subset: int | None = None) -> EvaluationSet:
    """Open a data set to evaluate on.

    Args:
        name: "camvid", "cityscapes", "pascal_context", "folder", "synthetic",
            "shapes", "shapenet_part", "shapenet_part_cap" or "cloud_folder".
        given: Its arguments.
        subset: Take so many evenly spaced images; None takes all.

    Raises:
        InputError: If there is no such data set, it is not where it should be or is empty, or an
            argument is missing or belongs to another data set.
    """
    if name not in RULES:
        raise InputError(f"data must be one of {', '.join(map(repr, RULES))}, got {name!r}")
    rule = RULES[name]
    found = rule.opener(**arguments_of(name, rule, given))
    return found if subset is None else with_subset(found, subset)


def arguments_of(name: str, rule: Rule, given: Arguments) -> Mapping[str, object]:
    """Pick the arguments of a data set.

    Raises:
        InputError: If one is missing, or belongs to another data set.
    """
    values = {one.name: getattr(given, one.name) for one in fields(given)}
    present = {key: value for key, value in values.items() if value is not None}
    for key in rule.needed:
        if key not in present:
            raise InputError(f"data {name!r} needs {key}{HINTS.get(key, '')}")
    for key in present:
        if key not in rule.needed + rule.optional:
            raise InputError(
                f"data {name!r} takes no {key}, only {', '.join(rule.needed + rule.optional)}"
            )
    return present


def with_subset(whole: EvaluationSet, count: int) -> EvaluationSet:
    """Keep ``count`` evenly spaced images, and say which."""
    part = evenly_spaced(whole.images, count)
    shown = [str(number) for number in part.numbers]
    if count > 3:
        shown[2:-1] = ["..."]
    words = f"{count} images evenly spaced out of {len(whole.images)}: {', '.join(shown)}"
    return replace(whole, images=part, note=f"{whole.note}; {words}")


def open_camvid(root: Path, split: str = "val") -> EvaluationSet:
    """Open CamVid."""
    return EvaluationSet(
        name=f"CamVid {split}",
        images=camvid.CamVid(root, split),
        classes=camvid.CLASSES,
        palette=camvid.PALETTE,
        licence="CC BY-NC 4.0",
        note=AS_STORED,
    )


def open_cityscapes(root: Path, split: str = "val") -> EvaluationSet:
    """Open Cityscapes."""
    return EvaluationSet(
        name=f"Cityscapes {split}",
        images=cityscapes.Cityscapes(root, split),
        classes=cityscapes.CLASSES,
        palette=cityscapes.PALETTE,
        licence="Cityscapes terms: non-commercial, no redistribution",
        note=AS_STORED,
    )


def open_pascal_context(
    root: Path, label_order: str, resize: str, split: str = "val"
) -> EvaluationSet:
    """Open Pascal Context."""
    images = pascal_context.PascalContext(root, split, label_order, resize)
    return EvaluationSet(
        name=f"Pascal Context {split}",
        images=images,
        classes=pascal_context.CLASSES,
        palette=pascal_context.PALETTE,
        licence="PASCAL VOC terms: photographs from Flickr, each under its own",
        note=images.note,
    )


def open_folder(images: Path, masks: Path, classes: Path) -> EvaluationSet:
    """Open a data set of one's own."""
    known = read_classes(classes)
    return EvaluationSet(
        name=f"folder {Path(images).name}",
        images=Folder(images, masks, len(known.names)),
        classes=known.names,
        palette=known.palette,
        licence="unknown",
        note=AS_STORED,
    )


def open_synthetic(scenes: int) -> EvaluationSet:
    """Open synthetic scenes that are in no training set."""
    if scenes < 1:
        raise InputError(f"scenes must be at least 1, got {scenes}")
    return EvaluationSet(
        name="synthetic scenes",
        images=Scenes(scenes, first=FIRST_TEST_SCENE),
        classes=drawn_scenes.CLASSES,
        palette=camvid.PALETTE,
        licence="Apache-2.0",
        note=AS_DRAWN,
    )


def open_shapes(scenes: int) -> EvaluationSet:
    """Open procedural shapes that are in no training set."""
    return EvaluationSet(
        name="procedural shapes",
        images=cloud_sets.shapes(scenes, first=FIRST_TEST_SHAPE),
        classes=drawn_shapes.NAMES,
        palette=part_numbers.PALETTE,
        licence="Apache-2.0",
        note=AS_SHAPED,
    )


def open_shapenet_part(
    root: Path, split: str = "test", category: tuple[str, ...] = ()
) -> EvaluationSet:
    """Open ShapeNet-Part in its text layout, with 2048 points of each shape."""
    chosen = f" ({', '.join(category)})" if category else ""
    return EvaluationSet(
        name=f"ShapeNet-Part {split}{chosen}",
        images=cloud_sets.OnUnitSphere(ShapeNetPart(root, split, category)),
        classes=drawn_shapes.NAMES,
        palette=part_numbers.PALETTE,
        licence=cloud_sets.SHAPENET_LICENCE,
        note=AS_SHAPED,
    )


def open_caps(root: Path, split: str = "test") -> EvaluationSet:
    """Open the caps of ShapeNet-Part."""
    return EvaluationSet(
        name=f"ShapeNet-Part caps {split}",
        images=cloud_sets.OnUnitSphere(cloud_sets.Caps(root, split)),
        classes=drawn_shapes.NAMES,
        palette=part_numbers.PALETTE,
        licence=cloud_sets.SHAPENET_LICENCE,
        note=AS_SHAPED,
    )


def open_cloud_folder(root: Path, category: tuple[str, ...] = ()) -> EvaluationSet:
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
    return EvaluationSet(
        name=f"clouds {Path(root).name}",
        images=CloudFolder(root, number),
        classes=drawn_shapes.NAMES,
        palette=part_numbers.PALETTE,
        licence="unknown",
        note=IN_UNITS,
    )


RULES = {
    "camvid": Rule(open_camvid, ("root",), ("split",)),
    "cityscapes": Rule(open_cityscapes, ("root",), ("split",)),
    "pascal_context": Rule(open_pascal_context, ("root", "label_order", "resize"), ("split",)),
    "folder": Rule(open_folder, ("images", "masks", "classes")),
    "synthetic": Rule(open_synthetic, ("scenes",)),
    "shapes": Rule(open_shapes, ("scenes",)),
    "shapenet_part": Rule(open_shapenet_part, ("root",), ("split", "category")),
    "shapenet_part_cap": Rule(open_caps, ("root",), ("split",)),
    "cloud_folder": Rule(open_cloud_folder, ("root",), ("category",)),
}
HINTS = {
    "root": ", the folder it was unpacked into",
    "scenes": ", how many are drawn, such as --scenes 20",
    "label_order": f", one of {', '.join(map(repr, pascal_context.LABEL_ORDERS))}",
    "resize": f", one of {', '.join(map(repr, pascal_context.RESIZES))}",
    "classes": ", a file with one name per line",
}
