"""Programs that ``torch.export.save`` wrote (``.pt2``)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from pydantic import ValidationError
from torch import Tensor

from segcert.errors import InputError, ModelError
from segcert.models.confined.chunks import check_image_shape, in_chunks
from segcert.models.confined.exported_loading import ProgramFacts, Side, Taken
from segcert.models.confined.process import open_program
from segcert.models.files.exported_files import clean_archive
from segcert.models.files.exported_guards import Guards
from segcert.models.files.foreign import ForeignModel, settings_of
from segcert.models.files.layouts import with_layout
from segcert.models.files.sidecar import Told, read_sidecar
from segcert.models.identity.file_hashes import hash_model
from segcert.models.resizing.conventions import ORDERS
from segcert.models.resizing.refused import refused
from segcert.text import reason

KIND = "exported program"


@dataclass(frozen=True, eq=False)
class Program:
    """An exported program, called only with inputs for which it was made.

    Args:
        call: The program.
        name: For errors.
        inputs: What it takes.
        guards: What it takes for granted about their sizes.
        classes: Number of classes that it scores; None if it returns labels or leaves it open.
        device: Where its weights are.
        trains: Whether an operator of it (batch norm, dropout) works as in training.
        sha256: Hash of its file.
    """

    call: Callable[..., Tensor]
    name: str
    inputs: tuple[Taken, ...]
    guards: Guards
    classes: int | None
    device: torch.device
    trains: bool
    sha256: str

    def __call__(self, *given: Tensor) -> Tensor:
        """Call it; on the program's device, handed back on that of the first input.

        Raises:
            ModelError: If the inputs are not of the sizes for which it was made.
        """
        self.check_sizes([tuple(one.shape) for one in given])
        moved = [
            taken.laid_out(one.to(self.device))
            for taken, one in zip(self.inputs, given, strict=True)
        ]
        try:
            return self.call(*moved).to(given[0].device)
        except ModelError as error:
            reason = str(error).removeprefix(f"model {self.name}: ")
            raise ModelError(refused(self.name, tuple(given[0].shape), reason)) from error

    def check_sizes(self, shapes: Sequence[tuple[int, ...]]) -> None:
        """Refuse sizes that the program was not made for: there it would be another network.

        Raises:
            ModelError: With the first condition that does not hold.
        """
        wrong, seen = self.guards.broken(shapes), dict[str, int]()
        for taken, shape in zip(self.inputs, shapes, strict=True):
            for axis, (side, size) in enumerate(zip(taken.sides, shape, strict=True)):
                if not side.takes(size):
                    wrong = wrong or f"axis {axis} must be {side.words()}"
                if side.name and seen.setdefault(side.name, size) != size:
                    wrong = wrong or f"axis {axis} must be {seen[side.name]}"
        if wrong:
            sizes = " and ".join("x".join(map(str, shape)) for shape in shapes)
            raise ModelError(
                f"model {self.name} was exported on a condition that inputs of {sizes} (after "
                f"--scale) break: {wrong}. It would be another network: give a size that meets it "
                "(--scale WIDTHxHEIGHT, or --pad 32 for multiples), or export it again for this one"
            )


@dataclass(frozen=True, eq=False)
class ImageProgram:
    """An exported program of images, for any number of them.

    Args:
        program: The program.
        layout: Order of the axes that it takes.
    """

    program: Program
    layout: str = "nchw"

    def __call__(self, batch: Float[Tensor, " b c h w"]) -> Tensor:
        """Score a batch.

        Raises:
            ModelError: If the images have a size that it does not take.
        """
        taken = self.program.inputs[0].shape
        check_image_shape(self.program.name, taken[1:], batch.shape[1:], layout=self.layout)
        return in_chunks(self.program, batch, taken[0])


def open_exported(path: Path, told: Told = ()) -> ForeignModel:
    """Open a ``.pt2`` file.

    Args:
        path: Of the file.
        told: Settings that come before those of its sidecar.

    Raises:
        InputError: If it is damaged, could run code, or does not take one batch of images.
    """
    sidecar = read_sidecar(path).with_told(told, path)
    sidecar.refuse(("align_corners", "inplace_abn"), path, "is part of an exported program")
    program = image_program(path, sidecar.output_name)
    convention = with_layout(sidecar, program.inputs[0].shape)
    mean, std = sidecar.normalisation
    scored = None if convention.head or convention.output_layout == "nhwc" else program.classes
    return ForeignModel(
        ImageProgram(program, convention.layout), path.stem,
        hash_model(KIND, [program.sha256], settings_of(convention, mean, std)),
        mean, std, smallest_side=sidecar.smallest_side or 1,
        class_names=sidecar.classes, palette=sidecar.palette,
        classes=sidecar.declared or scored, stochastic=sidecar.stochastic,
        convention=convention, assumed=sidecar.assumed,
        sizes=sizes_taken(program, convention.layout),
    )  # fmt: skip


def image_program(path: Path, output_name: str = "") -> Program:
    """Load a program that takes one batch of images.

    Raises:
        InputError: As `load_program`, or if it takes something else.
    """
    program = load_program(path, output_name)
    if len(program.inputs) != 1 or len(program.inputs[0].sides) != 4:
        raise InputError(f"model {path} must take one batch of images (b, 3, h, w), nothing else")
    return program


def sizes_taken(program: Program, layout: str) -> str:
    """Say which images a program takes: batch, channels, height and width."""
    sides = program.inputs[0].sides
    names = ("batch", "channels", "height", "width")
    words = [
        f"{name} {side.least if side.fixed is not None else side.words()}"
        for name, side in zip(names, (sides[axis] for axis in ORDERS[layout]), strict=True)
        if side != Side(name=side.name)
    ]
    return ", ".join(words)


def load_program(path: Path, output_name: str = "") -> Program:
    """Load what is safe in a file; it runs in a confined process, where there is one.

    Args:
        path: Of the file.
        output_name: Which of several outputs counts; empty for the usual one.

    Raises:
        InputError: If it cannot be loaded, or holds what is not known to be safe.
    """
    cleaned = clean_archive(path)
    try:
        opened = open_program("exported", cleaned.archive, name=path.stem, output=output_name)
        facts = ProgramFacts.model_validate(opened.facts)
    except (ModelError, ValidationError) as error:
        raise InputError(
            f"model {path} cannot be loaded with torch {torch.__version__} "
            f"({reason(error)}): export it again with this version"
        ) from error
    if len(facts.inputs) != len(cleaned.guards.names):
        raise InputError(f"model {path} takes what is no tensor: export it for tensors only")
    return Program(
        opened.call, path.stem, facts.inputs, cleaned.guards, facts.classes,
        torch.device(opened.device), facts.trains, cleaned.sha256,
    )  # fmt: skip
