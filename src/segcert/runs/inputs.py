"""Which images or clouds a command line means."""

import os
from glob import glob
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from segcert.data.images import SUFFIXES, read_mask
from segcert.data.point_files import SUFFIXES as CLOUD_SUFFIXES
from segcert.errors import InputError
from segcert.runs.kinds import IMAGES, InputKind

LONGEST_NAME = 200  # bytes; temporary files add to it, and 255 is the limit of file systems


def find_images(arguments: list[str], kind: InputKind = IMAGES) -> dict[str, Path]:
    """Expand files, folders and globs, and check that each image or cloud can be read.

    Args:
        arguments: Paths of images, folders of images (not searched deeper), or glob patterns
            (``**`` searches deeper).
        kind: What the files hold.

    Returns:
        The files by name (the file's name without its suffix), in order.

    Raises:
        InputError: If nothing is found, an image cannot be read, or two have one name.
    """
    if not arguments:
        raise InputError(
            "no image given: name PNG, JPEG or TIFF files, a folder of them, or a glob"
        )
    images: dict[str, Path] = {}
    for argument in arguments:
        for path in expand(argument, kind.suffixes):
            check_name(path)
            other = images.get(path.stem)
            if other is not None and other.resolve() != path.resolve():
                raise InputError(
                    f"{other} and {path} would both be written to {path.stem}/: "
                    "rename one, or certify them into different --out folders"
                )
            images[path.stem] = path
    for path in images.values():
        kind.read(path)
    return images


def means_clouds(arguments: list[str]) -> bool:
    """Tell by suffixes whether arguments are point clouds; what is neither counts as an image.

    Text files (.txt) in a folder do not make it one of clouds: they may be anything.

    Raises:
        InputError: If some are images and some are clouds, or nothing is found.
    """
    paths = [path for argument in arguments for path in of_either_kind(argument)]
    clouds = [path for path in paths if path.suffix.lower() in CLOUD_SUFFIXES]
    if clouds and len(clouds) < len(paths):
        image = next(path for path in paths if path not in clouds)
        raise InputError(
            f"{image} and {clouds[0]} are an image and a point cloud: certify them one kind at a "
            "time, with a model of their own"
        )
    return bool(clouds)


def of_either_kind(argument: str) -> list[Path]:
    """Expand one argument; a folder with images stands for these, whatever else it holds.

    Raises:
        InputError: If it is a folder without images or clouds, or nothing is found.
    """
    path = Path(argument)
    if not path.is_dir():
        return expand(argument)
    images, clouds = (
        [file for file in path.iterdir() if file.suffix.lower() in suffixes]
        for suffixes in (SUFFIXES, [one for one in CLOUD_SUFFIXES if one != ".txt"])
    )
    return images or clouds or expand(argument)


def find_mask(path: Path) -> Bool[np.ndarray, " h w"]:
    """Read the mask of pixels that are not tested.

    Raises:
        InputError: If it cannot be read.
    """
    try:
        return read_mask(path)
    except InputError as error:
        raise InputError(f"--ignore: {error}") from error


def check_name(path: Path) -> None:
    """Refuse a file whose name without suffix cannot name the folder of its results.

    Raises:
        InputError: If it is ".", "..", too long, or no text.
    """
    name = os.fsencode(path.stem)
    try:
        name.decode()
    except UnicodeDecodeError:
        usable = False
    else:
        usable = name not in (b"", b".", b"..") and len(name) <= LONGEST_NAME
    if not usable:
        raise InputError(
            f"the results of image {path} would go to a folder {path.stem!r}, which cannot be: "
            f"rename the image (UTF-8, at most {LONGEST_NAME} bytes)"
        )


def expand(argument: str, suffixes: tuple[str, ...] = SUFFIXES) -> list[Path]:
    """Expand one argument."""
    path = Path(argument)
    if path.is_dir():
        found = sorted(p for p in path.iterdir() if p.suffix.lower() in suffixes)
        if not found:
            raise InputError(
                f"folder {path} holds no {', '.join(suffixes)} file (it is not searched deeper: "
                f"use '{path}/**/*{suffixes[0]}')"
            )
        return found
    if path.exists() or not any(mark in argument for mark in "*?["):
        return [path]
    # Path.glob refuses absolute patterns
    found = sorted(p for p in map(Path, glob(argument, recursive=True)) if p.is_file())  # noqa: PTH207
    if not found:
        raise InputError(f"no file matches {argument}")
    return found
