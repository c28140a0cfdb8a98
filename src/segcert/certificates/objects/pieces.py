"""Connected pieces of a mask: of a grid by touching, corners included; of points by distance."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int32
from scipy.ndimage import generate_binary_structure, label
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from segcert.errors import InputError


class Neighbours(ABC):
    """Which components touch."""

    @property
    @abstractmethod
    def words(self) -> str:
        """How they touch, in words that follow "touch"."""

    @abstractmethod
    def pieces(
        self, mask: Bool[np.ndarray, " *components"]
    ) -> tuple[Int32[np.ndarray, " *components"], int]:
        """Number the connected pieces of a mask 1, 2, ...; 0 outside. Also how many there are."""


@dataclass(frozen=True)
class Grid(Neighbours):
    """Pixels and voxels touch at sides and corners (8 and 26 neighbours)."""

    @property
    def words(self) -> str:
        """How they touch."""
        return "at corners too"

    def pieces(
        self, mask: Bool[np.ndarray, " *components"]
    ) -> tuple[Int32[np.ndarray, " *components"], int]:
        """Number the connected pieces."""
        numbers, found = label(mask, generate_binary_structure(mask.ndim, mask.ndim))
        return numbers.astype(np.int32), int(found)


@dataclass(frozen=True, eq=False)
class Within(Neighbours):
    """Points touch within a distance.

    Args:
        points: Coordinates, units of the file.
        distance: Largest one between two points that touch, same units.

    Raises:
        InputError: If the distance is not positive.
    """

    points: Float[np.ndarray, "m 3"]
    distance: float

    def __post_init__(self) -> None:
        """Check the distance."""
        if not self.distance > 0:
            raise InputError(f"points touch within a distance above 0, got {self.distance}")

    @property
    def words(self) -> str:
        """How they touch."""
        return f"within {self.distance:g}"

    def pieces(self, mask: Bool[np.ndarray, " m"]) -> tuple[Int32[np.ndarray, " m"], int]:
        """Number the connected pieces."""
        here = np.flatnonzero(mask)
        numbers = np.zeros(len(mask), dtype=np.int32)
        if not len(here):
            return numbers, 0
        pairs = KDTree(self.points[here]).query_pairs(self.distance, output_type="ndarray")
        touching = coo_array((np.ones(len(pairs)), pairs.T), shape=(len(here),) * 2)
        found, labels = connected_components(touching, directed=False)
        numbers[here] = labels + 1
        return numbers, int(found)
