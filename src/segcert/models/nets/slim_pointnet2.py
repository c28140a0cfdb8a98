"""A slim PointNet++: one scale, few channels, made for a CPU."""

import torch
from jaxtyping import Float, Int64
from torch import Generator, Tensor, nn

from segcert.errors import InputError
from segcert.models.nets.point_blocks import (
    Propagation,
    SetAbstraction,
    check_columns,
    dense,
    one_hot,
)


class SlimPointNet2(nn.Module):
    """Two levels of balls, the whole cloud, and the way back to the points.

    Args:
        classes: Number of classes (parts).
        columns: 3 for coordinates, 6 with normals.
        categories: Number of categories that the network is told, or 0.
        width: Channels of the finest level.
        centres: Balls of both levels; a cloud needs at least as many points.
        radii: Of the balls, in units of the scaled cloud.
        count: Points looked at in each ball.
        dropout: Share of the features hidden from the classifier in training.

    Source:
        Qi et al. (2017), PointNet++, NeurIPS, Section 3 and App. B (single-scale grouping).
    """

    def __init__(
        self,
        classes: int,
        *,
        columns: int = 3,
        categories: int = 0,
        width: int = 32,
        centres: tuple[int, int] = (256, 64),
        radii: tuple[float, float] = (0.25, 0.5),
        count: int = 32,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        if classes < 1 or width < 1 or columns not in (3, 6) or categories < 0:
            raise InputError(
                "classes and width must be positive, columns 3 or 6, categories 0 or more; got "
                f"{classes}, {width}, {columns} and {categories}"
            )
        self.columns, self.categories = columns, categories
        w = width
        self.fine = SetAbstraction(
            columns, (w, w, 2 * w), centres=centres[0], radius=radii[0], count=count
        )
        self.coarse = SetAbstraction(
            2 * w, (2 * w, 2 * w, 4 * w), centres=centres[1], radius=radii[1], count=count
        )
        self.whole = dense(4 * w + 3, 4 * w, 8 * w)
        self.to_coarse = dense(12 * w, 4 * w)
        self.to_fine = Propagation(6 * w, (4 * w,))
        self.to_points = Propagation(4 * w + columns + categories, (4 * w, 4 * w))
        self.dropout = nn.Dropout(dropout)
        self.classify = nn.Linear(4 * w, classes)

    def forward(
        self,
        points: Float[Tensor, " b n c"],
        category: Int64[Tensor, " b"] | None = None,
        *,
        rng: Generator | None = None,
    ) -> Float[Tensor, " b k n"]:
        """Return class scores of each point.

        Args:
            points: Coordinates, scaled to the unit sphere, and normals if it takes them.
            category: Of each cloud, if it takes them.
            rng: Draws where the sampling of the points starts; None: at the first point.

        Raises:
            InputError: If columns, category or number of points are not those of the network.
        """
        check_columns(points, self.columns)
        told = one_hot(category, self.categories, points)[:, None].expand(-1, points.shape[1], -1)
        at = points[..., :3]
        fine_at, fine = self.fine(at, points, rng=rng)
        coarse_at, coarse = self.coarse(fine_at, fine, rng=rng)
        whole = self.whole(torch.cat([coarse_at, coarse], 2)).amax(1, keepdim=True)
        coarse = self.to_coarse(torch.cat([coarse, whole.expand(-1, coarse.shape[1], -1)], 2))
        fine = self.to_fine(fine_at, fine, coarse_at, coarse)
        features = self.to_points(at, torch.cat([points, told], 2), fine_at, fine)
        scores: Tensor = self.classify(self.dropout(features))
        return scores.transpose(1, 2)
