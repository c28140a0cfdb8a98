"""Cityscapes in its official layout, the 19 classes of the benchmark: streets at 2048x1024."""

from dataclasses import dataclass, field
from pathlib import Path

from segcert.data.labelled import (
    AbstractLabelled,
    LabelledImage,
    check_pairs,
    files_by_name,
    read_pair,
)
from segcert.errors import InputError
from segcert.inputs.labels import IGNORE
from segcert.inputs.mask_rules import MaskRule
from segcert.inputs.stored_masks import packed

CLASSES = (
    "road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign",
    "vegetation", "terrain", "sky", "person", "rider", "car", "truck", "bus", "train",
    "motorcycle", "bicycle",
)  # fmt: skip
PALETTE = (
    (128, 64, 128), (244, 35, 232), (70, 70, 70), (102, 102, 156), (190, 153, 153),
    (153, 153, 153), (250, 170, 30), (220, 220, 0), (107, 142, 35), (152, 251, 152),
    (70, 130, 180), (220, 20, 60), (255, 0, 0), (0, 0, 142), (0, 0, 70), (0, 60, 100),
    (0, 80, 100), (0, 0, 230), (119, 11, 32),
)  # fmt: skip
IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)  # of CLASSES
OF_IDS = {  # class of each number in *_labelIds.png; 255 is the licence plate, -1 in a byte
    number: IDS.index(number) if number in IDS else IGNORE for number in [*range(34), 255]
}
OF_TRAIN_IDS = {number: number for number in [*range(len(CLASSES)), 255]}
OTHER_COLOURS = (  # of *_color.png, of what the benchmark ignores
    0x000000, 0x6F4A00, 0x510051, 0xFAAAA0, 0xE6968C, 0xB4A5B4, 0x966464, 0x96785A,
    0x00005A, 0x00006E,
)  # fmt: skip
COLOURS = dict.fromkeys(OTHER_COLOURS, IGNORE) | {
    packed(colour): number for number, colour in enumerate(PALETTE)
}
ENDINGS = {"_gtFine_labelIds": OF_IDS, "_gtFine_labelTrainIds": OF_TRAIN_IDS}
PHOTOGRAPH = "_leftImg8bit"
SPLITS = ("train", "val")
WHERE = (
    "get leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip from www.cityscapes-dataset.com "
    "(free for research, needs an account) and unpack both into one folder"
)


@dataclass(frozen=True)
class Cityscapes(AbstractLabelled):
    """One split of Cityscapes with fine labels, sorted by city and name.

    Labels are read from ``*_labelIds.png`` of the official archive or, where that file is missing,
    from ``*_labelTrainIds.png``, which the official scripts make of it.

    Args:
        root: Folder with ``leftImg8bit/`` and ``gtFine/``.
        split: ``"train"`` or ``"val"``; the labels of ``"test"`` are not public.

    Raises:
        InputError: If the split is not there, is empty, or lacks photographs or labels.

    Source:
        Cordts et al. (2016), "The Cityscapes dataset for semantic urban scene understanding";
        numbers, names and colours: its scripts, table of labels.
    """

    root: Path
    split: str
    photographs: tuple[Path, ...] = field(init=False)
    annotations: tuple[Path, ...] = field(init=False)

    def __post_init__(self) -> None:
        """List the split."""
        if self.split not in SPLITS:
            hidden = ": the labels of test are not public" if self.split == "test" else ""
            raise InputError(
                f"Cityscapes split must be 'train' or 'val', got {self.split!r}{hidden}"
            )
        images = self._photographs()
        labels = self._annotations()
        check_pairs(images, labels, WHERE)
        object.__setattr__(self, "photographs", tuple(images.values()))  # sorted by path
        object.__setattr__(self, "annotations", tuple(labels[name] for name in images))

    def _photographs(self) -> dict[str, Path]:
        folder = Path(self.root) / "leftImg8bit" / self.split
        found = [
            path for suffix in (".png", ".jpg") for path in folder.glob(f"*/*{PHOTOGRAPH}{suffix}")
        ]
        if not found:
            raise InputError(
                f"Cityscapes split {self.split!r} needs {folder}/CITY/*{PHOTOGRAPH}.png, "
                f"of which there is none: {WHERE}"
            )
        return files_by_name(found, ending=PHOTOGRAPH)

    def _annotations(self) -> dict[str, Path]:
        folder = Path(self.root) / "gtFine" / self.split
        found: dict[str, Path] = {}
        for ending in reversed(ENDINGS):  # the official numbers come last and stay
            found |= files_by_name(folder.glob(f"*/*{ending}.png"), ending=ending)
        return found

    def __len__(self) -> int:
        """Count the photographs."""
        return len(self.photographs)

    def item(self, index: int) -> LabelledImage:
        """Read one photograph with its labels; what the benchmark ignores becomes 255."""
        photograph, annotation = self.photographs[index], self.annotations[index]
        name = photograph.stem.removesuffix(PHOTOGRAPH)
        return read_pair(name, photograph, annotation, rule_of(annotation))


def rule_of(annotation: Path) -> MaskRule:
    """What the values of an annotation mean, by the ending of its name.

    Names with another ending hold train ids, or the colours of the classes.
    """
    for ending, table in ENDINGS.items():
        if annotation.stem.endswith(ending):
            return MaskRule(table, {}, where=WHERE)
    return MaskRule(OF_TRAIN_IDS, COLOURS, where=WHERE)
