"""Networks as programs for images of any number and size, which other runtimes can read."""

import copy
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from segcert.errors import InputError
from segcert.models.adapter import Segmenter
from segcert.models.confined.chunks import only_tensor
from segcert.text import reason

FREE = (0, 2, 3)  # axes whose length is left open: batch, height, width
EXAMPLE = (96, 160)  # height and width of the images that are traced


class ScoresOnly(nn.Module):
    """A network that returns one tensor, whatever else it has to say.

    Args:
        net: The network.
        name: For errors.
    """

    def __init__(self, net: nn.Module, *, name: str) -> None:
        super().__init__()
        self.net = net
        self.name = name
        self.train(net.training)

    def forward(self, image: Float[Tensor, " b c h w"]) -> Tensor:
        """Score or label a batch."""
        return only_tensor(self.name, self.net(image))


def network_of(segmenter: Segmenter) -> nn.Module:
    """The network of a segmenter that PyTorch runs."""
    assert isinstance(segmenter.model, nn.Module)
    return segmenter.model


def device_of(segmenter: Segmenter) -> torch.device:
    """Where its weights are."""
    weights = network_of(segmenter).parameters()
    return next((weight.device for weight in weights), torch.device("cpu"))


@contextmanager
def quietly() -> Iterator[None]:
    """Drop the warnings that exporters give about themselves."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def free_program(net: nn.Module, *, channels: int, name: str) -> torch.export.ExportedProgram:
    """Export a network, on the CPU, for images of any number and size.

    Args:
        net: The network; it stays where it is.
        channels: Of the images.
        name: For errors.

    Raises:
        InputError: If it cannot be exported so.
    """
    example = torch.zeros(2, channels, *EXAMPLE)  # no two sizes alike: each is left open
    alone = ScoresOnly(copy.deepcopy(net).cpu(), name=name)
    open_axes = dict.fromkeys(FREE, torch.export.Dim.DYNAMIC)
    try:
        with quietly():
            return torch.export.export(alone, (example,), dynamic_shapes=(open_axes,))
    except Exception as error:  # exporting fails in every way
        why = reason(error)
        raise InputError(
            f"model {name} cannot be exported for images of any size ({why}): use "
            "--backend torch or compile"
        ) from error


def seen_by_network(
    segmenter: Segmenter, batch: Float[Tensor, " b c h w"]
) -> tuple[Float[Tensor, " b c h2 w2"], ...]:
    """What reaches the network when images reach the segmenter.

    Args:
        segmenter: With denoiser, normalisation and scale.
        batch: Noisy images.

    Returns:
        One batch for each size, window and mirror image.
    """
    seen: list[Tensor] = []

    def listen(inputs: Tensor) -> object:
        seen.append(inputs.clone())
        return segmenter.model(inputs)

    replace(segmenter, model=listen).output(batch)
    return tuple(seen)
