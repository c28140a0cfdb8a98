"""Data sets by name, with what weight files say about them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from segcert.data import (
    camvid,
    cityscapes,
    cloud_sets,
    drawn_scenes,
    drawn_shapes,
    part_numbers,
    pascal_context,
)
from segcert.data.clouds import Cloud
from segcert.data.drawn_scenes import FIRST_TEST_SCENE, Scenes
from segcert.data.labelled import AbstractLabelledImages, LabelledImage
from segcert.data.shapenet_part import ShapeNetPart
from segcert.errors import InputError


@dataclass(frozen=True)
class TrainingSet:
    """Images or clouds with labels, and what they are.

    Args:
        name: Of the data set and its split.
        images: The images or clouds.
        classes: Names of the classes.
        palette: One RGB colour per class.
        licence: Of weights trained on it.
    """

    name: str
    images: Sequence[LabelledImage] | Sequence[Cloud]
    classes: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    licence: str


def open_training_set(
    name: str,
    *,
    root: Path | None = None,
    scenes: int = 1000,
    label_order: str | None = None,
    category: tuple[str, ...] = (),
) -> TrainingSet:
    """Open a data set to train on.

    Args:
        name: "camvid", "cityscapes", "pascal_context", "synthetic", "shapes" or "shapenet_part".
        root: Its folder; by default its name.
        scenes: Number of synthetic scenes or procedural shapes.
        label_order: Of Pascal Context: what the numbers mean. Its images become 480x480.
        category: Of ShapeNet-Part: names of the categories; empty: all.

    Raises:
        InputError: If there is no such data set, or it is not where it should be.
    """
    place = Path(name) if root is None else root
    if label_order is not None and name != "pascal_context":
        raise InputError(f"data {name!r} takes no label_order")
    if category and name != "shapenet_part":
        raise InputError(f"data {name!r} takes no category")
    if name == "synthetic":
        if not 1 <= scenes <= FIRST_TEST_SCENE:
            raise InputError(f"scenes must be in 1..{FIRST_TEST_SCENE}, got {scenes}")
        return TrainingSet(
            "synthetic scenes", Scenes(scenes), drawn_scenes.CLASSES, camvid.PALETTE, "Apache-2.0"
        )
    if name == "shapes":
        return TrainingSet(
            "procedural shapes", cloud_sets.shapes(scenes),
            drawn_shapes.NAMES, part_numbers.PALETTE, "Apache-2.0",
        )  # fmt: skip
    if name == "shapenet_part":
        chosen = f" ({', '.join(category)})" if category else ""
        return TrainingSet(
            f"ShapeNet-Part train{chosen}",
            cloud_sets.OnUnitSphere(ShapeNetPart(place, "train", category)),
            drawn_shapes.NAMES, part_numbers.PALETTE, cloud_sets.SHAPENET_LICENCE,
        )  # fmt: skip
    if name == "camvid":
        found: AbstractLabelledImages = camvid.CamVid(place, "train")
        return TrainingSet("CamVid train", found, camvid.CLASSES, camvid.PALETTE, "CC BY-NC 4.0")
    if name == "cityscapes":
        found, about = cityscapes.Cityscapes(place, "train"), cityscapes
        licence = "Cityscapes terms: non-commercial"
        return TrainingSet("Cityscapes train", found, about.CLASSES, about.PALETTE, licence)
    if name == "pascal_context":
        return open_pascal_context(place, label_order)
    raise InputError(
        "data must be 'camvid', 'cityscapes', 'pascal_context', 'synthetic', 'shapes' or "
        f"'shapenet_part', got {name!r}"
    )


def open_pascal_context(root: Path, label_order: str | None) -> TrainingSet:
    """Open Pascal Context, resized to 480x480 as in the protocol of the paper."""
    orders = ", ".join(map(repr, pascal_context.LABEL_ORDERS))
    if label_order is None:
        raise InputError(f"data 'pascal_context' needs label_order, one of {orders}")
    return TrainingSet(
        name="Pascal Context train",
        images=pascal_context.PascalContext(root, "train", label_order, "before noise"),
        classes=pascal_context.CLASSES,
        palette=pascal_context.PALETTE,
        licence="PASCAL VOC terms: photographs from Flickr, each under its own",
    )
