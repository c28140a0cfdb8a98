"""Noisy images that int8 networks are calibrated on: fixed, never draws of a certificate."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from segcert.data.drawn_scenes import Scenes
from segcert.errors import InputError
from segcert.inputs.images import read_file
from segcert.inputs.pictures import SUFFIXES, files_in

SCENES_SEED = 20_000  # of no data set that networks are trained or tested on
NOISE_KEY = 0x5E6CE27  # of the noise; certificates draw theirs from streams of their own


@dataclass(frozen=True)
class Calibration:
    """What an int8 network is calibrated on.

    The network is fixed by this before anything is certified. It must not depend on the input that
    is certified: at a perturbed input, it would be another network.

    Args:
        sigma: Standard deviation of the Gaussian noise, in units of [0, 1].
        folder: Images to which it is added; None takes synthetic street scenes.
        images: How many of them, at most.
        file: File (.xml) of the int8 network: written, or read if it is there. If a folder is
            given, it must have been calibrated with this noise on these images.

    Raises:
        InputError: If one is out of range.
    """

    sigma: float
    folder: Path | None = None
    images: int = 24
    file: Path | None = None

    def __post_init__(self) -> None:
        """Check the values."""
        if not 0 <= self.sigma < float("inf"):
            raise InputError(f"sigma of the calibration must be >= 0 and finite, got {self.sigma}")
        if self.images < 1:
            raise InputError(f"calibration needs at least one image, got {self.images}")
        if self.file is not None and self.file.suffix != ".xml":
            raise InputError(f"the file of an int8 network must end in .xml, got {self.file}")


def noisy_images(calibration: Calibration) -> Iterator[Float[Tensor, " 1 3 h w"]]:
    """Noisy copies of the images, one each, the same every time.

    Raises:
        InputError: If the folder holds no image, or one cannot be read.
    """
    for number, image in enumerate(clean_images(calibration)):
        dice = np.random.Generator(np.random.Philox(key=[NOISE_KEY, number]))
        noise = dice.standard_normal(image.shape, dtype=np.float32)
        yield (image / 255 + calibration.sigma * torch.from_numpy(noise))[None]


def hash_calibration(calibration: Calibration) -> str:
    """Hash the noise and the images: what decides the ranges of an int8 network, in hex.

    Raises:
        InputError: If the folder holds no image, or one cannot be read.
    """
    digest = hashlib.sha256(f"{float(calibration.sigma)!r}".encode())
    for image in clean_images(calibration):
        digest.update(f"|{tuple(image.shape)}|".encode())
        digest.update(np.ascontiguousarray(image).tobytes())
    return digest.hexdigest()


def clean_images(calibration: Calibration) -> Iterator[Tensor]:
    """Images (3, h, w) of 0 to 255: of the folder, by name, or synthetic scenes."""
    if calibration.folder is None:
        for scene in Scenes(calibration.images, seed=SCENES_SEED):
            yield torch.from_numpy(np.ascontiguousarray(scene.image)).permute(2, 0, 1)
        return
    if not calibration.folder.is_dir():
        raise InputError(f"--calibration {calibration.folder} is no folder")
    found = files_in(calibration.folder, SUFFIXES)
    if not found:
        raise InputError(
            f"--calibration {calibration.folder} holds no image ({', '.join(SUFFIXES)})"
        )
    step = max(1, len(found) // calibration.images)
    for path in found[::step][: calibration.images]:
        yield read_file(path)
