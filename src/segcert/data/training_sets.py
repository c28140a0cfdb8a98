"""Data sets by name, with what weight files say about them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from segcert.data import camvid, synthetic
from segcert.data.labelled import AbstractLabelledImages, LabelledImage
from segcert.errors import InputError

FIRST_TEST_SCENE = 1_000_000  # training scenes come before it, so that no scene is both


@dataclass(frozen=True)
class TrainingSet:
    """Images with labels, and what they are.

    Args:
        name: Of the data set and its split.
        images: The images.
        classes: Names of the classes.
        palette: One RGB colour per class.
        licence: Of weights trained on it.
    """

    name: str
    images: Sequence[LabelledImage]
    classes: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    licence: str


@dataclass(frozen=True)
class Scenes(AbstractLabelledImages):
    """Synthetic street scenes, drawn on demand.

    Args:
        size: How many.
        first: Index of the first.
        height: Of the images, pixels.
        width: Of the images, pixels.
    """

    size: int
    first: int = 0
    height: int = 360
    width: int = 480

    def __len__(self) -> int:
        """Count the scenes."""
        return self.size

    def item(self, index: int) -> LabelledImage:
        """Draw one scene."""
        number = self.first + index
        scene = synthetic.street_scene(number, height=self.height, width=self.width)
        return LabelledImage(f"scene{number}", scene.image, scene.labels)


def open_training_set(name: str, *, root: Path, scenes: int) -> TrainingSet:
    """Open a data set to train on.

    Args:
        name: "camvid" or "synthetic".
        root: Folder of CamVid.
        scenes: Number of synthetic scenes.

    Raises:
        InputError: If there is no such data set, or it is not where it should be.
    """
    if name == "camvid":
        images = camvid.CamVid(root, "train")
        return TrainingSet("CamVid train", images, camvid.CLASSES, camvid.PALETTE, "CC BY-NC 4.0")
    if name == "synthetic":
        if not 1 <= scenes <= FIRST_TEST_SCENE:
            raise InputError(f"scenes must be in 1..{FIRST_TEST_SCENE}, got {scenes}")
        return TrainingSet(
            "synthetic scenes", Scenes(scenes), synthetic.CLASSES, synthetic.PALETTE, "Apache-2.0"
        )
    raise InputError(f"data must be 'camvid' or 'synthetic', got {name!r}")
