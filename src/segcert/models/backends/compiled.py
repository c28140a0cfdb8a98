"""Networks compiled by ``torch.compile``."""

import os
import shutil
import sys
import warnings

import torch
from jaxtyping import Float
from torch import Tensor, nn

from segcert.errors import InputError, ModelError
from segcert.models.resizing.outputs import tensor_of
from segcert.text import reason

COMPILERS = ("g++", "clang++", "c++")


class Compiled(nn.Module):
    """A network, and what ``torch.compile`` makes of it.

    The first batch of each size is compiled, which takes up to minutes; sizes that vary, as those
    of the last batch, are compiled once more for any size.

    Args:
        net: The network.
        name: For errors.
    """

    def __init__(self, net: nn.Module, *, name: str) -> None:
        super().__init__()
        self.net = net
        self.name = name
        self.train(net.training)
        self._call = torch.compile(net)

    def forward(self, batch: Float[Tensor, " b c h w"]) -> Tensor:
        """Score or label a batch.

        Raises:
            ModelError: If it cannot be compiled.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the compiler, about itself
                found = self._call(batch)
        except torch._dynamo.exc.TorchDynamoException as error:
            why = reason(error)
            raise ModelError(
                f"model {self.name} cannot be compiled ({why}): use --backend torch"
            ) from error
        return tensor_of(found, batch=len(batch), name=self.name)


def compiled(net: nn.Module, *, name: str) -> Compiled:
    """Compile a network.

    Raises:
        InputError: If the network is on a CPU and there is no C++ compiler.
    """
    on_cuda = any(weight.is_cuda for weight in net.parameters())
    if not on_cuda and not has_compiler():
        raise InputError(
            "--backend compile needs a C++ compiler, and this machine has none "
            f"({', '.join(COMPILERS)}, or the one that CXX names): install one, or use "
            "--backend torch"
        )
    return Compiled(net, name=name)


def has_compiler() -> bool:
    """Tell whether there is a C++ compiler."""
    named = os.environ.get("CXX")
    candidates = (named,) if named else COMPILERS
    return sys.platform == "win32" or any(shutil.which(one) for one in candidates)
