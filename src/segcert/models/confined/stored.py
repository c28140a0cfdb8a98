"""Contents of over 2 GiB in a file in memory, written once and never copied into this process."""

import mmap
import os
import sys
from collections.abc import Iterator

from segcert.errors import InputError

PART = 1 << 24  # bytes that are copied at once


class Stored:
    """A file in memory (Linux), which other processes can map.

    Attributes:
        handle: Of the file.
    """

    def __init__(self) -> None:
        """Make an empty one.

        Raises:
            InputError: If this system has no such files.
        """
        if sys.platform != "linux":
            raise InputError("networks of over 2 GiB are opened on Linux only")
        self.handle = os.memfd_create("segcert", os.MFD_CLOEXEC)

    def write(self, content: bytes | memoryview) -> None:
        """Write on at its end."""
        left = memoryview(content)
        while left:
            left = left[os.write(self.handle, left) :]

    def part(self, offset: int, length: int) -> bytes:
        """Read a part; shorter where the file ends."""
        return b"".join(self.parts(offset, length))

    def parts(self, offset: int, length: int) -> Iterator[bytes]:
        """Read a part, some bytes at a time."""
        while length > 0 and (found := os.pread(self.handle, min(PART, length), offset)):
            yield found
            offset, length = offset + len(found), length - len(found)

    def __len__(self) -> int:
        """Bytes of it."""
        return os.fstat(self.handle).st_size

    def __del__(self) -> None:
        """Free the memory with its last user."""
        if (handle := getattr(self, "handle", None)) is not None:
            os.close(handle)


def mapped(handle: int) -> mmap.mmap:
    """See a file in memory without copying it."""
    return mmap.mmap(handle, 0, prot=mmap.PROT_READ)
