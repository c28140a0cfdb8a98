"""Data sets of clouds by name, to train and to evaluate on."""

from dataclasses import dataclass, replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from segcert.data.clouds import Cloud, checked_cloud, unit_sphere
from segcert.data.labelled_clouds import FIRST_TEST_SHAPE, AbstractLabelledClouds, Shapes
from segcert.data.part_numbers import category_number
from segcert.errors import InputError


@dataclass(frozen=True)
class OnUnitSphere(AbstractLabelledClouds):
    """Clouds that are centred and scaled to the unit sphere before anything else.

    So the units of the noise and of the radii are those of the published experiments.

    Args:
        clouds: In any units.
    """

    clouds: AbstractLabelledClouds

    def __len__(self) -> int:
        """Count the clouds."""
        return len(self.clouds)

    def item(self, index: int) -> Cloud:
        """Scale one cloud."""
        cloud = self.clouds.item(index)
        return replace(cloud, points=unit_sphere(cloud.points))


def shapes(count: int, *, first: int = 0) -> OnUnitSphere:
    """Make procedural shapes of at most ``FIRST_TEST_SHAPE`` to train on, or others to test on.

    Raises:
        InputError: If the number is impossible.
    """
    if not 1 <= count <= FIRST_TEST_SHAPE:
        raise InputError(f"scenes must be in 1..{FIRST_TEST_SHAPE}, got {count}")
    return OnUnitSphere(Shapes(count, first=first))


@dataclass(frozen=True)
class Caps(AbstractLabelledClouds):
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
            with np.load(path, allow_pickle=False) as file:
                points, normals, labels = file["xyz"], file["normal"], file["label"]
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            raise InputError(f"{path} is damaged or no file of a cap: {error}") from error
        return checked_cloud(
            path.stem, points, normals=normals, labels=labels, category=category_number("cap")
        )
