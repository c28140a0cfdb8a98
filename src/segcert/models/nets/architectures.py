"""Networks that training can build, by name."""

from typing import Literal, get_args

from torch import nn

from segcert.errors import InputError
from segcert.models.nets import depthwise, hrnet

Architecture = Literal["depthwise", "depthwise-wide", "hrnetv2-w18", "hrnetv2-w48"]
WIDTHS = {"hrnetv2-w18": 18, "hrnetv2-w48": 48}


def build(architecture: str, classes: int) -> nn.Module:
    """Make a network with fresh weights, from the global random stream.

    Args:
        architecture: Its name.
        classes: Number of classes.

    Raises:
        InputError: If there is no such network.
    """
    if architecture == "depthwise":
        return depthwise.DepthwiseNet(classes)
    if architecture == "depthwise-wide":
        return depthwise.DepthwiseNet(classes, width=depthwise.WIDE)
    if architecture in WIDTHS:
        return hrnet.HRNetV2(classes, WIDTHS[architecture])
    names = ", ".join(get_args(Architecture))
    raise InputError(f"architecture must be one of {names}, got {architecture!r}")


def smallest_side(architecture: Architecture) -> int:
    """Return the smallest side of an image that makes sense, pixels."""
    return hrnet.STRIDE if architecture in WIDTHS else depthwise.STRIDE
