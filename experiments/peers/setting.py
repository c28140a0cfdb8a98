"""What all are asked: the same network, image, noise, draws, threshold and alpha."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor, nn

from segcert.models.adapter import Segmenter
from segcert.models.shipped import open_model
from segcert_scenes.streets import street_scene


@dataclass(frozen=True)
class Setting:
    """One problem.

    Args:
        size: Height and width of a drawn street, pixels.
        sigma: Standard deviation of the Gaussian noise, in units of [0, 1].
        n0: Pilot draws.
        n: Test draws.
        tau: Probability threshold.
        alpha: Allowed probability that the statement on the whole image is wrong.
        batch: Draws that go through the network together.
        scene: Number of the street.
    """

    size: tuple[int, int] = (240, 320)
    sigma: float = 0.25
    n0: int = 10
    n: int = 100
    tau: float = 0.75
    alpha: float = 1e-3
    batch: int = 4
    scene: int = 6
    spent: dict[str, float] = field(default_factory=dict, compare=False)  # processor seconds

    @property
    def components(self) -> int:
        """Pixels of the image."""
        return self.size[0] * self.size[1]

    @property
    def classes(self) -> int:
        """Of the network."""
        return len(self.segmenter.class_names)

    def image(self) -> np.ndarray:
        """The image, 8 bits."""
        return street_scene(self.scene, height=self.size[0], width=self.size[1]).image

    def pixels(self) -> Float[Tensor, " 3 h w"]:
        """The image in [0, 1]."""
        return torch.from_numpy(self.image()).movedim(2, 0).float() / 255

    @cached_property
    def segmenter(self) -> Segmenter:
        """The model as segcert takes it."""
        return open_model("synthetic")

    def network(self) -> nn.Module:
        """The same as a network that takes images in [0, 1] and gives scores at a quarter size."""
        segmenter = self.segmenter
        assert isinstance(segmenter.model, nn.Module)
        return Normalised(segmenter.model, segmenter.mean, segmenter.std).eval()

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Book the processor time of a part, all threads together."""
        start = time.process_time()
        yield
        self.spent[name] = self.spent.get(name, 0.0) + time.process_time() - start


class Normalised(nn.Module):
    """A network that normalises what it is given."""

    def __init__(self, network: nn.Module, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.network = network
        self.mean, self.std = (torch.tensor(one).view(-1, 1, 1) for one in (mean, std))

    def forward(self, batch: Float[Tensor, " b 3 h w"]) -> Float[Tensor, " b k h4 w4"]:
        """Return class scores."""
        scores: Tensor = self.network((batch - self.mean) / self.std)
        return scores


@dataclass(frozen=True, eq=False)
class Found:
    """What one way certified.

    Args:
        labels: Of the components that it answers for.
        certified: Which of them are proved.
    """

    labels: Integer[np.ndarray, " *components"]
    certified: Bool[np.ndarray, " *components"]
