"""What sampling asks of a base model, whatever its inputs are."""

from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Float32, Int16
from torch import Tensor


@runtime_checkable
class SegmentationModel(Protocol):
    """Everything that happens after the noise: from noisy inputs to labels of components.

    `segcert.models.adapter.Segmenter` is the one for images, with pixels as components; any other
    labels the points of clouds: its batches are (b, points, columns).
    """

    @property
    def name(self) -> str:
        """How certificates call it."""
        ...

    @property
    def model(self) -> Any:
        """The module or function inside; a module is moved to the device."""
        ...

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, or empty."""
        ...

    @property
    def palette(self) -> tuple[tuple[int, int, int], ...]:
        """One RGB colour per class, or empty."""
        ...

    @property
    def weights_sha256(self) -> str:
        """Hash of the weights, or "none"."""
        ...

    @property
    def identity_sha256(self) -> str:
        """Hash of the weights and of all else that changes a label; see `identity_hash`.

        The same in every process and on every machine.
        """
        ...

    @property
    def stochastic(self) -> bool:
        """Whether it draws randomness of its own, fresh for each draw of a batch."""
        ...

    def to(self, device: torch.device) -> None:
        """Move the weights to a device."""
        ...

    def output(self, batch: Float[Tensor, " b *shape"]) -> Any:
        """Run on noisy inputs: scores or labels, or whatever the other methods take."""
        ...

    def to_labels(
        self, output: Any, components: tuple[int, ...]
    ) -> Int16[Tensor, " b *components"]:
        """Turn output into one label per component, -1 where it is not finite."""
        ...

    def to_margins(
        self, output: Any, components: tuple[int, ...]
    ) -> Float32[Tensor, " b *components"] | None:
        """Turn scores into softmax margins in [0, 1]; None if the output is labels."""
        ...

    def count_classes(self, output: Any) -> int:
        """Count the classes."""
        ...
