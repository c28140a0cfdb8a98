"""What a model file cannot say about itself: a TOML file of the same name beside it."""

import math
import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from segcert.errors import InputError
from segcert.files import LONGEST_TEXT, read_regular
from segcert.models.resizing.normalisation import check_normalisation
from segcert.text import one_line

CHANNELS = 3  # images are RGB
READERS = (".pth", ".pt", ".ckpt", ".tar", ".pt2", ".onnx")  # models that have a sidecar

Byte = Annotated[int, Field(ge=0, le=255)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class Sidecar(BaseModel):
    """How a model file is to be used.

    Args:
        mean: Subtracted per channel after the noise, units of [0, 1]; empty for nothing.
        std: Divided by per channel after the noise, units of [0, 1].
        classes: Names of the classes, in the order of the scores.
        palette: One RGB colour per class.
        smallest_side: Smallest height and width, pixels, that the model can label.
        stochastic: Whether the model draws randomness of its own, fresh for each image of a batch
            and in each call.
        align_corners: Of a checkpoint; see the table of `segcert.models.nets.hrnet`.
        inplace_abn: Of a checkpoint; see there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mean: tuple[Finite, ...] = ()
    std: tuple[Annotated[Finite, Field(gt=0)], ...] = ()
    classes: tuple[str, ...] = Field(default=(), max_length=255)
    palette: tuple[tuple[Byte, Byte, Byte], ...] = ()
    smallest_side: int | None = Field(default=None, ge=1)
    stochastic: bool = False
    align_corners: bool = False
    inplace_abn: bool = False

    @field_validator("mean", "std")
    @classmethod
    def one_per_channel(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        """Refuse another number of values than channels."""
        if len(values) not in (0, CHANNELS):
            raise ValueError(f"needs {CHANNELS} values (red, green, blue), got {len(values)}")
        return values

    @model_validator(mode="after")
    def fits_together(self) -> "Sidecar":
        """Refuse a mean without standard deviation, and colours that are not one per class."""
        if len(self.mean) != len(self.std):
            raise ValueError("mean and std go together: give both or none")
        try:
            check_normalisation(self.mean, self.std)
        except InputError as error:
            raise ValueError(str(error)) from error
        if len(self.classes) == 1:
            raise ValueError("classes needs two names or more: one alone is never another")
        if self.palette and len(self.palette) != len(self.classes):
            raise ValueError(f"{len(self.classes)} classes, {len(self.palette)} colours")
        return self

    def refuse(self, names: tuple[str, ...], path: Path, why: str) -> None:
        """Refuse settings that a kind of model does not have.

        Raises:
            InputError: If one of them is given.
        """
        for name in names:
            if name in self.model_fields_set:
                raise InputError(f"{sidecar_path(path)}: {name} {why}: take it out")


def sidecar_path(model: Path) -> Path:
    """Where the sidecar of a model file is: ``net.toml`` beside ``net.onnx``."""
    whole = model.with_suffix("") if model.name.endswith(".pth.tar") else model
    return whole.with_suffix(".toml")


def read_sidecar(model: Path) -> Sidecar:
    """Read the sidecar of a model file; without one, all defaults.

    Raises:
        InputError: If it is no TOML, or breaks a rule.
    """
    path = sidecar_path(model)
    if not path.exists():
        return Sidecar()
    content = read_regular(path, what="sidecar", most=LONGEST_TEXT)
    try:
        return Sidecar.model_validate(tomllib.loads(content.decode("utf-8")))
    except ValidationError as error:
        raise InputError(f"{path}: {first_line(error)}") from error
    except (ValueError, RecursionError) as error:  # tomllib's errors and those of UTF-8
        raise InputError(f"{path} is no TOML file: {one_line(error)}") from error


def check_no_sidecar(model: Path) -> None:
    """Refuse a sidecar of a model that brings all of it along, so that none is passed over.

    A file that says nothing a sidecar could say, or is that of another model of this name, may be
    there.

    Raises:
        InputError: If there is one.
    """
    path = sidecar_path(model)
    others = (model.with_suffix(suffix) for suffix in READERS if suffix != model.suffix)
    if not path.is_file() or any(other.is_file() for other in others):
        return
    try:
        said = set(tomllib.loads(path.read_text(encoding="utf-8"))) & set(Sidecar.model_fields)
    except ValueError:
        return
    if said:
        raise InputError(
            f"{path}: {', '.join(sorted(said))} is not read: {model.name} brings what it needs "
            "with it; take the file away"
        )


def first_line(error: ValidationError) -> str:
    """Say the first thing that is wrong, and how many more there are."""
    first, more = error.errors(include_url=False)[0], error.error_count() - 1
    where = ".".join(str(part) for part in first["loc"])
    text = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        text = f"is unknown: known are {', '.join(Sidecar.model_fields)}"
    return f"{where} {text}".strip() + (f" (and {more} more)" if more else "")


def shown(values: tuple[float, ...]) -> str:
    """Print a mean or standard deviation."""
    return ", ".join(f"{value:.6g}" for value in values if math.isfinite(value)) or "none"
