"""Locks between processes: one at a time works on a folder or a file, the next one is refused.

A lock ends with its process, however that ends. Where the file system has no locks, a file stands
for one, which names its process; one of a process that is gone does not count.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import SoftFileLock, Timeout

from segcert.errors import InputError

TAKEN = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES}
MARK = ".segcert.lock"  # in a folder, where the file system has no locks


@dataclass(frozen=True)
class Held:
    """A folder or file that is worked on, as it was when the work began.

    Args:
        path: Where it is.
        identity: Device and number by which the file system knows it.
    """

    path: Path
    identity: tuple[int, int]

    def check(self) -> None:
        """Notice that it was deleted, moved, or replaced.

        Raises:
            InputError: If it was: what is written now would be lost, or would mix with other work.
        """
        try:
            now = identity_of(self.path)
        except OSError:
            now = None
        if now != self.identity:
            raise InputError(
                f"{self.path} was deleted or replaced while this command worked on it: nothing "
                "more is written; what is left goes on with the same command"
            )


def identity_of(path: Path) -> tuple[int, int]:
    """Device and number of a file or folder.

    Raises:
        OSError: If it is not there.
    """
    found = path.stat()
    return found.st_dev, found.st_ino


def seen(path: Path) -> Held:
    """Remember which file or folder is at a path."""
    return Held(path, identity_of(path))


@contextmanager
def held(folder: Path) -> Iterator[Held]:
    """Hold a folder against other processes that hold it.

    Raises:
        InputError: If another process holds it.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    with ExitStack() as stack:
        stack.callback(os.close, handle)
        if not try_lock(handle, folder):
            stack.enter_context(marked(folder / MARK, folder))
        found = os.fstat(handle)
        yield Held(folder, (found.st_dev, found.st_ino))


@contextmanager
def held_file(path: Path) -> Iterator[Held]:
    """Hold a file that is to be written; a lock file beside it is removed at the end.

    Yields:
        The lock file, which goes where the folder goes.

    Raises:
        InputError: If another process holds it.
    """
    lock = path.with_name(f".{path.name}.lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        handle = opened(lock, path)
        while not still_there(handle, lock):  # its holder has just removed it
            os.close(handle)
            handle = opened(lock, path)
        stack.callback(os.close, handle)
        if not try_lock(handle, path):
            stack.enter_context(marked(lock.with_name(f"{lock.name}.mark"), path))
        stack.callback(lock.unlink, missing_ok=True)
        yield seen(lock)


def opened(lock: Path, path: Path) -> int:
    """Open a lock file and lock it.

    Raises:
        InputError: If another process holds it.
    """
    handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    try:
        try_lock(handle, path)
    except BaseException:
        os.close(handle)
        raise
    return handle


def still_there(handle: int, path: Path) -> bool:
    """Whether an open file is the one at a path."""
    try:
        return identity_of(path) == (os.fstat(handle).st_dev, os.fstat(handle).st_ino)
    except FileNotFoundError:
        return False


def is_held(folder: Path) -> bool:
    """Whether another process holds a folder."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:  # not ours to read
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in TAKEN or (folder / MARK).exists()
    finally:
        os.close(handle)
    return False


def try_lock(handle: int, path: Path) -> bool:
    """Lock an open file or folder; false if the file system has no locks.

    Raises:
        InputError: If another process holds it.
    """
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in TAKEN:
            raise taken(path) from error
        return False
    return True


@contextmanager
def marked(mark: Path, path: Path) -> Iterator[None]:
    """Hold by a file that names this process.

    Raises:
        InputError: If it names another one that lives, or may live on another machine.
    """
    lock = SoftFileLock(mark)
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise InputError(
            f"{taken(path)} (or delete {mark}, if it is of another machine and nobody works there)"
        ) from error
    try:
        yield
    finally:
        lock.release()


def taken(path: Path) -> InputError:
    """Make the error about what another process holds."""
    return InputError(f"another process works on {path}: wait for it, or choose another --out")
