"""PointNet++ with multi-scale grouping for part segmentation, as in the public checkpoints.

The checkpoints (``best_model.pth``, with and without normals) are for the 50 parts and 16
categories of ShapeNet-Part: airplane, bag, cap, car, chair, earphone, guitar, knife, lamp, laptop,
motorbike, mug, pistol, rocket, skateboard, table, in this order. Clouds are centred and scaled to
the unit sphere before the network.
"""

import torch
from jaxtyping import Float, Int64
from torch import Generator, Tensor, nn
from torch.nn import functional

from segcert.errors import InputError
from segcert.models.nets.point_blocks import CATEGORIES, check_columns, one_hot, pointwise
from segcert.models.nets.pointnet2_blocks import Ball, Carry, MultiScale, Whole

PARTS = 50  # of ShapeNet-Part
CENTRES = 512  # a cloud needs as many points
FINE = (
    Ball(0.1, 32, (32, 32, 64)),
    Ball(0.2, 64, (64, 64, 128)),
    Ball(0.4, 128, (64, 96, 128)),
)
COARSE = (Ball(0.4, 64, (128, 128, 256)), Ball(0.8, 128, (128, 196, 256)))


class PointNet2(nn.Module):
    """PointNet++ with multi-scale grouping (MSG) for parts; the names are those of the checkpoints.

    Args:
        parts: Number of parts, over all categories.
        columns: 3 for coordinates, 6 with normals.
        categories: Number of categories; the network is told which.

    Source:
        Qi et al. (2017), PointNet++, NeurIPS, Section 3.3 and App. B.1 (MSG, part segmentation).
    """

    def __init__(
        self, parts: int = PARTS, *, columns: int = 3, categories: int = CATEGORIES
    ) -> None:
        super().__init__()
        if parts < 1 or columns not in (3, 6) or categories < 1:
            raise InputError(
                "parts and categories must be positive, columns 3 or 6; got "
                f"{parts}, {categories} and {columns}"
            )
        self.columns, self.categories = columns, categories
        self.sa1 = MultiScale(columns, FINE, centres=CENTRES)
        self.sa2 = MultiScale(self.sa1.outputs, COARSE, centres=128)
        self.sa3 = Whole(self.sa2.outputs, (256, 512, 1024))
        self.fp3 = Carry(1024 + self.sa2.outputs, (256, 256))
        self.fp2 = Carry(256 + self.sa1.outputs, (256, 128))
        self.fp1 = Carry(128 + categories + 3 + columns, (128, 128))
        self.conv1, self.bn1 = nn.Conv1d(128, 128, 1), nn.BatchNorm1d(128)
        self.dropout = nn.Dropout(0.5)
        self.conv2 = nn.Conv1d(128, parts, 1)

    def forward(
        self,
        points: Float[Tensor, " b n c"],
        category: Int64[Tensor, " b"] | None = None,
        *,
        rng: Generator | None = None,
    ) -> Float[Tensor, " b k n"]:
        """Return log-probabilities of the parts at each point.

        Args:
            points: Coordinates, scaled to the unit sphere, and normals if it takes them.
            category: Of each cloud.
            rng: Draws where the sampling of the points starts; None: at the first point.

        Raises:
            InputError: If columns, category or number of points are not those of the network.
        """
        check_columns(points, self.columns)
        told = one_hot(category, self.categories, points)[:, None].expand(-1, points.shape[1], -1)
        at = points[..., :3]
        fine_at, fine = self.sa1(at, points, rng=rng)
        coarse_at, coarse = self.sa2(fine_at, fine, rng=rng)
        whole_at, whole = self.sa3(coarse_at, coarse)
        coarse = self.fp3(coarse_at, coarse, whole_at, whole)
        fine = self.fp2(fine_at, fine, coarse_at, coarse)
        features = self.fp1(at, torch.cat([told, at, points], 2), fine_at, fine)
        features = pointwise(features, self.conv1.weight[..., 0], self.conv1.bias, self.bn1)
        scores = functional.linear(
            self.dropout(features), self.conv2.weight[..., 0], self.conv2.bias
        )
        return scores.log_softmax(2).transpose(1, 2)
