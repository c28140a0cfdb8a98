"""Options about true classes and masks, of several commands, and what is done with them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

from segcert.cli.flat import Flat

if TYPE_CHECKING:
    import numpy as np

    from segcert.inputs.held import Inputs
    from segcert.inputs.mask_options import MaskOptions
    from segcert.models.protocol import WrappedModel

TRUTH = Group("Truth", sort_key=5, help="Compares with true classes; changes no certificate.")

MaskValues = Annotated[
    str | None,
    Parameter(
        help="What masks store for each class, in their order: 0,255 or 1..150 or "
        "#000000,#ffffff; none for a class that they do not have. By default the class numbers."
    ),
]
MaskIgnore = Annotated[
    str | None,
    Parameter(help="What masks store where there is no truth, such as 0 or 254,255; 255."),
]
MaskOrientation = Annotated[
    Literal["upright", "stored"] | None,
    Parameter(
        help="How masks of photographs with an EXIF orientation are stored: as these are seen, or "
        "as they are stored. By default by their sizes."
    ),
]


@dataclass(frozen=True)
class TruthOptions(Flat):
    """True classes of what is certified or attacked."""

    truth: Annotated[
        Path | None,
        Parameter(
            group=TRUTH,
            help="Mask of true classes, 255 = not labelled; for several images a folder of masks "
            "with their names.",
        ),
    ] = None
    mask_values: Annotated[MaskValues, Parameter(group=TRUTH)] = None
    mask_ignore: Annotated[MaskIgnore, Parameter(group=TRUTH)] = None
    mask_orientation: Annotated[MaskOrientation, Parameter(group=TRUTH)] = None

    @property
    def told(self) -> "MaskOptions":
        """What is said about the values of masks."""
        from segcert.inputs.mask_options import MaskOptions

        return MaskOptions(self.mask_values, self.mask_ignore, self.mask_orientation)

    def read(self, found: "Inputs", segmenter: "WrappedModel") -> "dict[str, np.ndarray]":
        """Read the true classes of each input; empty if there is no truth.

        Raises:
            InputError: If a mask is missing, cannot be read, or does not fit.
        """
        from segcert.data.truth import check_turned, masks_for, read_truth

        if self.truth is None:
            return {}
        check_turned(found.values(), self.told)
        names = segmenter.class_names
        masks = masks_for(self.truth, {name: one.path or Path() for name, one in found.items()})
        return {
            name: read_truth(
                masks[name], one, self.told, classes=segmenter.classes or len(names) or None,
                names=names,
            )
            for name, one in found.items()
        }  # fmt: skip


def check_reduced(model: str, told: "MaskOptions") -> None:
    """Refuse masks of one's own whose numbers may be shifted, as the model's folder says.

    Raises:
        InputError: If the folder says do_reduce_labels, and the user says no values.
    """
    from segcert.errors import InputError
    from segcert.models.files.preprocessor import PREPROCESSOR, read_preprocessor
    from segcert.models.shipped import foreign_path

    path = foreign_path(model)
    if path is None or not path.is_dir() or told.values is not None:
        return
    found = read_preprocessor(path)
    if found is not None and found.do_reduce_labels:
        raise InputError(
            f"{path / PREPROCESSOR} says do_reduce_labels: masks of its training store class k as "
            "k + 1 and 0 for none. If yours do, say --mask-values 1..K --mask-ignore 0, with K the "
            "number of classes; if they store k, say --mask-values 0..K-1"
        )


TRUTH_AS_USUAL = TruthOptions()
