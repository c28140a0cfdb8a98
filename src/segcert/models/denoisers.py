"""Denoisers that stand between the noise and a model: any image-to-image module."""

from pathlib import Path

import torch
from torch import nn

from segcert.errors import InputError


class Exported(nn.Module):
    """A program of ``torch.export``, as a module in eval mode."""

    def __init__(self, program: torch.export.ExportedProgram) -> None:
        super().__init__()
        self.graph = program.module()
        self.training = False
        for part in self.graph.modules():  # exported programs refuse .eval(); their mode is fixed
            part.training = False

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """Denoise a batch (b, 3, h, w)."""
        denoised: torch.Tensor = self.graph(batch)
        return denoised


def open_denoiser(name: str) -> tuple[nn.Module, str]:
    """Open a denoiser, from a float batch (b, 3, h, w) in [0, 1] plus noise to one of that shape.

    Args:
        name: Path of a ``.pt2`` file that ``torch.export.save`` wrote.

    Returns:
        The module in eval mode, and how certificates call it.

    Raises:
        InputError: If there is no such denoiser, or its file is unusable.
    """
    path = Path(name)
    if path.suffix != ".pt2":
        raise InputError(f"unknown denoiser {name!r}: give a .pt2 file of torch.export.save")
    if not path.is_file():
        raise InputError(f"no denoiser at {path}: give a .pt2 file of torch.export.save")
    try:
        program = torch.export.load(path)
    except Exception as error:  # the reader of archives raises anything on damaged bytes
        raise InputError(f"denoiser {path} cannot be read: {type(error).__name__}") from error
    return Exported(program), path.stem.replace("+", "-")
