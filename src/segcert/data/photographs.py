"""Photographs of one's own without truth: what a denoiser learns from."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from segcert.data.folder import listed
from segcert.data.labelled import AbstractLabelled, LabelledImage, read_photograph
from segcert.inputs.finding import skipped
from segcert.inputs.labels import IGNORE
from segcert.inputs.pictures import SUFFIXES


@dataclass(frozen=True)
class Photographs(AbstractLabelled):
    """All photographs of a folder, sorted by name; every pixel is one without truth.

    Args:
        images: Folder of picture files, read as ``segcert certify`` reads them.

    Raises:
        InputError: If the folder is missing or empty.
    """

    images: Path
    files: tuple[Path, ...] = field(init=False)
    notes: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        """List the folder."""
        found = tuple(listed(self.images, SUFFIXES, "images").values())
        left = skipped(self.images, set(found))
        object.__setattr__(self, "files", found)
        object.__setattr__(self, "notes", (left,) if left else ())

    def __len__(self) -> int:
        """Count the photographs."""
        return len(self.files)

    def item(self, index: int) -> LabelledImage:
        """Read one photograph."""
        image = read_photograph(self.files[index])
        return LabelledImage(
            self.files[index].stem, image, np.full(image.shape[:2], IGNORE, np.uint8)
        )
