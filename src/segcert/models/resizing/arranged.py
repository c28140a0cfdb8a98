"""Call a network as it wants to be called, and hand back what everybody expects.

Around it, images are (b, c, h, w) with red first, and scores (b, k, h, w).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from segcert.models.resizing.conventions import Convention, words_of
from segcert.models.resizing.heads import binary_scores, region_scores, whole_labels
from segcert.models.resizing.outputs import tensor_of

GREY = (0.299, 0.587, 0.114)  # of red, green and blue. Source: ITU-R BT.601, section 2.5.1


class ArrangedModule(nn.Module):
    """A module with its conventions; what runs modules takes the whole of it.

    Args:
        net: The module.
        convention: What it takes and returns.
        name: For errors.
        dtype: Of its weights, if it is not float32.
    """

    def __init__(
        self, net: nn.Module, convention: Convention, *, name: str, dtype: torch.dtype | None
    ) -> None:
        super().__init__()
        self.net = net
        self.convention = words_of(convention.said())
        self._convention = convention
        self._called = name
        self._dtype = dtype
        # the mode of a program is baked in, whatever its flag says; frozen modules have none
        self.training = not is_program(net) and getattr(net, "training", False)

    def forward(self, batch: Float[Tensor, " b c *shape"]) -> Tensor:
        """Score or label a batch."""
        given = batch if self._dtype is None else batch.to(self._dtype)
        return call(self.net, given, self._convention, self._called)


@dataclass(frozen=True, eq=False)
class Arranged:
    """A function with its conventions.

    Args:
        function: The function.
        convention: What it takes and returns, in words.
    """

    function: Callable[..., Any]
    convention: str
    _call: Callable[[Tensor], Tensor] = field(repr=False)

    def __call__(self, batch: Float[Tensor, " b c *shape"]) -> Tensor:
        """Score or label a batch."""
        return self._call(batch)


def arranged(model: Callable[..., Any], convention: Convention, *, name: str) -> Any:
    """Put a network's conventions around it; one without any is left as it is."""
    if isinstance(model, nn.Module):
        dtype = type_of(model)
        if not convention.arranges and dtype is None:
            return model
        return ArrangedModule(model, convention, name=name, dtype=dtype)
    if not convention.arranges:
        return model
    return Arranged(
        model, words_of(convention.said()), lambda batch: call(model, batch, convention, name)
    )


def is_program(net: nn.Module) -> bool:
    """Tell a program that ``torch.export`` made, whose mode cannot be set."""
    return isinstance(net, torch.fx.GraphModule) and "eval" in vars(net)


def type_of(net: nn.Module) -> torch.dtype | None:
    """The one type of a network's weights, if it is not float32: inputs must have it, too."""
    found = {weight.dtype for weight in net.parameters() if weight.is_floating_point()}
    dtype = found.pop() if len(found) == 1 else torch.float32
    return None if dtype == torch.float32 else dtype


def call(net: Callable[..., Any], batch: Tensor, convention: Convention, name: str) -> Tensor:
    """Call a network.

    Args:
        net: The network.
        batch: (b, c, h, w) or (b, c, d, h, w), red first.
        convention: What it takes and returns.
        name: Of the model.

    Returns:
        Scores (b, k, ...) or labels (b, ...).

    Raises:
        ModelError: If the output is of another kind than was said.
    """
    given = in_channels(batch, convention.channels)
    if convention.layout == "nhwc":
        given = given.movedim(1, -1).contiguous()
    found = tensor_of(net(given), batch=len(batch), name=name, pick=convention.output_name)
    if found.dtype in (torch.float16, torch.bfloat16):
        found = found.float()
    if convention.output_layout == "nhwc" and found.ndim == batch.ndim:
        found = found.movedim(-1, 1)
    if convention.returns == "labels":
        return whole_labels(found)
    if convention.binary:
        return binary_scores(found, batch.ndim, threshold=convention.threshold, name=name)
    if convention.regions:
        sides = tuple(batch.shape[2:])
        return region_scores(found, sides, thresholds=convention.regions, name=name)
    return found


def in_channels(batch: Tensor, channels: str) -> Tensor:
    """The channels that a network takes, of red, green and blue."""
    if channels == "bgr":
        return batch.flip(1)
    if channels == "bgra":
        return torch.cat([batch[:, :3].flip(1), batch[:, 3:]], 1)
    if channels == "grey" and batch.shape[1] != 1:
        weights = torch.tensor(GREY, device=batch.device, dtype=batch.dtype)
        shape = (1, -1, *(1 for _ in batch.shape[2:]))
        return (batch * weights.view(shape)).sum(1, keepdim=True)
    return batch
