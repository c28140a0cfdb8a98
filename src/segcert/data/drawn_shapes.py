"""The data set of drawn shapes: 8 of the categories of ShapeNet-Part, without a download."""

from dataclasses import dataclass

from segcert.data.labelled import AbstractLabelled
from segcert.data.part_numbers import CATEGORIES, PARTS
from segcert.inputs.clouds import Cloud
from segcert_scenes import shapes

FIRST_TEST_SHAPE = 1_000_000  # training shapes come before it, so that no shape is both
NAMES = tuple(
    f"{name} {shapes.MAKERS[name].parts[place] if name in shapes.MAKERS else part}"
    for name, parts in zip(CATEGORIES, PARTS, strict=True)
    for place, part in enumerate(parts)
)  # of the 50 parts: in words where they are drawn


@dataclass(frozen=True)
class Shapes(AbstractLabelled):
    """Procedural shapes with parts, drawn on demand.

    Args:
        size: How many.
        first: Index of the first: 0 to train, `FIRST_TEST_SHAPE` to test.
        seed: Which data set.
        points: Of each cloud.
        turned: Whether each shape is turned about the y axis by a random angle.
    """

    size: int
    first: int = 0
    seed: int = 0
    points: int = shapes.POINTS
    turned: bool = True

    def __len__(self) -> int:
        """Count the shapes."""
        return self.size

    def item(self, index: int) -> Cloud:
        """Draw one shape."""
        drawn = shapes.shape(
            self.first + index, seed=self.seed, points=self.points, turned=self.turned
        )
        return as_cloud(drawn)


def as_cloud(shape: shapes.Shape) -> Cloud:
    """Make a drawn shape a cloud like those of files."""
    return Cloud(
        name=shape.name,
        points=shape.points,
        normals=shape.normals,
        labels=shape.labels,
        category=shape.category,
    )
