"""The small network that segcert ships: depthwise, dilated, made for noisy images."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

STRIDE = 16  # coarsest feature map; the smallest side that makes sense
# 2.2 M parameters where they cost least: a pass takes less than twice as long
WIDE = (32, 64, 160, 448)


def conv(
    inputs: int,
    outputs: int,
    kernel: int = 1,
    *,
    stride: int = 1,
    groups: int = 1,
    dilation: int = 1,
) -> nn.Sequential:
    """A convolution without bias, padded to keep the size, and its batch norm."""
    padding = dilation * (kernel // 2)
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, groups, bias=False),
        nn.BatchNorm2d(outputs),
    )


class Block(nn.Module):
    """Residual block: a 5x5 depthwise convolution (it averages noise), then a pointwise one."""

    def __init__(self, channels: int, *, dilation: int = 1) -> None:
        super().__init__()
        self.space = conv(channels, channels, 5, groups=channels, dilation=dilation)
        self.mix = conv(channels, channels)

    def forward(self, x: Float[Tensor, " b c h w"]) -> Float[Tensor, " b c h w"]:
        """Return features of the same shape."""
        return functional.relu(x + self.mix(functional.relu(self.space(x))))


class Halve(nn.Module):
    """Halve the resolution and change the number of channels."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.space = conv(inputs, inputs, 5, stride=2, groups=inputs)
        self.mix = conv(inputs, outputs)

    def forward(self, x: Float[Tensor, " b c h w"]) -> Float[Tensor, " b k h2 w2"]:
        """Return features at half the resolution."""
        return functional.relu(self.mix(functional.relu(self.space(x))))


class DepthwiseNet(nn.Module):
    """Encoder to stride 16 with dilations, a global context, and a decoder to stride 4.

    Args:
        classes: Number of classes.
        width: Channels of the encoder at strides 2, 4, 8 and 16.
        dilations: One residual block at stride 16 for each.
        dropout: Share of the features hidden from the classifier in training.
    """

    def __init__(
        self,
        classes: int,
        *,
        width: tuple[int, int, int, int] = (32, 64, 128, 192),
        dilations: tuple[int, ...] = (1, 2, 3, 1, 4, 2, 1, 6),
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        at2, at4, at8, at16 = width
        self.stem = conv(3, at2, 5, stride=2)
        self.stage4 = nn.Sequential(Halve(at2, at4), *(Block(at4) for _ in range(2)))
        self.stage8 = nn.Sequential(Halve(at4, at8), *(Block(at8) for _ in range(4)))
        self.stage16 = nn.Sequential(
            Halve(at8, at16), *(Block(at16, dilation=d) for d in dilations)
        )
        self.context = nn.Conv2d(at16, at16, 1)
        self.lateral16, self.lateral8 = conv(at16, 96), conv(at8, 96)
        self.refine8 = Block(96)
        self.reduce8, self.lateral4 = conv(96, 64), conv(at4, 64)
        self.refine4 = Block(64)
        self.dropout = nn.Dropout2d(dropout)
        self.classify = nn.Conv2d(64, classes, 1)

    def forward(self, x: Float[Tensor, " b c h w"]) -> Float[Tensor, " b k h4 w4"]:
        """Return class scores at a quarter of the resolution (rounded up)."""
        at4 = self.stage4(functional.relu(self.stem(x)))
        at8 = self.stage8(at4)
        at16 = self.stage16(at8)
        at16 = at16 + functional.relu(self.context(at16.mean((2, 3), keepdim=True)))
        at8 = self.refine8(functional.relu(resize(self.lateral16(at16), at8) + self.lateral8(at8)))
        at4 = self.refine4(functional.relu(resize(self.reduce8(at8), at4) + self.lateral4(at4)))
        scores: Tensor = self.classify(self.dropout(at4))
        return scores


def resize(
    x: Float[Tensor, " b c h w"], like: Float[Tensor, " b _ h2 w2"]
) -> Float[Tensor, " b c h2 w2"]:
    """Resize bilinearly to the height and width of another feature map."""
    size = (like.shape[-2], like.shape[-1])
    return functional.interpolate(x, size=size, mode="bilinear", align_corners=False)


def channels_last(net: nn.Module) -> nn.Module:
    """Lay the weights out as CPU and GPU convolutions like them best.

    Weights that can be trained stay so, in inference mode too.
    """
    made_in_it = any(weight.is_inference() for weight in net.parameters())
    with torch.inference_mode(torch.is_inference_mode_enabled() and made_in_it):
        # torch declares to() without memory_format
        laid_out: nn.Module = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return laid_out
