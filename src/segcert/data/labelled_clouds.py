"""What a labelled set of clouds is: a sequence of clouds with one part number per point."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

from segcert.data.clouds import Cloud
from segcert.data.synthetic import shapes
from segcert.errors import InputError

FIRST_TEST_SHAPE = 1_000_000  # training shapes come before it, so that no shape is both

if TYPE_CHECKING:
    Items = Sequence[Cloud]
else:
    Items = Sequence  # without its parameter: checkers at run time would read files to verify it


class AbstractLabelledClouds(Items):
    """A data set whose clouds are made or read when they are asked for."""

    @abstractmethod
    def item(self, index: int) -> Cloud:
        """Make or read the cloud of an index in 0, ..., len - 1."""

    @overload
    def __getitem__(self, index: int) -> Cloud: ...
    @overload
    def __getitem__(self, index: slice) -> list[Cloud]: ...
    def __getitem__(self, index: int | slice) -> Cloud | list[Cloud]:
        """Return one cloud, or those of a slice."""
        chosen = range(len(self))[index]
        return self.item(chosen) if isinstance(chosen, int) else [self.item(i) for i in chosen]

    def check_every_item(self) -> None:
        """Read every cloud once, so that a bad one is met before the work, not hours into it.

        Raises:
            InputError: If items are bad: what is wrong with the first, and how many they are.
        """
        wrong = []
        for index in range(len(self)):
            try:
                self.item(index)
            except InputError as error:
                wrong.append(str(error))
        if wrong:
            raise InputError(f"{wrong[0]} (the first of {len(wrong)} bad items of {len(self)})")


@dataclass(frozen=True)
class Shapes(AbstractLabelledClouds):
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
        return shapes.shape(
            self.first + index, seed=self.seed, points=self.points, turned=self.turned
        )
