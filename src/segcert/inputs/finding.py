"""Which inputs a command line means."""

import os
from collections.abc import Collection
from glob import glob
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from segcert.errors import InputError
from segcert.inputs.input import kind_of_file
from segcert.inputs.kind import IMAGE, KINDS, InputKind
from segcert.inputs.pictures import files_in, is_one, name_of
from segcert.inputs.stored_masks import read_mask

NAMED = 3  # of the files that are skipped
LISTS = (".txt", ".csv", ".lst", ".list")
LONGEST_LINE = 4096  # bytes
LONGEST_NAME = 200  # bytes; temporary files add to it, and 255 is the limit of file systems


def find_inputs(arguments: list[str], kind: InputKind | None = None) -> dict[str, Path]:
    """Expand files, folders and globs; nothing is read.

    Args:
        arguments: Paths of inputs, folders of inputs (not searched deeper), or glob patterns
            (``**`` searches deeper).
        kind: What the files hold; None is what `kind_of_files` finds.

    Returns:
        The files by name (the file's name without its suffix, of a page with its number), in order.

    Raises:
        InputError: If nothing is found, or two have one name.
    """
    if not arguments:
        raise InputError(
            "no image given: name PNG, JPEG or TIFF files, a folder of them, or a glob"
        )
    refuse_lists(arguments)
    kind = kind or kind_of_files(arguments)
    found: dict[str, Path] = {}
    for argument in arguments:
        for path in expand(argument, kind.suffixes):
            check_name(path)
            name = name_of(path)
            other = found.get(name)
            if other is not None and other.resolve() != path.resolve():
                raise InputError(
                    f"{other} and {path} would both be written to {name}/: "
                    "rename one, or certify them into different --out folders"
                )
            found[name] = path
    return found


def skipped(folder: Path, read: Collection[Path]) -> str:
    """Say which files of a folder are not read; nothing if all are, but for hidden ones.

    Args:
        folder: Of the files.
        read: Those that are.
    """
    visible = (path for path in folder.iterdir() if not path.name.startswith("."))
    return left_out(f"folder {folder}", [path for path in visible if path not in read])


def left_out(where: str, paths: Collection[Path]) -> str:
    """Say which files are not read; nothing if there are none."""
    names = [f"{path.name}/" if path.is_dir() else path.name for path in sorted(paths)]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{where}: skipped {', '.join(names[:NAMED])}{more}" if names else ""


def skipped_in(arguments: list[str], found: Collection[Path]) -> list[str]:
    """Say which files of folders and patterns among arguments are not read.

    Args:
        arguments: As of `find_inputs`.
        found: What it found.
    """
    lines = []
    for argument in dict.fromkeys(arguments):
        if Path(argument).is_dir():
            lines.append(skipped(Path(argument), found))
        elif is_glob(argument):
            others = [path for path in matches(argument) if path not in found]
            lines.append(left_out(argument, others))
    return [line for line in lines if line]


def refuse_lists(arguments: list[str]) -> None:
    """Refuse a text file whose first line is the path of a file: it is a list, no input.

    Raises:
        InputError: With the way out.
    """
    for argument in arguments:
        path = Path(argument)
        if path.suffix.lower() not in LISTS or not path.is_file():
            continue
        with path.open("rb") as file:
            first = file.readline(LONGEST_LINE).decode("utf-8", "replace").strip()
        if first and any(p.is_file() for p in (Path(first), path.parent / first)):
            raise InputError(
                f"{path} is a list of paths, not an input: name the files themselves, as the "
                f"shell does with $(cat {path})"
            )


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
    """Expand one argument; a folder or pattern with images stands for these, whatever else it has.

    Raises:
        InputError: If it is a folder without inputs, or nothing is found.
    """
    path = Path(argument)
    if not path.is_dir() and not is_glob(argument):
        return [path]
    for kind in KINDS:
        there = files_in(path, kind.telling) if path.is_dir() else matches(argument)
        if found := [file for file in there if is_one(file, kind.telling)]:
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
    name = os.fsencode(name_of(path))
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
        found = files_in(path, suffixes)
        if not found:
            raise InputError(
                f"folder {path} holds no {', '.join(suffixes)} file (it is not searched deeper: "
                f"use '{path}/**/*{suffixes[0]}')"
            )
        return found
    if not is_glob(argument):
        return [path]
    found = matches(argument)
    return [p for p in found if is_one(p, suffixes)] or found


def is_glob(argument: str) -> bool:
    """Whether an argument is a pattern, not the name of a file."""
    return any(mark in argument for mark in "*?[") and not Path(argument).exists()


def matches(argument: str) -> list[Path]:
    """The files that match a pattern, by name; hidden ones are left out.

    Raises:
        InputError: If there are none.
    """
    files = map(Path, glob(argument, recursive=True))  # noqa: PTH207 - Path refuses absolute ones
    found = sorted(p for p in files if p.is_file() and not p.name.startswith("."))
    if not found:
        raise InputError(f"no file matches {argument}")
    return found
