"""Building blocks of the high-resolution network: residual blocks and the exchange of scales.

The names of the parts are those of the official checkpoints.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

BLOCKS = 4  # residual blocks of each branch of an exchange, and of the first stage


def conv_norm(inputs: int, outputs: int, kernel: int = 1, *, stride: int = 1) -> nn.Sequential:
    """A convolution without bias, padded to keep the size, and its batch norm."""
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs))


def conv_norm_relu(inputs: int, outputs: int, *, stride: int = 1) -> nn.Sequential:
    """A 3x3 convolution without bias, its batch norm and a ReLU."""
    return nn.Sequential(
        *conv_norm(inputs, outputs, 3, stride=stride),
        nn.ReLU(inplace=True),
    )


class BasicBlock(nn.Module):
    """Residual block of two 3x3 convolutions.

    Source:
        He, Zhang, Ren, Sun (2016), CVPR, Fig. 5 left.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv_norm(channels, channels, 3)
        self.conv2, self.bn2 = conv_norm(channels, channels, 3)

    def forward(self, x: Float[Tensor, " b c h w"]) -> Float[Tensor, " b c h w"]:
        """Return features of the same shape."""
        change = functional.relu_(self.bn1(self.conv1(x)))
        return functional.relu_(self.bn2(self.conv2(change)).add_(x))


class Bottleneck(nn.Module):
    """Residual block of a 1x1, a 3x3 and a 1x1 convolution.

    Args:
        inputs: Channels of the input.
        inner: Channels of the 3x3 convolution; the output has four times as many.

    Source:
        He, Zhang, Ren, Sun (2016), CVPR, Fig. 5 right.
    """

    def __init__(self, inputs: int, inner: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv_norm(inputs, inner)
        self.conv2, self.bn2 = conv_norm(inner, inner, 3)
        self.conv3, self.bn3 = conv_norm(inner, 4 * inner)
        if inputs != 4 * inner:
            self.downsample: nn.Module = conv_norm(inputs, 4 * inner)
        else:
            self.downsample = nn.Identity()

    def forward(self, x: Float[Tensor, " b c h w"]) -> Float[Tensor, " b k h w"]:
        """Return features of the same height and width."""
        change = functional.relu_(self.bn1(self.conv1(x)))
        change = functional.relu_(self.bn2(self.conv2(change)))
        return functional.relu_(self.bn3(self.conv3(change)).add_(self.downsample(x)))


class Exchange(nn.Module):
    """One module of a stage: each scale on its own, then each takes the sum of all.

    Branch ``i`` lives at stride ``4 * 2**i``. To reach a coarser branch, features pass 3x3
    convolutions of stride 2; to reach a finer one, a 1x1 convolution and bilinear upsampling.

    Args:
        widths: Channels of each branch, finest first.
        align_corners: How the upsampling places the pixels.

    Source:
        Wang et al. (2020), IEEE TPAMI 43(10), Sections 3.1, 3.2 and Fig. 3.
    """

    def __init__(self, widths: Sequence[int], *, align_corners: bool) -> None:
        super().__init__()
        self.align_corners = align_corners
        self.branches = nn.ModuleList(
            nn.Sequential(*(BasicBlock(width) for _ in range(BLOCKS))) for width in widths
        )
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(route(widths, source, target) for source in range(len(widths)))
            for target in range(len(widths))
        )

    def forward(self, scales: list[Tensor]) -> list[Tensor]:
        """Return features of the same shapes, one tensor for each branch."""
        scales = [branch(x) for branch, x in zip(self.branches, scales, strict=True)]
        return [self._fused(scales, target) for target in range(len(scales))]

    def _fused(self, scales: list[Tensor], target: int) -> Tensor:
        """Sum what all branches send to one."""
        routes: nn.ModuleList = self.fuse_layers[target]  # type: ignore[assignment]
        sent = (
            resize(routes[source](x), scales[target], align_corners=self.align_corners)
            for source, x in enumerate(scales)
            if source != target
        )
        total = scales[target] + next(sent)
        for x in sent:
            total.add_(x)
        return functional.relu_(total)


def route(widths: Sequence[int], source: int, target: int) -> nn.Module:
    """Make the layers from one branch to another, but for the upsampling."""
    if source == target:
        return nn.Identity()
    if source > target:
        return conv_norm(widths[source], widths[target])
    halvings = [
        conv_norm_relu(widths[source], widths[source], stride=2) for _ in range(target - source - 1)
    ]
    return nn.Sequential(*halvings, conv_norm(widths[source], widths[target], 3, stride=2))


def resize(
    x: Float[Tensor, " b c h w"], like: Float[Tensor, " b _ h2 w2"], *, align_corners: bool
) -> Float[Tensor, " b c h2 w2"]:
    """Resize bilinearly to the height and width of other features; nothing if they fit."""
    size = (like.shape[-2], like.shape[-1])
    if x.shape[-2:] == torch.Size(size):
        return x
    return functional.interpolate(x, size=size, mode="bilinear", align_corners=align_corners)
