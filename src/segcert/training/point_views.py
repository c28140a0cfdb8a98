"""Random views of a labelled cloud, and the Gaussian noise on its coordinates."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int16, Int64
from torch import Generator, Tensor

from segcert.data.clouds import Cloud
from segcert.data.labelled import LabelledImage
from segcert.data.part_numbers import check_parts
from segcert.errors import InputError
from segcert.training.augment import uniform

LEAST = 16  # points of a view


@dataclass(frozen=True)
class PointViews:
    """How training draws views of a cloud: some of its points, turned about y, a bit scaled.

    Args:
        points: Points of a view, drawn from those of the cloud without replacement.
        normals: Whether a view has the normals beside the coordinates; they get no noise.
        turn: Whether a view is turned about the y axis by a random angle.
        scales: Smallest and largest factor of all lengths.

    Raises:
        InputError: If a number is impossible.
    """

    points: int = 1024
    normals: bool = True
    turn: bool = True
    scales: tuple[float, float] = (0.9, 1.1)

    def __post_init__(self) -> None:
        """Check the numbers that a user types."""
        if self.points < LEAST:
            raise InputError(f"points must be at least {LEAST}, got {self.points}")
        if not 0 < self.scales[0] <= self.scales[1] < math.inf:
            raise InputError(f"scales must be 0 < smallest <= largest, got {self.scales}")

    def read(
        self, item: LabelledImage | Cloud
    ) -> tuple[Float[Tensor, " n c"], Int16[Tensor, " n"]]:
        """Turn a labelled cloud into tensors, and check that it can be learned from.

        Raises:
            InputError: If it has no labels, category or (if wanted) normals, labels of another
                category, or too few points.
        """
        if not isinstance(item, Cloud):
            raise InputError(f"{item.name} is an image: views of clouds cannot be drawn from it")
        columns = [item.points]
        if self.normals:
            if item.normals is None:
                raise InputError(f"{item.name} has no normals: train with --no-normals")
            columns.append(item.normals)
        if item.labels is None or item.category is None:
            raise InputError(f"{item.name} has no labels or no category: nothing to learn from")
        check_parts(item.name, item.labels, item.category)
        if len(item.points) < self.points:
            raise InputError(
                f"{item.name} has {len(item.points)} points, fewer than the {self.points} of a "
                "view: choose fewer with --points"
            )
        cloud = torch.cat([torch.from_numpy(column.copy()) for column in columns], 1)
        return cloud, torch.from_numpy(item.labels.copy())

    def draw(
        self, cloud: Float[Tensor, " n c"], labels: Int16[Tensor, " n"], *, rng: Generator
    ) -> tuple[Float[Tensor, " m c"], Int64[Tensor, " m"]]:
        """Draw one view: choose points, turn, scale."""
        chosen = torch.randperm(len(cloud), generator=rng)[: self.points]
        view = cloud[chosen]
        if self.turn:
            view = turned(view, uniform(0, math.tau, rng))
        scale = uniform(*self.scales, rng)
        view = torch.cat([view[:, :3] * scale, view[:, 3:]], 1)
        return view, labels[chosen].long()

    def add_noise(
        self,
        views: Float[Tensor, " b n c"],
        *,
        sigma: float | Float[Tensor, " b 1 1"],
        rng: Generator,
    ) -> Float[Tensor, " b n c"]:
        """Add Gaussian noise to the coordinates, in the units of the file: what is certified.

        Source:
            Cohen, Rosenfeld, Kolter (2019), section 3.3; Fischer et al. (2021), section 6.3.
        """
        points = views[..., :3]
        noise = torch.randn(points.shape, generator=rng)
        return torch.cat([points + sigma * noise, views[..., 3:]], 2)


def turned(cloud: Float[Tensor, " n c"], angle: float) -> Float[Tensor, " n c"]:
    """Turn coordinates, and normals if there are any, about the y axis.

    Args:
        cloud: Three columns for the coordinates, three for the normals.
        angle: Radians.
    """
    cos, sin = math.cos(angle), math.sin(angle)
    matrix = torch.tensor([[cos, 0.0, sin], [0.0, 1.0, 0.0], [-sin, 0.0, cos]])
    vectors = cloud.view(len(cloud), -1, 3)
    return (vectors @ matrix.T).flatten(1)
