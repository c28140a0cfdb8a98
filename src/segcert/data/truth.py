"""The true classes of single images: one mask, or a folder of them."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from segcert.data.doubts import check_ignored, tally
from segcert.data.folder import MASKS, listed
from segcert.data.known_masks import OPTIONS, known, rule_for
from segcert.data.pairing import WHERE, best_of
from segcert.errors import InputError
from segcert.inputs.input import Input
from segcert.inputs.mask_options import MaskOptions, refuse_if_upright


def read_truth(
    mask: Path,
    given: Input,
    told: MaskOptions,
    *,
    classes: int | None,
    names: Sequence[str] = (),
) -> UInt8[np.ndarray, " h w"]:
    """Read the true classes of one image; 255 is ignored.

    Args:
        mask: File of its mask.
        given: The image.
        told: What the user says about the values of the mask.
        classes: How many classes the model has; None if it does not say.
        names: Of the classes; those of known data sets tell how their masks are stored.

    Raises:
        InputError: If the mask cannot be read, has an unknown value, does not fit the image, or
            its 255 may be a class.
    """
    rule = rule_for(mask, told, classes=classes, names=names, where=f"--truth; {OPTIONS}")
    labels = rule.read(mask, given.components, orientation=given.orientation)
    if not told.settles and classes is not None and known(mask, names) is None:
        shown = names or [str(number) for number in range(classes)]
        check_ignored(tally(labels), range(classes), shown, where=f"--truth {mask}", whole=False)
    return labels


def check_turned(images: Iterable[Input], told: MaskOptions) -> None:
    """Refuse to be told how masks of turned photographs are stored, if there are none of these.

    Raises:
        InputError: If so.
    """
    refuse_if_upright((one.orientation for one in images), told)


def masks_for(truth: Path, images: Mapping[str, Path]) -> dict[str, Path]:
    """Find the mask of each image.

    Args:
        truth: One mask, of one image; or a folder of masks, which may hold more.
        images: Files by name.

    Raises:
        InputError: If an image has none, or one mask is given for several images.
    """
    if not truth.is_dir():
        if len(images) > 1:
            raise InputError(
                f"--truth {truth} is one mask, and there are {len(images)} images: give a folder "
                "of masks with the names of the images"
            )
        return dict.fromkeys(images, truth)
    masks = listed(truth, MASKS, "masks")
    own, theirs, _ = best_of(images, masks)
    found = {}
    for name in images:
        stem = theirs.around(own.within(name) or name)
        if stem not in masks:
            raise InputError(f"--truth {truth} has no mask of image {images[name]}: {WHERE}")
        found[name] = masks[stem]
    return found
