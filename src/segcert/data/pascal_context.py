"""Pascal Context, its 59 most frequent classes without background: photographs of any kind.

Three things differ between copies of this data set and are therefore asked for, never guessed:
the order of the numbers in the labels, and whether the resize of the protocol comes before the
noise or is part of the model.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8

from segcert.data.labelled import (
    AbstractLabelled,
    LabelledImage,
    files_by_name,
    upright_photograph,
)
from segcert.errors import InputError
from segcert.files import read_text
from segcert.inputs.labels import IGNORE, distinct_colours
from segcert.inputs.mask_rules import MaskRule
from segcert.inputs.stored_masks import StoredMask, read_stored

CLASSES = (
    "aeroplane", "bag", "bed", "bedclothes", "bench", "bicycle", "bird", "boat", "book", "bottle",
    "building", "bus", "cabinet", "car", "cat", "ceiling", "chair", "cloth", "computer", "cow",
    "cup", "curtain", "dog", "door", "fence", "floor", "flower", "food", "grass", "ground",
    "horse", "keyboard", "light", "motorbike", "mountain", "mouse", "person", "plate", "platform",
    "pottedplant", "road", "rock", "sheep", "shelves", "sidewalk", "sign", "sky", "snow", "sofa",
    "table", "track", "train", "tree", "truck", "tvmonitor", "wall", "water", "window", "wood",
)  # fmt: skip
VOC_FIRST = (  # the 20 of PASCAL VOC in its order, then the others
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "table",
    "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
    "bag", "bed", "bench", "book", "building", "cabinet", "ceiling", "cloth", "computer", "cup",
    "door", "fence", "floor", "flower", "food", "grass", "ground", "keyboard", "light", "mountain",
    "mouse", "curtain", "platform", "sign", "plate", "road", "rock", "shelves", "sidewalk", "sky",
    "snow", "bedclothes", "track", "tree", "truck", "wall", "water", "window", "wood",
)  # fmt: skip
OF_459 = (  # numbers of CLASSES among the 459 of the original annotation, labels.txt
    2, 9, 18, 19, 22, 23, 25, 31, 33, 34, 44, 45, 46, 59, 65, 68, 72, 80, 85, 98, 104, 105, 113,
    115, 144, 158, 159, 162, 187, 189, 207, 220, 232, 258, 259, 260, 284, 295, 296, 308, 324, 326,
    347, 349, 354, 355, 360, 366, 368, 397, 415, 416, 420, 424, 427, 440, 445, 454, 458,
)  # fmt: skip
PALETTE = distinct_colours(len(CLASSES))


def after_background(names: tuple[str, ...]) -> dict[int, int]:
    """Number classes from 1; 0 is the background, which the benchmark of 59 classes ignores."""
    return {0: IGNORE} | {number: CLASSES.index(name) for number, name in enumerate(names, 1)}


LABEL_ORDERS: Mapping[str, Mapping[int, int]] = {
    "alphabetical": after_background(CLASSES),
    "alphabetical from 0": {number: number for number in range(59)} | {255: IGNORE},
    "voc first": after_background(VOC_FIRST),
    "459": dict.fromkeys(range(460), IGNORE)
    | {number: label for label, number in enumerate(OF_459)},
}
RESIZES = {
    "before noise": "photographs are resized to 480x480 before the noise is added: radii bound "
    "perturbations of the resized image, not of the file, and labels are compared at 480x480",
    "inside the model": "noise is added to the photographs at the resolution of the file, before "
    "any resize: radii bound perturbations of the file, and labels are compared at its resolution",
}
SIDE = 480  # pixels
LISTS, ALL = Path("ImageSets") / "SegmentationContext", "all"
PHOTOGRAPHS, IMAGES, MATRICES = "JPEGImages", "SegmentationClassContext", "trainval"
WHERE = (
    "get the photographs from the VOC2010 trainval archive of host.robots.ox.ac.uk/pascal/VOC, the "
    "labels from cs.stanford.edu/~roozbeh/pascal-context, or trainval_merged.json and "
    "mmsegmentation's converter tools/dataset_converters/pascal_context.py"
)


@dataclass(frozen=True)
class PascalContext(AbstractLabelled):
    """Photographs and labels of Pascal Context in the order of ``CLASSES``.

    Args:
        root: Folder with ``JPEGImages/*.jpg`` and the labels in ``SegmentationClassContext/*.png``
            or, of order "459", in ``trainval/*.mat``; or with all these files in itself.
        split: ``"train"`` or ``"val"``, as listed in ``ImageSets/SegmentationContext/SPLIT.txt``;
            ``"all"`` for every file of labels.
        label_order: What the numbers in the labels mean: ``"alphabetical"`` (0 background, 1
            aeroplane, 2 bag; mmsegmentation's converter, HRNet), ``"alphabetical from 0"`` (0
            aeroplane, 1 bag, 255 background), ``"voc first"`` (0 background, 1 aeroplane, 2
            bicycle), ``"459"`` (the original annotation). They cannot be told apart for certain.
        resize: ``"before noise"``: items are 480x480, as in the paper's protocol;
            ``"inside the model"``: items are as in the files.

    Raises:
        InputError: If an argument is unknown, the split is missing or empty, or lacks files.

    Source:
        Mottaghi et al. (2014), "The role of context for object detection and semantic segmentation
        in the wild"; the resize: Fischer, Baader, Vechev (2021), published code.
    """

    root: Path
    split: str
    label_order: str
    resize: str
    photographs: tuple[Path, ...] = field(init=False)
    annotations: tuple[Path, ...] = field(init=False)

    def __post_init__(self) -> None:
        """List the split."""
        for what, value, allowed in (
            ("label_order", self.label_order, LABEL_ORDERS),
            ("resize", self.resize, RESIZES),
        ):
            if value not in allowed:
                raise InputError(
                    f"Pascal Context needs {what}, one of "
                    f"{', '.join(map(repr, allowed))}, got {value!r}"
                )
        labels = self._files(*((MATRICES, "mat") if self.label_order == "459" else (IMAGES, "png")))
        images = self._files(PHOTOGRAPHS, "jpg")
        names = tuple(sorted(labels)) if self.split == ALL else self._listing()
        if not names:
            raise InputError(
                f"Pascal Context split {self.split!r} of {self.root} is empty: {WHERE}"
            )
        object.__setattr__(self, "photographs", chosen(names, images, "photograph"))
        object.__setattr__(self, "annotations", chosen(names, labels, "file of labels"))

    def _files(self, folder: str, suffix: str) -> dict[str, Path]:
        nested = Path(self.root) / folder
        place = nested if nested.is_dir() else Path(self.root)
        found = files_by_name(place.glob(f"*.{suffix}"))
        if not found:
            raise InputError(
                f"Pascal Context needs {nested}/*.{suffix}, which are missing: {WHERE}"
            )
        return found

    def _listing(self) -> tuple[str, ...]:
        listing = Path(self.root) / LISTS / f"{self.split}.txt"
        if not listing.is_file():
            raise InputError(
                f"Pascal Context split {self.split!r} needs {listing}, which is missing "
                f"(split {ALL!r} takes every file of labels): {WHERE}"
            )
        return tuple(
            line.strip()
            for line in read_text(listing, what="list of images").splitlines()
            if line.strip()
        )

    @property
    def note(self) -> str:
        """Where the noise is added, in words for records."""
        return RESIZES[self.resize]

    def __len__(self) -> int:
        """Count the photographs."""
        return len(self.photographs)

    def item(self, index: int) -> LabelledImage:
        """Read one photograph with its labels; background becomes 255."""
        photograph, annotation = self.photographs[index], self.annotations[index]
        found = upright_photograph(photograph)
        image, orientation = found.pixels, found.orientation
        matrix = self.label_order == "459"
        stored = read_matrix(annotation) if matrix else read_stored(annotation, WHERE)
        rule = MaskRule(LABEL_ORDERS[self.label_order], {}, where=WHERE)
        labels = rule.of_stored(stored, image.shape[:2], orientation=orientation)
        if self.resize == "before noise":
            image, labels = resized_image(image), resized_labels(labels)
        return LabelledImage(name=photograph.stem, image=image, labels=labels, notes=found.notes)


def chosen(names: tuple[str, ...], files: dict[str, Path], what: str) -> tuple[Path, ...]:
    """Choose the files of a split.

    Raises:
        InputError: If some are missing: the first of them, and how many.
    """
    missing = [name for name in names if name not in files]
    if missing:
        raise InputError(
            f"Pascal Context lacks the {what} of {missing[0]} "
            f"(the first of {len(missing)} missing, of {len(names)}): {WHERE}"
        )
    return tuple(files[name] for name in names)


def read_matrix(path: Path) -> StoredMask:
    """Read the original annotation: a MATLAB file with the matrix ``LabelMap``.

    Raises:
        InputError: If it cannot be read or holds no such matrix.
    """
    from scipy.io import loadmat

    try:
        stored: np.ndarray = np.asarray(loadmat(path)["LabelMap"]).astype(np.int64)
    except Exception as error:  # scipy raises anything on damaged bytes
        raise InputError(f"{path} cannot be read as LabelMap: {error}: {WHERE}") from error
    return StoredMask(path, "matrix", stored, None)


def resized_image(image: UInt8[np.ndarray, " h w 3"]) -> UInt8[np.ndarray, " 480 480 3"]:
    """Resize a photograph to 480x480, bilinear between pixel centres, rounded to 8 bits.

    As OpenCV's INTER_LINEAR of the published code, up to its rounding: no low-pass filter.
    """
    planes = torch.from_numpy(image).movedim(2, 0)[None].double()
    found = torch.nn.functional.interpolate(
        planes, size=(SIDE, SIDE), mode="bilinear", align_corners=False
    )
    return np.ascontiguousarray(found[0].round().byte().movedim(0, 2).numpy())


def resized_labels(labels: UInt8[np.ndarray, " h w"]) -> UInt8[np.ndarray, " 480 480"]:
    """Resize labels to 480x480: of target i the source floor(i * size / 480).

    As OpenCV's INTER_NEAREST of the published code.
    """
    rows, columns = (np.arange(SIDE) * size // SIDE for size in labels.shape)
    found: np.ndarray = labels[rows[:, None], columns]
    return found
