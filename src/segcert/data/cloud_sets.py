"""Data sets of clouds by name, to train and to evaluate on."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from segcert.arrays import read_arrays
from segcert.data.drawn_shapes import FIRST_TEST_SHAPE, Shapes
from segcert.data.labelled import AbstractLabelled
from segcert.data.part_numbers import category_number
from segcert.errors import InputError
from segcert.inputs.cloud_files import MOST_BYTES
from segcert.inputs.clouds import Cloud, checked_cloud
from segcert.text import one_line

SHAPENET_LICENCE = "ShapeNet terms: non-commercial research and education"


@dataclass(frozen=True)
class OnUnitSphere(AbstractLabelled):
    """Clouds that are centred and scaled to the unit sphere before anything else.

    So the units of the noise and of the radii are those of the published experiments.

    Args:
        clouds: In any units.
    """

    clouds: AbstractLabelled

    def __len__(self) -> int:
        """Count the clouds."""
        return len(self.clouds)

    def item(self, index: int) -> Cloud:
        """Scale one cloud."""
        cloud: Cloud = self.clouds.item(index)
        return replace(cloud, points=unit_sphere(cloud.points))


def unit_sphere(points: Float32[np.ndarray, " n 3"]) -> Float32[np.ndarray, " n 3"]:
    """Centre points on their mean and divide by the largest distance from it, in float64.

    Raises:
        InputError: If all points coincide.
    """
    centred = points.astype(np.float64) - points.mean(0, dtype=np.float64)
    largest = float(np.sqrt((centred**2).sum(1).max()))
    if not largest > 0:
        raise InputError("a cloud whose points all coincide has no unit sphere")
    scaled: np.ndarray = (centred / largest).astype(np.float32)
    return scaled


def shapes(count: int, *, first: int = 0) -> OnUnitSphere:
    """Make procedural shapes of at most ``FIRST_TEST_SHAPE`` to train on, or others to test on.

    Raises:
        InputError: If the number is impossible.
    """
    if not 1 <= count <= FIRST_TEST_SHAPE:
        raise InputError(f"scenes must be in 1..{FIRST_TEST_SHAPE}, got {count}")
    return OnUnitSphere(Shapes(count, first=first))


@dataclass(frozen=True)
class Caps(AbstractLabelled):
    """Caps of ShapeNet-Part in ``.npz`` files (xyz, normal, label), named after their split.

    Args:
        root: Folder with ``test_00.npz``, ..., ``val_00.npz``, ...
        split: "test" or "val".

    Raises:
        InputError: If the folder has no file of the split.
    """

    root: Path
    split: str = "test"

    def __post_init__(self) -> None:
        """Look for the files."""
        if not self.paths:
            raise InputError(f"{self.root} holds no {self.split}_*.npz file of caps")

    @property
    def paths(self) -> list[Path]:
        """The files, in order."""
        return sorted(self.root.glob(f"{self.split}_*.npz"))

    def __len__(self) -> int:
        """Count the caps."""
        return len(self.paths)

    def item(self, index: int) -> Cloud:
        """Read one cap.

        Raises:
            InputError: If its file is damaged.
        """
        path = self.paths[index]
        try:
            stored = read_arrays(path, most=MOST_BYTES)
            points, normals, labels = stored["xyz"], stored["normal"], stored["label"]
        except Exception as error:  # readers of zip files raise anything on damaged bytes
            raise InputError(f"{path} is damaged or no file of a cap: {one_line(error)}") from error
        return checked_cloud(
            path.stem, points, normals=normals, labels=labels, category=category_number("cap")
        )
