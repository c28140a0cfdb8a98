"""PointNet for part segmentation: each point by itself, and the whole cloud by its maximum."""

import torch
from jaxtyping import Float, Int64
from torch import Generator, Tensor, nn
from torch.nn import functional

from segcert.errors import InputError
from segcert.models.nets.point_blocks import Dense, activated, check_columns, dense, folded, one_hot


class PointNet(nn.Module):
    """The small network of clouds, without the alignment networks.

    The features of a point are those of all its layers and the maximum over the cloud, as in the
    paper's part segmentation. It has no sampling and no neighbourhoods: any number of points will
    do, their order does not matter, and its cost grows in proportion to it.

    Args:
        classes: Number of classes (parts).
        columns: 3 for coordinates, 6 with normals.
        categories: Number of categories that the network is told, or 0.
        width: Channels of the first layer; the last has eight times as many.
        dropout: Share of the features hidden from the classifier in training.

    Source:
        Qi et al. (2017), PointNet, CVPR, Section 4.2 and Fig. 9 (part segmentation).
    """

    def __init__(
        self,
        classes: int,
        *,
        columns: int = 3,
        categories: int = 0,
        width: int = 64,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        if classes < 1 or width < 1 or columns not in (3, 6) or categories < 0:
            raise InputError(
                "classes and width must be positive, columns 3 or 6, categories 0 or more; got "
                f"{classes}, {width}, {columns} and {categories}"
            )
        self.columns, self.categories = columns, categories
        widths = (width, 2 * width, 2 * width, 8 * width)
        self.encode = nn.ModuleList(
            dense(*pair) for pair in zip((columns, *widths[:-1]), widths, strict=True)
        )
        self.whole = nn.Linear(widths[-1] + categories, 4 * width, bias=False)
        self.mix = Dense(sum(widths[:-1]), 4 * width)
        self.refine = dense(4 * width, 2 * width)
        self.dropout = nn.Dropout(dropout)
        self.classify = nn.Linear(2 * width, classes)

    def forward(
        self,
        points: Float[Tensor, " b n c"],
        category: Int64[Tensor, " b"] | None = None,
        *,
        rng: Generator | None = None,  # noqa: ARG002 - all networks of clouds are called alike
    ) -> Float[Tensor, " b k n"]:
        """Return class scores of each point.

        Raises:
            InputError: If the columns or the category are not those of the network.
        """
        check_columns(points, self.columns)
        told = one_hot(category, self.categories, points)
        layers = [points]
        for layer in self.encode:
            layers.append(layer(layers[-1]))
        local = torch.cat(layers[1:-1], 2)
        weight = torch.cat([self.mix.linear.weight, self.whole.weight], 1)
        weight, bias = folded(weight, None, self.mix.norm)
        of_point, of_whole = weight[:, : local.shape[2]], weight[:, local.shape[2] :]
        whole = functional.linear(torch.cat([layers[-1].amax(1), told], 1), of_whole, bias)
        mixed = functional.linear(local, of_point) + whole[:, None]
        features = self.refine(activated(mixed, self.mix.norm))
        scores: Tensor = self.classify(self.dropout(features))
        return scores.transpose(1, 2)
