"""Write files so that a reader sees the old file or the new one, never a half."""

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from segcert.errors import InputError


def check_writable(path: Path) -> None:
    """Refuse, before long work, a path that could not be written after it.

    Raises:
        OSError: If it is a folder, or its folder cannot be made or written.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        error.filename = str(path)  # rather than that of the temporary file
        raise


def remove_drafts(path: Path) -> None:
    """Remove what killed processes left beside ``path`` while they wrote it; nobody else writes it.

    Drafts are called ``.NAME.`` and eight letters, as `tempfile` makes them, or that and ``.old``.
    """
    pattern = re.compile(rf"\.{re.escape(path.name)}\.[a-z0-9_]{{8}}(\.old)?")
    for draft in path.parent.iterdir() if path.parent.is_dir() else ():
        if pattern.fullmatch(draft.name):
            if draft.is_dir() and not draft.is_symlink():
                shutil.rmtree(draft, ignore_errors=True)
            else:
                draft.unlink(missing_ok=True)


def prepare_folder(out: Path) -> None:
    """Make an output folder and check that it can be written.

    Raises:
        InputError: If it is a file or cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except (FileExistsError, NotADirectoryError) as error:
        raise InputError(
            f"--out {out} is a file, or lies below one: choose another folder"
        ) from error
    except OSError as error:
        raise InputError(
            f"--out {out} cannot be written: {error.strerror}: choose another folder"
        ) from error


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file beside ``path`` that takes its place when the block ends well.

    Raises:
        OSError: As the file system says it (disk full, read-only); ``path`` is then untouched.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException as error:
        Path(name).unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)  # "no space left on device" says where
        raise
