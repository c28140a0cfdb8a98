"""Read images: files, PIL images, arrays and tensors become one tensor, channels first.

What is certified is this tensor. Conversions that change it (grey to RGB, orientation by EXIF,
an opaque alpha channel dropped) happen here, before the noise, and are part of the input's hash.
"""

import hashlib
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Shaped
from PIL import Image
from torch import Tensor

from segcert.errors import InputError
from segcert.inputs.pictures import HOUNSFIELD, Picture, read_picture, upright

FOUR = 4  # bands
HOUNSFIELD_FROM = 256  # size of values that are neither bytes nor normalised

ImageInput = str | Path | Image.Image | np.ndarray | Tensor


def read_image(source: ImageInput) -> Shaped[Tensor, " c *shape"]:
    """Read an image or a volume as a tensor: uint8, or float32 in [0, 1].

    Args:
        source: Path of a picture file; PIL image; array (h, w, 3) or (3, h, w);
            tensor (c, h, w). Or a volume, as an array or tensor (c, d, h, w). uint8 stays uint8;
            floating point must lie in [0, 1].

    Returns:
        The image or volume, channels first, contiguous, on the device it was on.

    Raises:
        InputError: If it is missing, unreadable, truncated, of more than 8 bits, translucent,
            of another shape, or holds NaN or values outside [0, 1].
    """
    if isinstance(source, (str, Path)):
        return read_file(Path(source))
    if isinstance(source, Image.Image):
        return from_pil(source, "the image")
    if isinstance(source, np.ndarray):
        check_numbers(source)
        if source.ndim == 3 and has_channels_last(source.shape):
            source = source.transpose(2, 0, 1)
        source = torch.from_numpy(np.array(source, order="C"))
    if not isinstance(source, Tensor):
        raise InputError(what_is_given(source))
    return checked_tensor(source)


def what_is_given(source: object) -> str:
    """Say what to do with what is no image."""
    if isinstance(source, (list, tuple)):
        return (
            f"a {type(source).__name__} of {len(source)} is no image: give one at a time, "
            "[sc.certify_image(model, one) for one in images]"
        )
    return (
        f"an image must be a path, a PIL image, an array or a tensor, got {type(source).__name__}"
    )


def check_numbers(array: np.ndarray) -> None:
    """Refuse arrays of text, objects and the like.

    Raises:
        InputError: With their type.
    """
    if array.dtype.kind not in "buifc":
        raise InputError(f"an image must be an array of numbers, got {array.dtype}")


def has_channels_last(shape: tuple[int, ...]) -> bool:
    """Tell (h, w, 3) from (3, h, w); one row of colours, (1, w, 3), is the former."""
    first, last = shape[0], shape[2]
    if (first, last) in ((1, 3), (1, 4)):
        return True
    return first not in (1, 3) and (last in (1, 3) or (last == FOUR and first != FOUR))


def read_file(path: Path) -> Shaped[Tensor, " 3 h w"]:
    """Read an image file."""
    return to_rgb(read_photo(path), f"image {path}")


def read_photo(path: Path) -> Picture:
    """Read an image file as it is, upright.

    Raises:
        InputError: As `read_picture`.
    """
    if path.is_dir():
        raise InputError(f"image {path} is a folder: name a file in it, or give it to certify")
    return read_picture(path, "image")


def from_pil(image: Image.Image, name: str) -> Shaped[Tensor, " 3 h w"]:
    """Convert a PIL image to RGB where that loses nothing, or say why not."""
    return to_rgb(upright(image), name)


def to_rgb(picture: Picture, name: str) -> Shaped[Tensor, " 3 h w"]:
    """Convert a picture to RGB where that loses nothing, or say why not."""
    image = picture.image
    if picture.deep:
        raise InputError(
            f"{name} has more than 8 bits per value (mode {image.mode}): convert it to 8 bits, or "
            f"give its values to sc.certify_image, scaled to [0, 1]; {HOUNSFIELD}"
        )
    if image.mode == "La":
        raise InputError(f"{name} has mode La, premultiplied grey: convert it to LA first")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if np.asarray(image)[..., 3].min() < 255:
            raise InputError(f"{name} is translucent: flatten it onto a background first")
    if image.mode == "RGBX":
        check_unused(np.asarray(image)[..., FOUR - 1], name)
    array = np.array(image.convert("RGB"))
    return torch.from_numpy(array).movedim(2, 0).contiguous()


def check_unused(band: np.ndarray, name: str) -> None:
    """Refuse a fourth band that says something, such as infrared: it would be lost.

    Raises:
        InputError: If it is not the same everywhere.
    """
    if (band != band.flat[0]).any():
        raise InputError(
            f"{name} has a fourth band that is no transparency, such as infrared: keep three bands "
            "in the file, or certify the array (4, h, w) from Python"
        )


def checked_tensor(image: Tensor) -> Shaped[Tensor, " c *shape"]:
    """Check type, shape and values of the tensor of an image or a volume."""
    image = image.detach()
    if image.ndim not in (3, 4) or 0 in image.shape:
        raise InputError(
            "an image must have shape (c, h, w) or, as an array, (h, w, 3), and a volume "
            f"(c, d, h, w); got {tuple(image.shape)}"
        )
    if image.ndim == 4 and image.shape[0] == 1 and image.shape[1] in (1, 3):
        raise InputError(
            f"shape {tuple(image.shape)} is a batch of one image, not an image of shape (c, h, w): "
            "give image[0]"
        )
    if image.dtype == torch.uint8:
        return image.contiguous()
    if not image.is_floating_point():
        raise InputError(
            f"an image must be uint8 or floating point in [0, 1], got {image.dtype}: divide by "
            f"the largest value that its kind can have; {HOUNSFIELD}"
        )
    low, high = image.min().item(), image.max().item()
    if not (low >= 0 and high <= 1):  # false for NaN
        raise InputError(
            f"a floating-point image must lie in [0, 1], got values in [{low}, {high}]: "
            f"{way_into_unit(low, high)}"
        )
    return image.to(torch.float32).contiguous()


def way_into_unit(low: float, high: float) -> str:
    """How values get into [0, 1]."""
    if low < -HOUNSFIELD_FROM or high > HOUNSFIELD_FROM:
        return f"divide by the largest value that its kind can have; {HOUNSFIELD}"
    return "divide by 255, or pass uint8; normalisation belongs into as_segmenter(mean=, std=)"


def hash_tensor(image: Shaped[Tensor, " *shape"]) -> str:
    """Hash type, shape and values, of an image or a point cloud."""
    array = image.cpu().numpy()
    digest = hashlib.sha256(f"{array.dtype}|{array.shape}|".encode())
    digest.update(array.tobytes())
    return digest.hexdigest()
