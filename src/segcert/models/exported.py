"""Programs that ``torch.export.save`` wrote (``.pt2``)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from segcert.errors import InputError
from segcert.models.adapter import Model, Segmenter
from segcert.models.chunks import (
    Dimension,
    check_channels_first,
    check_image_shape,
    in_chunks,
    only_tensor,
)
from segcert.models.exported_files import clean_archive
from segcert.models.file_hashes import hash_model
from segcert.models.sidecar import read_sidecar
from segcert.models.wrapping import as_segmenter, from_files

KIND = "exported program"


@dataclass(frozen=True, eq=False)
class Program:
    """An exported program as a plain function.

    Args:
        call: The program.
        name: For errors.
        taken: Batch, channels, height and width that it takes; None is any.
        device: Where its weights are.
        dtype: Of its input.
    """

    call: Model
    name: str
    taken: tuple[Dimension, ...]
    device: torch.device
    dtype: torch.dtype

    def __call__(self, batch: Float[Tensor, " b c h w"]) -> Tensor:
        """Score a batch; on the program's device, handed back on the batch's.

        Raises:
            ModelError: If the images have a size that it does not take.
        """
        check_image_shape(self.name, self.taken[1:], batch.shape[1:])
        moved = batch.to(self.device, self.dtype)
        return in_chunks(self._one, moved, self.taken[0]).to(batch.device)

    def _one(self, chunk: Tensor) -> Tensor:
        return only_tensor(self.name, self.call(chunk))


def open_exported(path: Path) -> Segmenter:
    """Open a ``.pt2`` file.

    Raises:
        InputError: If it is damaged, could run code, or does not take one batch of images.
    """
    sidecar = read_sidecar(path)
    sidecar.refuse(("align_corners", "inplace_abn"), path, "is part of an exported program")
    exported = load_program(path)
    node = image_input(exported, path)
    if torch.cuda.is_available():
        from torch.export.passes import move_to_device_pass

        exported = move_to_device_pass(exported, "cuda")
    program = Program(
        exported.module(check_guards=False), path.stem, tuple(map(fixed, node.shape)),
        torch.device("cuda" if torch.cuda.is_available() else "cpu"), node.dtype,
    )  # fmt: skip
    segmenter = as_segmenter(
        program, mean=sidecar.mean, std=sidecar.std,
        smallest_side=sidecar.smallest_side or 1, class_names=sidecar.classes,
        palette=sidecar.palette, name=path.stem, stochastic=sidecar.stochastic,
        classes=len(sidecar.classes) or scored_classes(exported),
    )  # fmt: skip
    settings = {"mean": sidecar.mean, "std": sidecar.std}
    return from_files(segmenter, hash_model(KIND, [path], settings))


def load_program(path: Path) -> torch.export.ExportedProgram:
    """Load what is safe in a file.

    Raises:
        InputError: If it cannot be loaded.
    """
    cleaned = clean_archive(path)
    try:
        return torch.export.load(cleaned)
    except Exception as error:  # damaged programs fail in every way
        reason = f"{type(error).__name__} {str(error).strip()[:120]}"
        raise InputError(
            f"model {path} cannot be loaded with torch {torch.__version__} ({reason}): export it "
            "again with this version"
        ) from error


def image_input(program: torch.export.ExportedProgram, path: Path) -> Tensor:
    """Find the one input of a program, as an example without numbers.

    Raises:
        InputError: If there are several, or it is no batch of images.
    """
    names = program.graph_signature.user_inputs
    found = [
        n.meta["val"] for n in program.graph.nodes if n.op == "placeholder" and n.name in names
    ]
    if len(found) != 1 or not isinstance(found[0], Tensor) or found[0].ndim != 4:
        raise InputError(f"model {path} must take one batch of images (b, 3, h, w), nothing else")
    check_channels_first(path, [fixed(size) for size in found[0].shape])
    return found[0]


def scored_classes(program: torch.export.ExportedProgram) -> int | None:
    """Read the number of classes off the output; None if it returns labels or leaves it open."""
    output = next(node for node in program.graph.nodes if node.op == "output")
    first = output.args[0][0].meta.get("val") if len(output.args[0]) == 1 else None
    if not isinstance(first, Tensor) or first.ndim != 4 or not first.is_floating_point():
        return None
    return fixed(first.shape[1])


def fixed(size: Any) -> Dimension:
    """A size that is fixed, or None."""
    return size if isinstance(size, int) else None
