"""Which inputs a command line means."""

import os
from glob import glob
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from segcert.errors import InputError
from segcert.inputs.images import read_mask
from segcert.inputs.input import kind_of_file
from segcert.inputs.kind import IMAGE, KINDS, InputKind

LONGEST_NAME = 200  # bytes; temporary files add to it, and 255 is the limit of file systems


def find_inputs(arguments: list[str], kind: InputKind | None = None) -> dict[str, Path]:
    """Expand files, folders and globs; nothing is read.

    Args:
        arguments: Paths of inputs, folders of inputs (not searched deeper), or glob patterns
            (``**`` searches deeper).
        kind: What the files hold; None is what `kind_of_files` finds.

    Returns:
        The files by name (the file's name without its suffix), in order.

    Raises:
        InputError: If nothing is found, or two have one name.
    """
    if not arguments:
        raise InputError(
            "no image given: name PNG, JPEG or TIFF files, a folder of them, or a glob"
        )
    kind = kind or kind_of_files(arguments)
    found: dict[str, Path] = {}
    for argument in arguments:
        for path in expand(argument, kind.suffixes):
            check_name(path)
            other = found.get(path.stem)
            if other is not None and other.resolve() != path.resolve():
                raise InputError(
                    f"{other} and {path} would both be written to {path.stem}/: "
                    "rename one, or certify them into different --out folders"
                )
            found[path.stem] = path
    return found


def kind_of_files(arguments: list[str]) -> InputKind:
    """Tell by suffixes what arguments hold; what is no other kind counts as an image.

    Text files (.txt) in a folder do not make it one of clouds: they may be anything.

    Raises:
        InputError: If they are of several kinds, or nothing is found.
    """
    first: dict[InputKind, Path] = {}
    for argument in arguments:
        for path in of_any_kind(argument):
            first.setdefault(kind_of_file(path), path)
    kinds = [kind for kind in KINDS if kind in first]
    if len(kinds) > 1:
        raise InputError(
            f"{' and '.join(str(first[kind]) for kind in kinds)} are "
            f"{' and '.join(kind.noun for kind in kinds)}: certify them one kind at a time, with a "
            "model of their own"
        )
    return kinds[0] if kinds else IMAGE


def of_any_kind(argument: str) -> list[Path]:
    """Expand one argument; a folder with images stands for these, whatever else it holds.

    Raises:
        InputError: If it is a folder without inputs, or nothing is found.
    """
    path = Path(argument)
    if not path.is_dir():
        return expand(argument)
    files = list(path.iterdir())
    for kind in KINDS:
        if found := [file for file in files if file.suffix.lower() in kind.telling]:
            return found
    return expand(argument)


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


def expand(argument: str, suffixes: tuple[str, ...] = IMAGE.suffixes) -> list[Path]:
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
