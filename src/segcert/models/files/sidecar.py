"""What a model file cannot say about itself: a TOML file of the same name beside it."""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from segcert.errors import InputError
from segcert.files import LONGEST_TEXT, read_regular
from segcert.models.resizing.conventions import (
    ALONE,
    ENTRIES,
    Channels,
    Convention,
    Layout,
    Returns,
)
from segcert.models.resizing.normalisation import check_normalisation
from segcert.models.resizing.outputs import MOST_CLASSES
from segcert.text import one_line

CHANNELS = 3  # images are RGB
READERS = (".pth", ".pt", ".ckpt", ".tar", ".pt2", ".onnx", ".py")  # models that have a sidecar

ORDERS = {
    "rgb": "red, green, blue", "bgr": "blue, green, red", "grey": "grey",
    "rgba": "red, green, blue, the fourth", "bgra": "blue, green, red, the fourth",
}  # fmt: skip
Told = tuple[tuple[str, Any], ...]  # settings by name, as the command line gives them
LAYOUTS = ("layout", "output_layout")

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
        class_count: Number of classes, of a model that returns labels and has no names for them.
        channels: Which channels the network takes; see `resizing.conventions`, as of the next ones.
        layout: Order of the axes that it takes.
        output_layout: Order of the axes of its scores.
        input_range: Its values of black and white; mean and std are in these units.
        output_name: Key or number of the output that counts.
        returns: Whether its floating-point numbers are scores or labels.
        binary: Whether it has one channel, compared with a threshold.
        threshold: Of that, in units of the output; 0 by default, which is that of logits.
        regions: Thresholds of channels that overlap.
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
    class_count: int | None = Field(default=None, ge=2, le=MOST_CLASSES)
    channels: Channels = "rgb"
    layout: Layout = "nchw"
    output_layout: Layout = "nchw"
    input_range: tuple[Finite, Finite] = (0.0, 1.0)
    output_name: str = Field(default="", max_length=200)
    returns: Returns = "scores"
    binary: bool = False
    threshold: Finite = 0.0
    regions: tuple[Finite, ...] = Field(default=(), max_length=254)
    align_corners: bool = False
    inplace_abn: bool = False

    @field_validator("mean", "std")
    @classmethod
    def one_per_channel(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        """Refuse a number of values that no image has."""
        if len(values) not in (0, 1, CHANNELS, 4):
            raise ValueError(f"needs {CHANNELS} values (red, green, blue), got {len(values)}")
        return values

    @model_validator(mode="after")
    def fits_together(self) -> "Sidecar":
        """Refuse a mean without standard deviation, and colours that are not one per class."""
        if len(self.mean) != len(self.std):
            raise ValueError("mean and std go together: give both or none")
        wanted = ENTRIES[self.channels]
        if len(self.mean) not in (0, wanted):
            raise ValueError(
                f"mean needs {wanted} values ({ORDERS[self.channels]}), got {len(self.mean)}"
            )
        try:
            check_normalisation(*self.normalisation)
        except InputError as error:
            raise ValueError(str(error)) from error
        if self.class_count is not None and len(self.classes) not in (0, self.class_count):
            raise ValueError(f"{len(self.classes)} classes, class_count is {self.class_count}")
        if "threshold" in self.model_fields_set and not self.binary:
            raise ValueError(ALONE)
        wanted_classes = self.convention.classes
        if wanted_classes is not None and wanted_classes != self.declared:
            raise ValueError(
                f"{self.declared} classes, and there are {wanted_classes}: the background, which "
                "comes first, and one for each channel"
            )
        if len(self.classes) == 1:
            raise ValueError("classes needs two names or more: one alone is never another")
        if self.palette and len(self.palette) != len(self.classes):
            raise ValueError(f"{len(self.classes)} classes, {len(self.palette)} colours")
        return self

    @property
    def convention(self) -> Convention:
        """What the network takes and returns.

        Raises:
            InputError: If two of the settings contradict each other.
        """
        own = {field.name for field in fields(Convention)}
        return Convention(**{name: getattr(self, name) for name in own})

    @property
    def normalisation(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and std of inputs in [0, 1], red first.

        Raises:
            InputError: If they are not in the units of ``input_range``.
        """
        return self.convention.normalisation(self.mean, self.std)

    @property
    def declared(self) -> int | None:
        """Number of classes, if it is said."""
        return len(self.classes) or self.class_count or self.convention.classes

    @property
    def assumed(self) -> bool:
        """Whether the head is binary, and its threshold the usual one as none was said."""
        return self.binary and "threshold" not in self.model_fields_set

    @property
    def said(self) -> dict[str, Any]:
        """What is said, by name."""
        return self.model_dump(exclude_unset=True)

    def with_told(self, told: Told, path: Path) -> "Sidecar":
        """The same with what the command line says, which comes first.

        Raises:
            InputError: If both do not go together.
        """
        return parsed(self.said | dict(told), f"model {path}") if told else self

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
        settings = tomllib.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # tomllib's errors and those of UTF-8
        raise InputError(f"{path} is no TOML file: {one_line(error)}") from error
    return parsed(settings, str(path))


def parsed(settings: Mapping[str, Any], where: str) -> Sidecar:
    """Check settings.

    Args:
        settings: By name.
        where: They are said, for errors.

    Raises:
        InputError: If one breaks a rule.
    """
    try:
        return Sidecar.model_validate(settings)
    except ValidationError as error:
        raise InputError(f"{where}: {first_line(error)}") from error


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
