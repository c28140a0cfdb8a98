"""Weight files: safetensors with a description of the network and how it was made."""

import json
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Annotated, Any, Literal, TypeVar, get_args

import safetensors
import safetensors.torch
import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from torch import Tensor, nn

from segcert.errors import InputError
from segcert.files import LONGEST_FILE, atomic_write, check_regular, check_writable, read_regular
from segcert.models.identity.file_hashes import hash_bytes
from segcert.models.nets.architectures import Architecture, build
from segcert.models.nets.depthwise import channels_last
from segcert.models.nets.point_architectures import PointArchitecture, build_points

KEY = "segcert"  # of the description in the header of the file
VERSION = 1  # of the description
LONGEST_LINE = 200  # of what PyTorch says of one weight, which names both shapes

Byte = Annotated[int, Field(ge=0, le=255)]
Kind = TypeVar("Kind", bound="Origin")


class Origin(BaseModel):
    """How weights were made: what all weight files say.

    Args:
        sigma: Noise it was trained with, input units.
        data: Data set it was trained on.
        licence: Licence of the weights.
        image_height: Height of the images it was trained on, pixels; 0 if unknown.
        training: The recipe and its result, for people.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sigma: float = Field(ge=0, allow_inf_nan=False)
    data: str
    licence: str
    image_height: int = Field(default=0, ge=0)
    training: dict[str, str | float | int]


class Labels(Origin):
    """What networks that label say about their classes.

    Args:
        classes: Names of the classes, in the order of the scores.
        palette: One RGB colour per class.
    """

    classes: tuple[str, ...] = Field(min_length=1, max_length=255)
    palette: tuple[tuple[Byte, Byte, Byte], ...]

    @model_validator(mode="after")
    def one_colour_per_class(self) -> "Labels":
        """Refuse a palette of another length."""
        if len(self.palette) != len(self.classes):
            raise ValueError(f"{len(self.classes)} classes, {len(self.palette)} colours")
        return self


class Description(Labels):
    """What the weight file of a segmentation network says about itself.

    Args:
        architecture: Name of the network.
    """

    architecture: Architecture = "depthwise"


class PointDescription(Labels):
    """What the weight file of a network of clouds says about itself.

    Args:
        architecture: Name of the network.
        columns: 3 for coordinates, 6 with normals.
        categories: Names of the categories that the network is told, in the order of their numbers.
    """

    architecture: PointArchitecture
    columns: Literal[3, 6]
    categories: tuple[str, ...]


class DenoiserDescription(Origin):
    """What the weight file of a denoiser says about itself.

    Args:
        architecture: Tells it from segmentation networks.
        trained_for: The classifier that its loss listened to; empty for the squared error alone.
    """

    architecture: Literal["denoiser"] = "denoiser"
    trained_for: str = ""


@dataclass(frozen=True, eq=False)
class WeightFile:
    """A weight file that was read once: header, tensors and hash are of the same bytes.

    Args:
        path: For errors.
        header: What it says about itself, unchecked.
        tensors: By name.
        sha256: Of the whole file.
    """

    path: Path
    header: dict[str, Any]
    tensors: dict[str, Tensor]
    sha256: str


def check_weight_file(path: Path) -> None:
    """Refuse, before training, a path at which weights could not be saved or found again.

    Raises:
        InputError: If it does not end in .safetensors.
        OSError: If it cannot be written.
    """
    if path.suffix != ".safetensors":
        raise InputError(f"weights are written to a .safetensors file, got {path}")
    check_writable(path)


def save_weights(path: Path, net: nn.Module, description: Origin) -> None:
    """Write a network and its description, atomically."""
    state = {name: tensor.detach().contiguous() for name, tensor in net.state_dict().items()}
    header = {"version": VERSION} | description.model_dump(mode="json")
    data = safetensors.torch.save(state, {KEY: json.dumps(header)})
    with atomic_write(path) as file:
        file.write(data)


def load_weights(path: Path) -> tuple[nn.Module, Description]:
    """Read a network, in eval mode, and its description.

    Raises:
        InputError: If the file is missing, damaged, not ours, or of another shape.
    """
    return network_in(read_weight_file(path))


def network_in(file: WeightFile) -> tuple[nn.Module, Description]:
    """Make the network of a weight file; see `load_weights`."""
    description = description_in(file.header, file.path)
    with torch.device("meta"):  # weights of its own would be drawn to be thrown away
        net = build(description.architecture, len(description.classes))
    return fill(net, file, description.architecture), description


def load_point_weights(path: Path) -> tuple[nn.Module, PointDescription]:
    """Read a network of clouds, in eval mode, and its description.

    Raises:
        InputError: If the file is missing, damaged, not ours, or of another shape.
    """
    return point_network_in(read_weight_file(path))


def point_network_in(file: WeightFile) -> tuple[nn.Module, PointDescription]:
    """Make the network of clouds of a weight file; see `load_point_weights`."""
    about = point_description_in(file.header, file.path)
    with torch.device("meta"):
        net = build_points(
            about.architecture, len(about.classes), columns=about.columns,
            categories=len(about.categories),
        )  # fmt: skip
    return fill(net, file, about.architecture), about


def read_weight_file(path: Path) -> WeightFile:
    """Read a weight file, whatever it holds.

    Raises:
        InputError: If the file is missing, damaged or not ours.
    """
    content = read_regular(path, what="weight file", most=LONGEST_FILE)
    try:
        tensors = safetensors.torch.load(content)
    except (safetensors.SafetensorError, KeyError, ValueError) as error:
        raise damaged(path, error) from error
    length = int.from_bytes(content[:8], "little")  # of the header, which was checked
    metadata = json.loads(content[8 : 8 + length]).get("__metadata__", {})
    return WeightFile(path, header_in(metadata, path), tensors, hash_bytes(content))


def fill(net: nn.Module, file: WeightFile, architecture: str) -> nn.Module:
    """Give a network without weights those of a file, and put it into eval mode.

    Raises:
        InputError: If they do not fit.
    """
    wanted = net.state_dict()
    weights = {
        name: tensor.to(wanted[name].dtype, copy=True) if name in wanted else tensor
        for name, tensor in file.tensors.items()
    }
    try:
        net.load_state_dict(weights, assign=True)
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise InputError(
            f"weights {file.path} do not fit the network {architecture}: "
            + shorten(first, LONGEST_LINE, placeholder=" ...")
        ) from error
    return channels_last(net.eval())


def read_description(path: Path) -> Description:
    """Read only the header of the weight file of a segmentation network.

    Raises:
        InputError: If the file is missing, damaged, not ours, or holds a denoiser.
    """
    return description_in(read_header(path), path)


def description_in(header: dict[str, Any], path: Path) -> Description:
    """Check the header of the weight file of a segmentation network; see `read_description`."""
    if is_denoiser(header):
        raise InputError(
            f"weight file {path} holds a denoiser, which labels nothing: give it to --denoiser, "
            "and name a segmentation model here"
        )
    if is_of_points(header):
        raise InputError(
            f"weight file {path} holds a network of point clouds, which labels no images: give it "
            "clouds, or open it with open_point_model"
        )
    return described(Description, header, path)


def read_point_description(path: Path) -> PointDescription:
    """Read only the header of the weight file of a network of clouds.

    Raises:
        InputError: If the file is missing, damaged, not ours, or holds something else.
    """
    return point_description_in(read_header(path), path)


def point_description_in(header: dict[str, Any], path: Path) -> PointDescription:
    """Check the header of the weight file of a network of clouds; see `read_point_description`."""
    if not is_of_points(header):
        raise InputError(
            f"weight file {path} holds no network of point clouds: segcert train --data shapes "
            "writes one"
        )
    return described(PointDescription, header, path)


def read_denoiser_description(path: Path) -> DenoiserDescription:
    """Read only the header of the weight file of a denoiser.

    Raises:
        InputError: If the file is missing, damaged, not ours, or holds a segmentation network.
    """
    return denoiser_description_in(read_header(path), path)


def denoiser_description_in(header: dict[str, Any], path: Path) -> DenoiserDescription:
    """Check the header of the weight file of a denoiser; see `read_denoiser_description`."""
    if not is_denoiser(header):
        raise InputError(
            f"weight file {path} holds a segmentation model, no denoiser: "
            "segcert train --task denoising writes one"
        )
    return described(DenoiserDescription, header, path)


def is_denoiser(header: dict[str, Any]) -> bool:
    """Tell by its header whether a weight file holds a denoiser."""
    return header.get("architecture") == "denoiser"


def is_of_points(header: dict[str, Any]) -> bool:
    """Tell by its header whether a weight file holds a network of point clouds."""
    return header.get("architecture") in get_args(PointArchitecture)


def described(kind: type[Kind], header: dict[str, Any], path: Path) -> Kind:
    """Check a header.

    Raises:
        InputError: If it is not ours.
    """
    try:
        return kind.model_validate(header)
    except ValidationError as error:
        raise not_ours(path) from error


def read_header(path: Path) -> dict[str, Any]:
    """Read what a weight file says about itself, unchecked.

    Raises:
        InputError: If the file is missing, damaged or not ours.
    """
    check_regular(path, what="weight file")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except (safetensors.SafetensorError, OSError) as error:
        raise damaged(path, error) from error
    return header_in(metadata, path)


def header_in(metadata: dict[str, str], path: Path) -> dict[str, Any]:
    """Find what a weight file says about itself, in what safetensors keeps for us.

    Raises:
        InputError: If it is not ours, or of another version.
    """
    try:
        header = json.loads(metadata[KEY])
    except (KeyError, ValueError, RecursionError) as error:
        raise not_ours(path) from error
    if not isinstance(header, dict):
        raise not_ours(path)
    version = header.pop("version", VERSION)  # the first files did not name it
    if version != VERSION:
        raise InputError(
            f"weight file {path} has format version {version!r}, this segcert reads {VERSION}: "
            "use a newer one"
        )
    return header


def damaged(path: Path, error: Exception) -> InputError:
    """Make the error about a file that is none of safetensors."""
    return InputError(f"weight file {path} is damaged or no safetensors file: {error}")


def not_ours(path: Path) -> InputError:
    """Make the error about a file without our description."""
    return InputError(
        f"weight file {path} carries no segcert description: write it with save_weights, "
        "or wrap the network with as_segmenter in Python"
    )
