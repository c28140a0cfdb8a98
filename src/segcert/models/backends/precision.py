"""Networks in 16 bits: PyTorch's autocast, which keeps in 32 bits what needs them."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from segcert.models.resizing.outputs import tensor_of

Half = Literal["bf16", "fp16"]
TYPES: dict[str, torch.dtype] = {"bf16": torch.bfloat16, "fp16": torch.float16}


class Autocast(nn.Module):
    """A network whose convolutions and products are computed in 16 bits.

    Its scores come out in float32, so that resizing and softmax lose nothing more. It is another
    network than the one in float32: a certificate is about this one.

    Args:
        net: The network.
        precision: "bf16" (8 bits of mantissa, all exponents) or "fp16" (11 bits, up to 65504).
        name: For errors.

    Source:
        Micikevicius et al. (2018), Mixed precision training, section 3, for what stays in 32 bits.
    """

    def __init__(self, net: nn.Module, precision: Half, *, name: str) -> None:
        super().__init__()
        self.net = net
        self.dtype = TYPES[precision]
        self.name = name
        self.train(net.training)

    def forward(self, batch: Float[Tensor, " b c h w"]) -> Tensor:
        """Score or label a batch."""
        with torch.autocast(batch.device.type, dtype=self.dtype):
            found = tensor_of(self.net(batch), batch=len(batch), name=self.name)
        return found.float() if found.is_floating_point() else found
