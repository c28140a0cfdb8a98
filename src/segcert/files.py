"""Read regular files only; write so that a reader sees the old file or the new one."""

import errno
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from segcert.errors import InputError

LONGEST_TEXT = 1 << 26  # bytes of a list of names or of settings
LONGEST_FILE = 1 << 36  # bytes of anything that is read as a whole
KINDS = (
    (stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"), (stat.S_ISBLK, "a device"),
)  # fmt: skip


def check_regular(path: Path, *, what: str) -> None:
    """Refuse what is no regular file: a pipe would wait for ever, a device may never end.

    Args:
        path: Of a file that is to be read; links are followed.
        what: What the file is to be, for the error.

    Raises:
        InputError: If it is missing, or a folder, pipe, device or socket.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(f"{what} {path} does not exist") from error
    except (OSError, ValueError) as error:  # no permission; a name with a null character
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(f"{what} {path} cannot be read: {reason}") from error
    if not stat.S_ISREG(mode):
        kind = next((words for test, words in KINDS if test(mode)), "no regular file")
        raise InputError(f"{what} {path} is {kind}: name a file")


@contextmanager
def open_regular(path: Path, *, what: str) -> Iterator[BinaryIO]:
    """Open a file for reading if it is a regular one; see `check_regular`.

    It is looked at again once it is open, in case it was swapped in between.

    Raises:
        InputError: As `check_regular`, or if it cannot be opened.
    """
    check_regular(path, what=what)
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise InputError(f"{what} {path} cannot be read: {error.strerror}") from error
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise InputError(f"{what} {path} is no regular file: name a file")
        yield file


def read_regular(path: Path, *, what: str, most: int) -> bytes:
    """Read a whole regular file; no more than it says it holds, as some of ``/proc`` never end.

    Args:
        path: Of the file.
        what: What it is, for errors.
        most: Bytes that such a file may have.

    Raises:
        InputError: As `open_regular`, or if the file is larger.
    """
    with open_regular(path, what=what) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise InputError(f"{what} {path} has {size} bytes, the most are {most}")
        try:
            return file.read(size)
        except OSError as error:
            raise InputError(f"{what} {path} cannot be read: {error.strerror}") from error


def read_text(path: Path, *, what: str) -> str:
    """Read a short text file in UTF-8.

    Raises:
        InputError: As `read_regular`, or if it is no text.
    """
    try:
        return read_regular(path, what=what, most=LONGEST_TEXT).decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{what} {path} is no text in UTF-8: {error.reason}") from error


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


def remove_drafts_in(folder: Path) -> None:
    """Remove what killed processes left beside the files of a folder that this process holds."""
    for path in sorted(folder.iterdir()):
        remove_drafts(path)


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
