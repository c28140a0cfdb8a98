"""Random views of a labelled cloud, and the Gaussian noise on its coordinates."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float, Int16, Int64
from torch import Generator, Tensor, nn

from segcert.data.part_numbers import CATEGORIES, check_parts
from segcert.errors import InputError
from segcert.inputs.input import Input
from segcert.inputs.kind import CLOUD, InputKind
from segcert.models.files.checkpoints import PointDescription
from segcert.models.nets.point_architectures import PointArchitecture
from segcert.training.augment import uniform
from segcert.training.start import starting_point_network

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

    kind: ClassVar[InputKind] = CLOUD
    network: ClassVar[PointArchitecture] = "slim-pointnet2"  # that is trained if nothing is said

    def __post_init__(self) -> None:
        """Check the numbers that a user types."""
        if self.points < LEAST:
            raise InputError(f"points must be at least {LEAST}, got {self.points}")
        if not 0 < self.scales[0] <= self.scales[1] < math.inf:
            raise InputError(f"scales must be 0 < smallest <= largest, got {self.scales}")

    def read(self, item: Input) -> tuple[Float[Tensor, " n c"], Int16[Tensor, " n"]]:
        """Turn a labelled cloud into tensors, and check that it can be learned from.

        Raises:
            InputError: If it has no labels, category or (if wanted) normals, labels of another
                category, or too few points.
        """
        points, columns = item.shape
        if columns < self.columns:
            raise InputError(f"{item.name} has no normals: train with --no-normals")
        if item.truth is None or item.category is None:
            raise InputError(f"{item.name} has no labels or no category: nothing to learn from")
        check_parts(item.name, item.truth, item.category)
        if points < self.points:
            raise InputError(
                f"{item.name} has {points} points, fewer than the {self.points} of a "
                "view: choose fewer with --points"
            )
        return item.tensor[:, : self.columns].clone(), torch.from_numpy(item.truth.copy())

    @property
    def columns(self) -> Literal[3, 6]:
        """Columns of a view."""
        return 6 if self.normals else 3

    def start(
        self, architecture: str, classes: tuple[str, ...], weights: Path | None
    ) -> tuple[nn.Module, str]:
        """Make the network to train; see `starting_point_network`."""
        return starting_point_network(architecture, classes, weights, columns=self.columns)

    def height_of(self, item: Input) -> int:  # noqa: ARG002 - as of images
        """Clouds have no height in pixels."""
        return 0

    def described(self, about: Mapping[str, Any]) -> PointDescription:
        """What weights say that were trained on such views."""
        return PointDescription(**about, columns=self.columns, categories=CATEGORIES)

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
