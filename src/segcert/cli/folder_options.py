"""Options about a data set of one's own, to train and to evaluate on."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from segcert.cli.flat import Flat
from segcert.cli.truth import MaskIgnore, MaskOrientation, MaskValues

if TYPE_CHECKING:
    from segcert.data.sets import Arguments

DATA = Group("Data", sort_key=0)


@dataclass(frozen=True, kw_only=True)
class FolderOptions(Flat):
    """Folders of images and masks, the classes, and what is said of the masks.

    Each command says which data sets it has; ``folder`` is among them.
    """

    data: str
    images: Annotated[Path | None, Parameter(group=DATA, help="Of --data folder: the images.")] = (
        None
    )
    masks: Annotated[
        Path | None,
        Parameter(group=DATA, help="Of --data folder: the masks, of the names of the images."),
    ] = None
    classes: Annotated[
        Path | None, Parameter(group=DATA, help="Of --data folder: names, one a line.")
    ] = None
    mask_values: Annotated[MaskValues, Parameter(group=DATA)] = None
    mask_ignore: Annotated[MaskIgnore, Parameter(group=DATA)] = None
    mask_orientation: Annotated[MaskOrientation, Parameter(group=DATA)] = None

    @property
    def own(self) -> "Arguments":
        """What opens it, as data sets take it; a known data set takes nothing of this."""
        from segcert.data.sets import Arguments

        return Arguments(
            images=self.images, masks=self.masks, classes=self.classes,
            mask_values=self.mask_values, mask_ignore=self.mask_ignore,
            mask_orientation=self.mask_orientation,
        )  # fmt: skip
