"""Denoisers by name: those that come with segcert, weight files of ours, exported programs."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from segcert.errors import InputError, ModelError
from segcert.files import check_regular
from segcert.models.adapter import Denoiser
from segcert.models.files.checkpoints import (
    DenoiserDescription,
    fill,
    is_denoiser,
    read_denoiser_description,
    read_header,
)
from segcert.models.files.exported import Program, image_program
from segcert.models.identity.file_hashes import hash_model
from segcert.models.identity.names import own_name
from segcert.models.identity.weights_hash import OfFile
from segcert.models.nets.denoising import ResidualDenoiser

KIND = "denoising program"


@dataclass(frozen=True, eq=False)
class ExportedDenoiser(OfFile):
    """An exported program that maps images to images, with one clear error if it does not.

    Args:
        program: The program.
        name: How errors call it.
    """

    program: Program
    name: str

    def __call__(self, x: Float[Tensor, " b 3 h w"]) -> Float[Tensor, " b 3 h w"]:
        """Run the program.

        Raises:
            ModelError: If it refuses the shape, or returns anything but images of that shape.
        """
        try:
            found = self.program(x)
        except (ModelError, RuntimeError, AssertionError) as error:
            reason = str(error).strip().splitlines() or [type(error).__name__]
            raise ModelError(
                f"denoiser {self.name} cannot take images of shape {tuple(x.shape)}: {reason[0]}; "
                "export it with dynamic batch, height and width"
            ) from error
        if found.shape != x.shape:
            raise ModelError(
                f"denoiser {self.name} must return images of shape {tuple(x.shape)}, got "
                f"{tuple(found.shape)}"
            )
        return found


def shipped_denoisers() -> dict[str, Path]:
    """Names and files of the shipped denoisers."""
    folder = Path(str(files("segcert.models") / "weights"))
    paths = sorted(folder.glob("*.safetensors"))
    return {path.stem: path for path in paths if is_denoiser(read_header(path))}


def open_denoiser(name: str) -> tuple[Denoiser, str]:
    """Open a denoiser: from noisy images (b, 3, h, w), not clipped, to images of that shape.

    It is put onto the CUDA device, if there is one.

    Args:
        name: Name of a shipped denoiser, path of a ``.safetensors`` file that
            ``segcert train --task denoising`` wrote, or path of a ``.pt2`` exported program.

    Returns:
        The denoiser, a module in eval mode or a program, and how reports call it.

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


def load_program(path: Path) -> ExportedDenoiser:
    """Read an exported program as safely as that of a model; see `exported.load_program`.

    Raises:
        InputError: If the file is missing, damaged or unsafe, or its program was exported in train
            mode.
    """
    check_regular(path, what="denoiser")
    program = image_program(path)
    if program.trains:
        raise InputError(
            f"denoiser {path} was exported in train mode, in which batch norm mixes the draws of a "
            "batch: call eval() before torch.export.export"
        )
    return ExportedDenoiser(hash_model(KIND, [path], {}), program, path.stem)


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
