"""Read images: files, PIL images, arrays and tensors become one tensor, channels first.

What is certified is this tensor. Conversions that change it (grey to RGB, orientation by EXIF,
an opaque alpha channel dropped) happen here, before the noise, and are part of the input's hash.
"""

import hashlib
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Shaped
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from segcert.errors import InputError
from segcert.files import open_regular
from segcert.text import one_line

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "PPM", "WEBP")  # no EPS: it starts a program
SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
DEEP_MODES = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")  # more than 8 bits a value

ImageInput = str | Path | Image.Image | np.ndarray | Tensor


def read_image(source: ImageInput) -> Shaped[Tensor, " c *shape"]:
    """Read an image or a volume as a tensor: uint8, or float32 in [0, 1].

    Args:
        source: Path of a PNG, JPEG or TIFF file; PIL image; array (h, w, 3) or (3, h, w);
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
        if source.ndim == 3 and has_channels_last(source.shape):
            source = source.transpose(2, 0, 1)
        source = torch.from_numpy(np.array(source, order="C"))
    return checked_tensor(source)


def has_channels_last(shape: tuple[int, ...]) -> bool:
    """Tell (h, w, 3) from (3, h, w); one row of colours, (1, w, 3), is the former."""
    return (shape[0], shape[2]) == (1, 3) or (shape[2] in (1, 3) and shape[0] not in (1, 3))


def read_file(path: Path) -> Shaped[Tensor, " 3 h w"]:
    """Read an image file."""
    if path.is_dir():
        raise InputError(f"image {path} is a folder: name a file in it, or give it to certify")
    try:
        with open_regular(path, what="image") as file, Image.open(file, formats=FORMATS) as image:
            return from_pil(image, f"image {path}")
    except InputError:
        raise
    except UnidentifiedImageError as error:
        raise InputError(
            f"image {path} is no image that can be read: give PNG, JPEG or TIFF"
        ) from error
    except Exception as error:  # decoders raise anything on damaged bytes
        raise InputError(f"image {path} cannot be read: {one_line(error)}") from error


def read_mask(path: Path) -> Bool[np.ndarray, " h w"]:
    """Read a mask from an image file: true where any value is not 0.

    Raises:
        InputError: If the file cannot be read.
    """
    mask: np.ndarray = (read_file(path) != 0).any(0).numpy()
    return mask


def from_pil(image: Image.Image, name: str) -> Shaped[Tensor, " 3 h w"]:
    """Convert a PIL image to RGB where that loses nothing, or say why not."""
    if is_deep(image):
        raise InputError(
            f"{name} has more than 8 bits per value (mode {image.mode}): convert it to 8 bits"
        )
    image = ImageOps.exif_transpose(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if np.asarray(image)[..., 3].min() < 255:
            raise InputError(f"{name} is translucent: flatten it onto a background first")
    array = np.array(image.convert("RGB"))
    return torch.from_numpy(array).movedim(2, 0).contiguous()


def is_deep(image: Image.Image) -> bool:
    """Tell whether an image holds more than 8 bits per value; Pillow halves 16-bit colours."""
    if image.mode in DEEP_MODES or image.mode.startswith("I;"):
        return True
    tiles = getattr(image, "tile", ())  # of a file not yet decoded: how its bytes are laid out
    return any(";16" in str(tile[3]) for tile in tiles)


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
        raise InputError(f"an image must be uint8 or floating point in [0, 1], got {image.dtype}")
    low, high = image.min().item(), image.max().item()
    if not (low >= 0 and high <= 1):  # false for NaN
        raise InputError(
            f"a floating-point image must lie in [0, 1], got values in [{low}, {high}]: "
            "divide by 255, or pass uint8; normalisation belongs into as_segmenter(mean=, std=)"
        )
    return image.to(torch.float32).contiguous()


def hash_tensor(image: Shaped[Tensor, " *shape"]) -> str:
    """Hash type, shape and values, of an image or a point cloud."""
    array = image.cpu().numpy()
    digest = hashlib.sha256(f"{array.dtype}|{array.shape}|".encode())
    digest.update(array.tobytes())
    return digest.hexdigest()
