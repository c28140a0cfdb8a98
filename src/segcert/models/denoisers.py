"""Denoisers by name: those that come with segcert, weight files of ours, exported programs."""

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from segcert.errors import InputError, ModelError
from segcert.files import check_regular
from segcert.models.adapter import Denoiser
from segcert.models.files.checkpoints import (
    DenoiserDescription,
    WeightFile,
    denoiser_description_in,
    fill,
    is_denoiser,
    read_header,
    read_weight_file,
)
from segcert.models.files.exported import Program, image_program
from segcert.models.identity.file_hashes import hash_model
from segcert.models.identity.names import own_name, shipped_files
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
    known = shipped_files().items()
    return {name: path for name, path in known if is_denoiser(read_header(path))}


@dataclass(frozen=True, eq=False)
class OpenDenoiser:
    """A denoiser that was opened.

    Args:
        call: A module in eval mode, or a program.
        name: How reports call it.
        sha256: Hash of its file.
    """

    call: Denoiser
    name: str
    sha256: str


def open_denoiser(name: str) -> OpenDenoiser:
    """Open a denoiser: from noisy images (b, 3, h, w), not clipped, to images of that shape.

    It is put onto the CUDA device, if there is one.

    Args:
        name: Name of a shipped denoiser, path of a ``.safetensors`` file that
            ``segcert train --task denoising`` wrote, or path of a ``.pt2`` exported program.

    Raises:
        InputError: If there is no such denoiser, or its file is unusable.
    """
    path = find(name)
    called = path.stem if path == shipped_files().get(name) else own_name(path.stem, path)
    if path.suffix == ".pt2":
        exported = load_program(path)
        return OpenDenoiser(exported, called, exported.program.sha256)
    file = read_weight_file(path)
    if name in shipped_files() and not is_denoiser(file.header):
        raise unknown(name)
    net, _ = denoiser_in(file)
    net.to("cuda" if torch.cuda.is_available() else "cpu")
    return OpenDenoiser(net, called, file.sha256)


def load_denoiser(path: Path) -> tuple[nn.Module, DenoiserDescription]:
    """Read a denoiser of ours, in eval mode, and its description.

    Raises:
        InputError: If the file is missing, damaged, not ours, or holds something else.
    """
    return denoiser_in(read_weight_file(path))


def denoiser_in(file: WeightFile) -> tuple[nn.Module, DenoiserDescription]:
    """Make the denoiser of a weight file; see `load_denoiser`."""
    description = denoiser_description_in(file.header, file.path)
    return fill(ResidualDenoiser(), file, description.architecture), description


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
    return ExportedDenoiser(hash_model(KIND, [program.sha256], {}), program, path.stem)


def find(name: str) -> Path:
    """Where a denoiser would be; what the file holds is not looked at.

    Raises:
        InputError: If the name is neither that of shipped weights nor a path.
    """
    if name in shipped_files():
        return shipped_files()[name]
    if name.endswith((".safetensors", ".pt2")):
        return Path(name)
    raise unknown(name)


def unknown(name: str) -> InputError:
    """Make the error about a name that no denoiser has."""
    known = ", ".join(shipped_denoisers()) or "(none is shipped)"
    return InputError(
        f"unknown denoiser {name!r}: choose one of {known}, or "
        "give the path of a .safetensors file written by segcert train --task denoising, or of a "
        ".pt2 file written by torch.export.save"
    )
