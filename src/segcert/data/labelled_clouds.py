"""What a labelled set of clouds is: a sequence of clouds with one part number per point."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

from segcert.data.clouds import Cloud
from segcert.errors import InputError

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
