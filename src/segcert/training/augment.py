"""Random views of a labelled image, and the Gaussian noise that makes a network robust."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Generator, Tensor, nn
from torch.nn import functional

from segcert.errors import InputError
from segcert.inputs.input import Input
from segcert.inputs.kind import IMAGE, InputKind
from segcert.models.files.checkpoints import Description
from segcert.models.nets.architectures import Architecture
from segcert.training.start import starting_network


@dataclass(frozen=True)
class Views:
    """How training draws views of an image.

    Args:
        crop: Height and width of a view, pixels.
        scales: Smallest and largest magnification.
        jitter: Half-width of the random factors on brightness, contrast and saturation; 0 for
            none.

    Raises:
        InputError: If a number is impossible.
    """

    crop: tuple[int, int] = (272, 368)
    scales: tuple[float, float] = (0.8, 1.6)
    jitter: float = 0.3

    kind: ClassVar[InputKind] = IMAGE
    network: ClassVar[Architecture] = "depthwise"  # that is trained if nothing is said

    def __post_init__(self) -> None:
        """Check the numbers that a user types."""
        if min(self.crop) < 16:
            raise InputError(f"crop must be at least 16x16 pixels, got {self.crop}")
        if not 0 < self.scales[0] <= self.scales[1] < math.inf:
            raise InputError(f"scales must be 0 < smallest <= largest, got {self.scales}")
        if not 0 <= self.jitter < 1:
            raise InputError(f"jitter must be in [0, 1), got {self.jitter}")

    def read(self, item: Input) -> tuple[UInt8[Tensor, " 3 h w"], UInt8[Tensor, " h w"]]:
        """Turn a labelled image into tensors, channels first, and check its size.

        Raises:
            InputError: If it is smaller than the crop, or has no labels.
        """
        if item.truth is None:
            raise InputError(f"{item.name} has no labels: nothing to learn from")
        if item.components[0] < self.crop[0] or item.components[1] < self.crop[1]:
            raise InputError(
                f"image {item.name} is {item.components}, smaller than the crop "
                f"{self.crop}: choose a smaller crop"
            )
        return item.tensor.clone(), torch.from_numpy(item.truth.copy())

    def start(
        self, architecture: str, classes: tuple[str, ...], weights: Path | None
    ) -> tuple[nn.Module, str]:
        """Make the network to train; see `starting_network`."""
        return starting_network(architecture, classes, weights)

    def height_of(self, item: Input) -> int:
        """Height of an image of the training, pixels."""
        return item.components[0]

    def described(self, about: Mapping[str, Any]) -> Description:
        """What weights say that were trained on such views."""
        return Description(**about)

    def add_noise(
        self,
        views: Float[Tensor, " b c h w"],
        *,
        sigma: float | Float[Tensor, " b 1 1 1"],
        rng: Generator,
    ) -> Float[Tensor, " b c h w"]:
        """Add Gaussian noise to all values; see the function of this name."""
        return add_noise(views, sigma=sigma, rng=rng)

    def draw(
        self, image: UInt8[Tensor, " 3 h w"], labels: UInt8[Tensor, " h w"], *, rng: Generator
    ) -> tuple[Float[Tensor, " 3 h2 w2"], Int64[Tensor, " h2 w2"]]:
        """Draw one view: crop, magnify, mirror, change the light."""
        (height, width), (top, left) = self._window(labels.shape, rng)
        window = (slice(top, top + height), slice(left, left + width))
        view = functional.interpolate(
            image[:, *window][None].float() / 255,
            size=self.crop, mode="bilinear", align_corners=False, antialias=True,
        )[0]  # fmt: skip
        truth = functional.interpolate(
            labels[window][None, None].float(), size=self.crop, mode="nearest-exact"
        )[0, 0].long()
        if coin(rng):
            view, truth = view.flip(2), truth.flip(1)
        return self._relight(view, rng), truth

    def _window(self, size: torch.Size, rng: Generator) -> tuple[tuple[int, int], tuple[int, int]]:
        """Choose the part of the image to magnify; it always lies inside the image."""
        smallest = max(self.scales[0], self.crop[0] / size[0], self.crop[1] / size[1])
        scale = uniform(smallest, max(smallest, self.scales[1]), rng)
        height, width = (int(side / scale) for side in self.crop)
        top = int(uniform(0, size[0] - height + 1, rng))
        left = int(uniform(0, size[1] - width + 1, rng))
        return (height, width), (top, left)

    def _relight(self, view: Tensor, rng: Generator) -> Tensor:
        brightness, contrast, colour = (
            uniform(1 - self.jitter, 1 + self.jitter, rng) for _ in range(3)
        )
        grey = view.mean(0, keepdim=True)
        view = grey + colour * (view - grey)
        mean = view.mean()
        return (brightness * (mean + contrast * (view - mean))).clamp(0, 1)


def add_noise(
    views: Float[Tensor, " b c h w"], *, sigma: float | Float[Tensor, " b 1 1 1"], rng: Generator
) -> Float[Tensor, " b c h w"]:
    """Add Gaussian noise in [0, 1] units, not clipped: what the certificate will add.

    Args:
        views: Images in [0, 1].
        sigma: Standard deviation, of all views or of each.
        rng: Stream of the noise.

    Source:
        Cohen, Rosenfeld, Kolter (2019), section 3.3 (Gaussian data augmentation).
    """
    return views + sigma * torch.randn(views.shape, generator=rng)


def uniform(low: float, high: float, rng: Generator) -> float:
    """Draw one number from [low, high)."""
    return low + (high - low) * torch.rand((), generator=rng).item()


def coin(rng: Generator) -> bool:
    """Toss a fair coin."""
    return uniform(0, 1, rng) < 0.5
