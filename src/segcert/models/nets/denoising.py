"""A small residual denoiser: it makes a noisy photograph fit for a network that never saw noise."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from segcert.models.nets.depthwise import Block, Halve, conv, resize

STRIDE = 16  # coarsest feature map; sides are padded to its multiples


class ResidualDenoiser(nn.Module):
    """Predict the noise of an image at several scales, and subtract it.

    The image is folded to half its resolution (2x2 pixels become channels), so that nothing is
    computed at full resolution. The last layer sees the folded image beside the features, so that
    these need not carry the noise. A fresh network returns its input: its last layer is 0.

    Args:
        width: Channels at strides 2, 4, 8 and 16.
        depth: Residual blocks at strides 2, 4, 8 and 16.

    Source:
        Zhang, Zuo, Chen, Meng, Zhang (2017), IEEE TIP, section III (residual learning with
        batch norm); Salman et al. (2020), NeurIPS (a denoiser before a classifier).
    """

    def __init__(
        self,
        *,
        width: tuple[int, int, int, int] = (24, 48, 96, 128),
        depth: tuple[int, int, int, int] = (0, 2, 4, 6),
    ) -> None:
        super().__init__()
        self.stem = conv(12, width[0], 3)
        self.down = nn.ModuleList(
            Halve(width[level - 1], width[level]) if level else nn.Identity() for level in range(4)
        )
        self.encode = nn.ModuleList(
            nn.Sequential(*(Block(channels) for _ in range(blocks)))
            for channels, blocks in zip(width, depth, strict=True)
        )
        self.reduce = nn.ModuleList(conv(width[level + 1], width[level]) for level in range(3))
        self.refine = nn.ModuleList(Block(width[level]) for level in range(3))
        self.noise = nn.Conv2d(width[0] + 12, 12, 3, padding=1)
        for weight in self.noise.parameters():
            nn.init.zeros_(weight)

    def forward(self, x: Float[Tensor, " b 3 h w"]) -> Float[Tensor, " b 3 h w"]:
        """Return the images without the noise that the network sees in them.

        Args:
            x: Images in [0, 1] plus noise, not clipped.
        """
        height, width = x.shape[-2:]
        padded = functional.pad(x, (0, -width % STRIDE, 0, -height % STRIDE), mode="replicate")
        folded = functional.pixel_unshuffle(2 * padded - 1, 2)
        folded = folded.contiguous(memory_format=torch.channels_last)
        features = functional.relu(self.stem(folded))
        scales = []
        for down, encode in zip(self.down, self.encode, strict=True):
            features = encode(down(features))
            scales.append(features)
        for level in (2, 1, 0):
            coarse = resize(self.reduce[level](features), scales[level])
            features = self.refine[level](functional.relu(coarse + scales[level]))
        noise = functional.pixel_shuffle(self.noise(torch.cat([features, folded], 1)), 2)
        return x - noise[..., :height, :width]
