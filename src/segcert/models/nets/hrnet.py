"""HRNetV2 with its segmentation head, compatible with the official checkpoints.

Which setting a published checkpoint needs (``align_corners`` is False in the configuration files
and by default in PyTorch 0.4 and 1.1, where the code does not set it):

| checkpoint | classes | align_corners | inplace_abn |
|---|---|---|---|
| Cityscapes, of the branches ``pytorch-v1.1`` and ``HRNet-OCR`` | 19 | False | False |
| Pascal Context, of the branch ``HRNet-OCR`` | 59 | False | False |
| Cityscapes, Pascal Context, of the branch ``master`` (PyTorch 0.4) | 19, 59 or 60 | False | True |
| COCO-Stuff, ADE20K, of the branch ``HRNet-OCR`` | 171, 150 | True | False |
| Fischer et al. (2021), Cityscapes and Pascal Context | 19, 59 | False | False |

Order of the classes: Cityscapes, the train ids 0..18 (road, sidewalk, ..., bicycle); Pascal
Context, the 59 classes by their numbers among all 459 labels, which is the alphabet (aeroplane,
bag, bed, bedclothes, bench, bicycle, ..., wood). With 60 classes the background comes first.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from segcert.errors import InputError
from segcert.models.nets.hrnet_blocks import (
    BLOCKS,
    Bottleneck,
    Exchange,
    conv_norm,
    conv_norm_relu,
    resize,
)

MEAN = (0.485, 0.456, 0.406)  # of ImageNet, RGB in [0, 1]; all checkpoints above use them
STD = (0.229, 0.224, 0.225)
STRIDE = 32  # coarsest feature map; the smallest side that makes sense
MODULES = (1, 4, 3)  # exchanges of stages 2, 3 and 4


class HRNetV2(nn.Module):
    """High-resolution network: branches at strides 4, 8, 16 and 32 that exchange features.

    The head concatenates all branches at stride 4. The scores are not resized to the input.

    Args:
        classes: Number of classes.
        width: Channels of the finest branch (48 for W48, 18 for W18); each next has twice as many.
        align_corners: How bilinear upsampling between the branches places the pixels.

    Source:
        Wang et al. (2020), IEEE TPAMI 43(10):3349-3364, Section 3.3 and Fig. 4(b);
        Sun et al. (2019), arXiv:1904.04514, Section 3.
    """

    def __init__(self, classes: int, width: int = 48, *, align_corners: bool = False) -> None:
        super().__init__()
        if classes < 1 or width < 1:
            raise InputError(f"classes and width must be positive, got {classes} and {width}")
        self.align_corners = align_corners
        widths = [width * 2**branch for branch in range(4)]
        self.conv1, self.bn1 = conv_norm(3, 64, 3, stride=2)
        self.conv2, self.bn2 = conv_norm(64, 64, 3, stride=2)
        self.layer1 = nn.Sequential(
            Bottleneck(64, 64), *(Bottleneck(256, 64) for _ in range(BLOCKS - 1))
        )
        self.transition1 = transition([256], widths[:2])
        self.stage2 = self._stage(MODULES[0], widths[:2])
        self.transition2 = transition(widths[:2], widths[:3])
        self.stage3 = self._stage(MODULES[1], widths[:3])
        self.transition3 = transition(widths[:3], widths)
        self.stage4 = self._stage(MODULES[2], widths)
        self.last_layer = head(sum(widths), classes)

    def _stage(self, modules: int, widths: list[int]) -> nn.Sequential:
        return nn.Sequential(
            *(Exchange(widths, align_corners=self.align_corners) for _ in range(modules))
        )

    def forward(self, x: Float[Tensor, " b 3 h w"]) -> Float[Tensor, " b k h4 w4"]:
        """Return class scores at a quarter of the resolution (rounded up)."""
        scales = self.stage2(branch_off(self.transition1, [self._stem(x)]))
        scales = self.stage3(branch_off(self.transition2, scales))
        scales = self.stage4(branch_off(self.transition3, scales))
        return self._scores(scales)

    def _stem(self, x: Tensor) -> Tensor:
        """Lead an image to features at stride 4: the first stage, of one branch."""
        x = functional.relu_(self.bn1(self.conv1(x)))
        x = functional.relu_(self.bn2(self.conv2(x)))
        features: Tensor = self.layer1(x)
        return features

    def _scores(self, scales: list[Tensor]) -> Tensor:
        """Concatenate the branches at stride 4 and classify; no feature map is kept for long."""
        mix, norm, _, classify = self.last_layer
        finest = scales[0]
        x = torch.cat([resize(x, finest, align_corners=self.align_corners) for x in scales], 1)
        x = mix(x)
        x = functional.relu_(norm(x))
        scores: Tensor = classify(x)
        return scores


def transition(before: list[int], after: list[int]) -> nn.ModuleList:
    """Make the layers that lead into the next stage, which has one branch more.

    Args:
        before: Channels of the branches so far.
        after: Channels of the branches of the next stage.
    """
    kept = [
        nn.Identity() if inputs == outputs else conv_norm_relu(inputs, outputs)
        for inputs, outputs in zip(before, after, strict=False)
    ]
    added = nn.Sequential(conv_norm_relu(before[-1], after[-1], stride=2))
    return nn.ModuleList([*kept, added])


def branch_off(layers: nn.ModuleList, scales: list[Tensor]) -> list[Tensor]:
    """Lead all branches into the next stage; the new one starts from the coarsest."""
    kept = [layer(x) for layer, x in zip(layers, scales, strict=False)]
    return [*kept, layers[-1](scales[-1])]


def head(channels: int, classes: int) -> nn.Sequential:
    """Make the segmentation head: two 1x1 convolutions."""
    return nn.Sequential(
        nn.Conv2d(channels, channels, 1),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
        nn.Conv2d(channels, classes, 1),
    )
