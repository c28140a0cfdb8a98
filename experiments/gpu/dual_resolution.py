"""A real-time network of two resolutions, of the class of DDRNet-23-slim, with random weights.

Source:
    Hong, Pan, Sun, Jia (2021), Deep dual-resolution networks for real-time and accurate semantic
    segmentation of road scenes, Fig. 4 and Table 1: 5.7 M parameters, 36 GFLOP at 2048x1024.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from segcert.models.nets.hrnet_blocks import conv_norm, conv_norm_relu

WIDTH = 32  # channels at stride 4
POOLS = ((5, 2), (9, 4), (17, 8))  # kernel and stride of the pyramid at the coarsest scale


class Residual(nn.Module):
    """Two 3x3 convolutions; a 1x1 one beside them where the shape changes."""

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1) -> None:
        super().__init__()
        self.change = nn.Sequential(
            *conv_norm_relu(inputs, outputs, stride=stride), *conv_norm(outputs, outputs, 3)
        )
        same = inputs == outputs and stride == 1
        self.beside = nn.Identity() if same else conv_norm(inputs, outputs, stride=stride)

    def forward(self, x: Float[Tensor, " b c h w"]) -> Float[Tensor, " b k h2 w2"]:
        """Return features, at a lower resolution if there is a stride."""
        return functional.relu(self.change(x) + self.beside(x))


class Wide(nn.Module):
    """A 1x1, a 3x3 and a 1x1 convolution that end in twice the channels."""

    def __init__(self, inputs: int, *, stride: int = 1) -> None:
        super().__init__()
        self.change = nn.Sequential(
            *conv_norm(inputs, inputs), nn.ReLU(inplace=True),
            *conv_norm_relu(inputs, inputs, stride=stride), *conv_norm(inputs, 2 * inputs),
        )  # fmt: skip
        self.beside = conv_norm(inputs, 2 * inputs, stride=stride)

    def forward(self, x: Float[Tensor, " b c h w"]) -> Float[Tensor, " b k h2 w2"]:
        """Return features, at a lower resolution if there is a stride."""
        return functional.relu(self.change(x) + self.beside(x))


def stage(inputs: int, outputs: int, *, stride: int = 1) -> nn.Sequential:
    """Two residual blocks."""
    return nn.Sequential(Residual(inputs, outputs, stride=stride), Residual(outputs, outputs))


def to_size(x: Tensor, like: Tensor) -> Tensor:
    """Resize features to the height and width of others."""
    return functional.interpolate(x, like.shape[-2:], mode="bilinear", align_corners=False)


class Pyramid(nn.Module):
    """Means over ever larger windows, each added to the one before, then joined."""

    def __init__(self, inputs: int, inner: int, outputs: int) -> None:
        super().__init__()
        pools = [nn.AvgPool2d(kernel, step, kernel // 2) for kernel, step in POOLS]
        self.pools = nn.ModuleList([nn.Identity(), *pools, nn.AdaptiveAvgPool2d(1)])
        self.reduce = nn.ModuleList([nn.Conv2d(inputs, inner, 1) for _ in self.pools])
        self.mix = nn.ModuleList([conv_norm_relu(inner, inner) for _ in self.pools[1:]])
        self.join = nn.Conv2d(inner * len(self.pools), outputs, 1)
        self.beside = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Float[Tensor, " b c h w"]) -> Float[Tensor, " b k h w"]:
        """Return features of the same height and width."""
        found = [self.reduce[0](x)]
        for pool, reduce, mix in zip(self.pools[1:], self.reduce[1:], self.mix, strict=True):
            found.append(mix(to_size(reduce(pool(x)), x) + found[-1]))
        joined: Tensor = self.join(torch.cat(found, 1)) + self.beside(x)
        return joined


class DualResolution(nn.Module):
    """Two branches, at strides 8 and 16 to 64, that exchange their features twice.

    Args:
        classes: Number of classes.
        width: Channels at stride 4.
    """

    def __init__(self, classes: int, width: int = WIDTH) -> None:
        super().__init__()
        w = width
        self.stem = nn.Sequential(
            conv_norm_relu(3, w, stride=2), conv_norm_relu(w, w, stride=2),
            stage(w, w), stage(w, 2 * w, stride=2),
        )  # fmt: skip
        self.coarse = nn.ModuleList(
            [stage(2 * w, 4 * w, stride=2), stage(4 * w, 8 * w, stride=2), Wide(8 * w, stride=2)]
        )
        self.fine = nn.ModuleList([stage(2 * w, 2 * w), stage(2 * w, 2 * w), Wide(2 * w)])
        self.up = nn.ModuleList([conv_norm(4 * w, 2 * w), conv_norm(8 * w, 2 * w)])
        self.down = nn.ModuleList(
            [
                conv_norm(2 * w, 4 * w, 3, stride=2),
                nn.Sequential(
                    *conv_norm_relu(2 * w, 4 * w, stride=2), *conv_norm(4 * w, 8 * w, 3, stride=2)
                ),
            ]
        )
        self.pyramid = Pyramid(16 * w, 4 * w, 4 * w)
        self.head = nn.Sequential(conv_norm_relu(4 * w, 2 * w), nn.Conv2d(2 * w, classes, 1))

    def forward(self, x: Float[Tensor, " b 3 h w"]) -> Float[Tensor, " b k h8 w8"]:
        """Score images at stride 8; height and width are multiples of 64."""
        fine = coarse = self.stem(x)
        for index, (up, down) in enumerate(zip(self.up, self.down, strict=True)):
            coarse, fine = self.coarse[index](coarse), self.fine[index](fine)
            coarse, fine = (
                functional.relu(coarse + down(fine)),
                functional.relu(fine + to_size(up(coarse), fine)),
            )
        coarse, fine = self.pyramid(self.coarse[2](coarse)), self.fine[2](fine)
        scores: Tensor = self.head(fine + to_size(coarse, fine))
        return scores
