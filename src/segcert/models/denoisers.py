"""Denoisers by name: those that come with segcert, weight files of ours, exported programs."""

from importlib.resources import files
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.export.passes import move_to_device_pass

from segcert.errors import InputError, ModelError
from segcert.models.checkpoints import (
    DenoiserDescription,
    fill,
    is_denoiser,
    read_denoiser_description,
    read_header,
)
from segcert.models.denoising import ResidualDenoiser
from segcert.models.exported import load_program as load_exported
from segcert.models.names import own_name


class ExportedDenoiser(nn.Module):
    """An exported program that maps images to images, with one clear error if it does not.

    Args:
        program: What ``torch.export.load(path).module()`` returns.
        name: How errors call it.
    """

    def __init__(self, program: nn.Module, name: str) -> None:
        super().__init__()
        self.program, self.name = program, name

    def forward(self, x: Float[Tensor, " b 3 h w"]) -> Float[Tensor, " b 3 h w"]:
        """Run the program.

        Raises:
            ModelError: If it refuses the shape, or returns anything but images of that shape.
        """
        try:
            found = self.program(x)
        except (RuntimeError, AssertionError) as error:
            reason = str(error).strip().splitlines() or [type(error).__name__]
            raise ModelError(
                f"denoiser {self.name} cannot take images of shape {tuple(x.shape)}: {reason[0]}; "
                "export it with dynamic batch, height and width"
            ) from error
        if not isinstance(found, Tensor) or found.shape != x.shape:
            shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise ModelError(
                f"denoiser {self.name} must return images of shape {tuple(x.shape)}, got {shape}"
            )
        return found


def shipped_denoisers() -> dict[str, Path]:
    """Names and files of the shipped denoisers."""
    folder = Path(str(files("segcert.models") / "weights"))
    paths = sorted(folder.glob("*.safetensors"))
    return {path.stem: path for path in paths if is_denoiser(read_header(path))}


def open_denoiser(name: str) -> tuple[nn.Module, str]:
    """Open a denoiser: from noisy images (b, 3, h, w), not clipped, to images of that shape.

    It is put onto the CUDA device, if there is one.

    Args:
        name: Name of a shipped denoiser, path of a ``.safetensors`` file that
            ``segcert train --task denoising`` wrote, or path of a ``.pt2`` exported program.

    Returns:
        The denoiser in eval mode, and how reports call it.

    Raises:
        InputError: If there is no such denoiser, or its file is unusable.
    """
    path = find_denoiser(name)
    called = path.stem if path == shipped_denoisers().get(name) else own_name(path.stem, path)
    if path.suffix == ".pt2":
        return load_program(path), called
    net, _ = load_denoiser(path)
    return net.to("cuda" if torch.cuda.is_available() else "cpu"), called


def load_denoiser(path: Path) -> tuple[nn.Module, DenoiserDescription]:
    """Read a denoiser of ours, in eval mode, and its description.

    Raises:
        InputError: If the file is missing, damaged, not ours, or holds something else.
    """
    description = read_denoiser_description(path)
    return fill(ResidualDenoiser(), path, description.architecture), description


def load_program(path: Path) -> nn.Module:
    """Read an exported program as safely as that of a model; see `exported.load_program`.

    Raises:
        InputError: If the file is missing, damaged or unsafe, or its program was exported in train
            mode.
    """
    if not path.is_file():
        raise InputError(f"denoiser {path} does not exist")
    program = load_exported(path)
    if trains(program):
        raise InputError(
            f"denoiser {path} was exported in train mode, in which batch norm mixes the draws of a "
            "batch: call eval() before torch.export.export"
        )
    if torch.cuda.is_available():
        program = move_to_device_pass(program, "cuda")
    net = ExportedDenoiser(program.module(), path.stem)
    for part in net.modules():  # eval() is not defined for programs
        part.training = False
    return net


def trains(program: torch.export.ExportedProgram) -> bool:
    """Say whether any operator of a program (batch norm, dropout) works as in training."""
    for node in program.graph.nodes:
        schema = getattr(node.target, "_schema", None)
        names = [argument.name for argument in schema.arguments] if schema else []
        given = dict(zip(names, node.args, strict=False)) | node.kwargs
        if given.get("training") is True or given.get("train") is True:
            return True
    return False


def find_denoiser(name: str) -> Path:
    """Find the file of a denoiser.

    Raises:
        InputError: If there is no such denoiser.
    """
    known = shipped_denoisers()
    if name in known:
        return known[name]
    if name.endswith((".safetensors", ".pt2")):
        return Path(name)
    raise InputError(
        f"unknown denoiser {name!r}: choose one of {', '.join(known) or '(none is shipped)'}, or "
        "give the path of a .safetensors file written by segcert train --task denoising, or of a "
        ".pt2 file written by torch.export.save"
    )
