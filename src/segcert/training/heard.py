"""Any model of images as the classifier that a denoiser is trained for."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from segcert.errors import InputError, ModelError
from segcert.models.files.checkpoints import load_weights
from segcert.models.protocol import WrappedModel
from segcert.models.shipped import find, open_alone, shipped

OURS, ONNX = ".safetensors", ".onnx"
WAY_OUT = (
    "so a denoiser cannot learn what it understands: give the network as .pt2 or as a module of "
    "your own, or leave out --denoise-for, and it learns from photographs alone"
)


class Heard(nn.Module):
    """Class scores of a wrapped model, from images in [-1, 1], so that gradients reach the images.

    Its weights are frozen, and it is no part of what is trained.

    Args:
        model: The model, with all that it does to images in [0, 1] first.
    """

    def __init__(self, model: WrappedModel) -> None:
        super().__init__()
        self.held = (model,)  # not as a part: exported programs have no modes to be put into
        if isinstance(model.model, nn.Module):
            model.model.requires_grad_(requires_grad=False)

    @property
    def sha256(self) -> str:
        """What tells it from others."""
        return self.held[0].identity_sha256

    def to(self, device: torch.device) -> "Heard":  # type: ignore[override]
        """Move it."""
        self.held[0].to(device)
        return self

    def forward(self, images: Float[Tensor, " b 3 h w"]) -> Float[Tensor, " b k h w"]:
        """Return class scores.

        Raises:
            ModelError: If the model passes no gradient on, or labels in place of scores.
        """
        (model,) = self.held
        scores = model.scores((images + 1) / 2)
        if images.requires_grad and not scores.requires_grad:
            raise ModelError(f"model {model.name} passes no gradient on to its input, {WAY_OUT}")
        return scores


def heard(name: str) -> nn.Module:
    """Open a model as a frozen classifier of images in [-1, 1].

    Weight files of ours are taken as the bare network, whose scores are small and cheap.

    Args:
        name: Of a shipped model, or any file that `segcert certify --model` opens.

    Raises:
        InputError: If there is no such model, or it is an ONNX file, which has no gradient.
    """
    if name.lower().endswith(ONNX):
        raise InputError(f"model {name} is an ONNX file, which has no gradient, {WAY_OUT}")
    if name in shipped() or name.endswith(OURS):
        return load_weights(find(name))[0]
    return Heard(open_alone(name))
