"""Tiny models of point clouds whose truth is known, with the methods that sampling asks for."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from segcert.inputs.kind import CLOUD, InputKind


@dataclass(frozen=True)
class ByHeight:
    """Class 1 where the third coordinate exceeds a cut; each point by itself.

    Args:
        cut: In the units of the file.
        centre_over_batch: Subtract the mean over the whole batch first: a defect.
        stochastic: Whether to pretend that it draws randomness.
        name: How certificates call it.
    """

    cut: float = 0.0
    centre_over_batch: bool = False
    stochastic: bool = False
    name: str = "height"
    class_names: tuple[str, ...] = ("low", "high")
    palette: tuple[tuple[int, int, int], ...] = ()
    weights_sha256: str = "none"
    identity_sha256: str = "none"

    kind: ClassVar[InputKind] = CLOUD

    def check_input(self, x: Tensor) -> None:
        """Clouds of any size."""

    def to(self, device: torch.device) -> None:
        """Nothing is on a device."""

    @property
    def model(self) -> object:
        """The function inside."""
        return self.output

    def output(self, batch: Tensor) -> Tensor:
        """Labels (b, points)."""
        height = batch[..., 2]
        if self.centre_over_batch:
            height = height - height.mean()
        return (height > self.cut).long()

    def to_labels(self, output: Tensor, components: tuple[int, ...]) -> Tensor:
        """They are labels."""
        assert output.shape[1:] == components
        return output.to(torch.int16)

    def to_margins(self, output: Tensor, components: tuple[int, ...]) -> Tensor | None:  # noqa: ARG002
        """There are no scores."""
        return None

    def count_classes(self, output: Tensor) -> int:  # noqa: ARG002
        """Two."""
        return 2
