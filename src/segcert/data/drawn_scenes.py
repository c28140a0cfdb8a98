"""The data set of drawn streets: it needs no download."""

from dataclasses import dataclass

from segcert.data.labelled import AbstractLabelled, LabelledImage
from segcert_scenes import streets

CLASSES = streets.CLASSES  # those of CamVid
FIRST_TEST_SCENE = 1_000_000  # training scenes come before it, so that no scene is both


@dataclass(frozen=True)
class Scenes(AbstractLabelled):
    """Synthetic street scenes, drawn on demand.

    Args:
        size: How many.
        first: Index of the first: 0 to train, `FIRST_TEST_SCENE` to test.
        seed: Which data set.
        height: Of the images, pixels.
        width: Of the images, pixels.
    """

    size: int
    first: int = 0
    seed: int = 0
    height: int = 360
    width: int = 480

    def __len__(self) -> int:
        """Count the scenes."""
        return self.size

    def item(self, index: int) -> LabelledImage:
        """Draw one scene."""
        number = self.first + index
        scene = streets.street_scene(number, seed=self.seed, height=self.height, width=self.width)
        return LabelledImage(f"scene{number}", scene.image, scene.labels)
