"""A rule in place of a network: which points of a scan lie on the ground.

It needs no training, labels a scan of any size in memory of a few numbers per point, and shows how
any function of points is certified.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from segcert.errors import InputError

NAMES = ("ground", "above ground")
PALETTE = ((150, 110, 70), (60, 130, 200))


@dataclass(frozen=True)
class Ground:
    """Label points by their height above the low points around them.

    The plane of the first two coordinates is cut into squares. The ground of a square is a low
    quantile of the heights (third coordinates) of its points, which noise moves less than it moves
    the lowest point. A point is on the ground if it is at most a margin above that.

    Args:
        side: Of a square, units of the file (metres in scans).
        quantile: Of the heights in a square, in [0, 1).
        margin: Height above it, units of the file.

    Raises:
        InputError: If a number is out of range.
    """

    side: float = 4.0
    quantile: float = 0.1
    margin: float = 0.5

    def __post_init__(self) -> None:
        """Check the numbers."""
        if not (self.side > 0 and 0 <= self.quantile < 1 and self.margin >= 0):
            raise InputError(
                "the ground needs side > 0, a quantile in [0, 1) and margin >= 0, got "
                f"{self.side}, {self.quantile} and {self.margin}"
            )

    def __call__(self, batch: Float[Tensor, " b n c"]) -> Int64[Tensor, " b n"]:
        """Label each cloud by itself: 0 on the ground, 1 above."""
        return torch.stack([self._labels(cloud[:, :3].double()) for cloud in batch])

    def _labels(self, points: Float[Tensor, " n 3"]) -> Int64[Tensor, " n"]:
        """Sort the points by square and height, and take one height from each square."""
        squares = torch.floor(points[:, :2] / self.side)
        _, square, counts = torch.unique(squares, dim=0, return_inverse=True, return_counts=True)
        by_height = points[:, 2].argsort(stable=True)
        order = by_height[square[by_height].argsort(stable=True)]
        first = counts.cumsum(0) - counts
        low = points[order[first + (self.quantile * counts).long()], 2]
        return (points[:, 2] > low[square] + self.margin).long()
