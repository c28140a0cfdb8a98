"""One input: read and hashed once, and then it knows all that is asked about it."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Integer, Shaped
from torch import Tensor

from segcert.errors import InputError
from segcert.inputs.cloud_columns import Columns
from segcert.inputs.cloud_files import OTHERS, read_cloud
from segcert.inputs.clouds import Cloud
from segcert.inputs.images import ImageInput, hash_tensor, read_image, read_photo, to_rgb
from segcert.inputs.kind import CLOUD, IMAGE, KINDS, InputKind, kind_of
from segcert.inputs.pictures import UPRIGHT, name_of
from segcert.noise.clouds import AXES


@dataclass(frozen=True, eq=False)
class Input:
    """An image, a volume or a point cloud.

    Args:
        kind: Which of them.
        tensor: What is certified: uint8 or float32, channels first; or points and columns.
        name: How results call it; empty if it came without one.
        path: Its file, if it has one.
        truth: True class of each component, 255 where there is none; None if they are not known.
        category: Number of the category of a shape, if it has one.
        notes: What a reader should know: points that lie on others, normals that were rescaled.
        orientation: How the file of an image was turned, 1..8 as its metadata say; 1 is not at all.
    """

    kind: InputKind
    tensor: Shaped[Tensor, " *shape"]
    name: str = ""
    path: Path | None = None
    truth: Integer[np.ndarray, " *components"] | None = None
    category: int | None = None
    notes: tuple[str, ...] = ()
    orientation: int = UPRIGHT

    @cached_property
    def sha256(self) -> str:
        """Hash of type, shape and values."""
        return hash_tensor(self.tensor)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the tensor."""
        return tuple(self.tensor.shape)

    @property
    def dtype(self) -> str:
        """Type of the values, as records have it."""
        return str(self.tensor.dtype).removeprefix("torch.")

    @property
    def components(self) -> tuple[int, ...]:
        """Shape of what gets labels."""
        return self.kind.components(self.shape)

    @property
    def where(self) -> str:
        """What it is and its file, for errors."""
        return f"{self.kind.word} {self.path or self.name}"

    def cut(self, certified: tuple[int, ...]) -> "Input":
        """The input without what is no part of an input of that shape: normals of a cloud.

        Args:
            certified: Shape of what is certified.
        """
        if self.shape == certified:
            return self
        return replace(self, tensor=self.kind.cut(self.tensor, certified))


@runtime_checkable
class Convertible(Protocol):
    """What makes itself an input, such as an image with its truth."""

    def input(self) -> Input:
        """Make it."""
        ...


@runtime_checkable
class CloudLike(Protocol):
    """A point cloud with coordinates (points, 3) and normals of the same shape, or None."""

    @property
    def points(self) -> np.ndarray | Tensor:
        """Coordinates in the units of the file."""
        ...

    @property
    def normals(self) -> np.ndarray | Tensor | None:
        """Unit normals."""
        ...


@runtime_checkable
class NamedCloud(CloudLike, Protocol):
    """A cloud with all that files say of one, as `segcert.inputs.clouds.Cloud`."""

    @property
    def name(self) -> str:
        """How results call it."""
        ...

    @property
    def labels(self) -> np.ndarray | None:
        """True class of each point."""
        ...

    @property
    def category(self) -> int | None:
        """Number of its category."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know."""
        ...


Source = Input | Convertible | ImageInput | CloudLike  # what users may give


def read(source: Source) -> Input:
    """Read an input: what has points, or floats on two axes, is a cloud; all else is an image.

    Args:
        source: Path, whose suffix tells the kind; PIL image, array or tensor; what has points and
            normals, or makes itself an input; or an input, which is returned as it is.

    Raises:
        InputError: If it cannot be read, or breaks a rule of its kind.
    """
    if isinstance(source, Input):
        return source
    if isinstance(source, (str, Path)):
        return read_path(Path(source))
    if isinstance(source, Convertible):
        return source.input()
    if isinstance(source, CloudLike):
        return of_cloud(source)
    if isinstance(source, (np.ndarray, Tensor)) and kind_of(source.shape) == CLOUD:
        tensor = torch.as_tensor(source)
        if tensor.is_floating_point():
            return Input(CLOUD, CLOUD.checked(tensor))
    return Input(IMAGE, read_image(source))


def read_path(path: Path, columns: Columns | None = None) -> Input:
    """Read a file of either kind.

    Args:
        path: Of the file.
        columns: Of a cloud whose file does not say what they are.

    Raises:
        InputError: If it cannot be read.
    """
    if kind_of_file(path) == CLOUD:
        return read_cloud_file(path, columns)
    return read_image_file(path)


def kind_of_file(path: Path) -> InputKind:
    """The kind that a file should be of, by its suffix; what is neither counts as an image."""
    suffix = path.suffix.lower()
    if suffix in OTHERS:  # are not read, which the reader of clouds says best
        return CLOUD
    return next((kind for kind in KINDS if suffix in kind.suffixes), IMAGE)


def read_image_file(path: Path) -> Input:
    """Read an image file."""
    picture = read_photo(path)
    return Input(
        IMAGE, to_rgb(picture, f"image {path}"), name_of(path), path,
        notes=picture.notes, orientation=picture.orientation,
    )  # fmt: skip


def read_cloud_file(path: Path, columns: Columns | None = None) -> Input:
    """Read the file of a cloud, with all that it says."""
    return replace(of_cloud(read_cloud(path, columns)), path=path)


def of_cloud(cloud: CloudLike) -> Input:
    """Join the coordinates of a cloud and its normals, if it has any.

    Raises:
        InputError: If normals and points do not fit each other, or break a rule.
    """
    parts = [torch.as_tensor(cloud.points)]
    if cloud.normals is not None:
        parts.append(torch.as_tensor(cloud.normals))
    shapes = {tuple(part.shape) for part in parts}
    if len(shapes) > 1 or len(parts[0].shape) != 2 or parts[0].shape[1] != AXES:
        raise InputError(
            "points and normals of a cloud must both have shape (points, 3), got "
            f"{' and '.join(str(tuple(part.shape)) for part in parts)}"
        )
    tensor = CLOUD.checked(torch.cat(parts, 1))
    if not isinstance(cloud, NamedCloud):
        return Input(CLOUD, tensor)
    return Input(
        CLOUD, tensor, cloud.name,
        truth=cloud.labels, category=cloud.category, notes=cloud.notes,
    )  # fmt: skip


def as_cloud(given: Input) -> Cloud:
    """An input as the cloud that its file holds."""
    columns = given.tensor.cpu().numpy()
    return Cloud(
        given.name,
        columns[:, :AXES],
        columns[:, AXES:] if columns.shape[1] > AXES else None,
        given.truth,
        given.category,
        given.notes,
    )
