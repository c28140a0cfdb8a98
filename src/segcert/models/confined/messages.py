"""What the two processes say to each other: JSON, and tensors in memory that both see.

Nothing is unpickled on either side, and each side checks what the other says.
"""

import fcntl
import json
import math
import mmap
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from segcert.models.confined.stored import Stored, mapped

LONGEST = 1 << 22  # bytes of a message
LARGEST = 1 << 40  # bytes of tensors
ALIGNED = 64  # bytes
TYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.uint8, torch.int8,
        torch.int16, torch.int32, torch.int64, torch.bool,
    )
}  # fmt: skip
LARGEST_READ = 1 << 30  # bytes, of one read
CHANNELS_LAST, BACK = (0, 2, 3, 1), (0, 3, 1, 2)


class BrokenMessageError(Exception):
    """The other side said something that it never says."""


def send(handle: int, message: dict[str, Any]) -> None:
    """Write a message."""
    content = json.dumps(message).encode()
    content = struct.pack("=I", len(content)) + content
    while content:
        content = content[os.write(handle, content) :]


def receive(handle: int) -> dict[str, Any]:
    """Read a message.

    Raises:
        EOFError: If the other side is gone.
        BrokenMessageError: If it is none.
    """
    (length,) = struct.unpack("=I", read_all(handle, 4))
    if length > LONGEST:
        raise BrokenMessageError(f"a message of {length} bytes")
    try:
        message = json.loads(read_all(handle, length))
    except (ValueError, RecursionError) as error:
        raise BrokenMessageError("no JSON") from error
    if not isinstance(message, dict):
        raise BrokenMessageError("no object")
    return message


def read_all(handle: int, length: int) -> bytes:
    """Read so many bytes.

    Raises:
        EOFError: If the other side is gone.
    """
    found = b""
    while len(found) < length:
        part = os.read(handle, length - len(found))
        if not part:
            raise EOFError
        found += part
    return found


@dataclass(frozen=True)
class Laid:
    """A tensor in shared memory.

    Args:
        dtype: Name of its type.
        shape: Its shape.
        last: Whether channels lie together in memory, as in ``torch.channels_last``.
    """

    dtype: str
    shape: tuple[int, ...]
    last: bool

    @property
    def size(self) -> int:
        """Bytes."""
        return math.prod(self.shape) * TYPES[self.dtype].itemsize

    @classmethod
    def of(cls, tensor: Tensor) -> "Laid":
        """Describe a tensor.

        Raises:
            ValueError: If its type is not one of those that are passed.
        """
        name = str(tensor.dtype).removeprefix("torch.")
        if name not in TYPES:
            raise ValueError(f"tensors of {name} are not passed on")
        last = tensor.ndim == 4 and not tensor.is_contiguous()
        last = last and tensor.is_contiguous(memory_format=torch.channels_last)
        return cls(name, tuple(tensor.shape), last)

    def said(self) -> dict[str, Any]:
        """As a part of a message."""
        return {"dtype": self.dtype, "shape": list(self.shape), "last": self.last}


def heard(parts: object) -> list[Laid]:
    """Read descriptions of tensors from a message.

    Raises:
        BrokenMessageError: If they are none.
    """
    if not isinstance(parts, list):
        raise BrokenMessageError("no list of tensors")
    found = []
    for part in parts:
        match part:
            case {"dtype": str() as dtype, "shape": list() as shape, "last": bool() as last}:
                whole = all(type(side) is int and 0 <= side < 1 << 40 for side in shape)
                if dtype in TYPES and whole and len(shape) <= 8 and (not last or len(shape) == 4):
                    found.append(Laid(dtype, tuple(shape), last))
    if len(found) != len(parts) or needed(found) > LARGEST:
        raise BrokenMessageError("no tensors")
    return found


def needed(parts: Sequence[Laid]) -> int:
    """Bytes of several tensors, each at its place."""
    return sum(-(-part.size // ALIGNED) * ALIGNED for part in parts)


class Memory:
    """Memory that two processes see; it grows and never shrinks.

    Args:
        handle: Of a file in memory.
    """

    def __init__(self, handle: int) -> None:
        self.handle = handle
        self._map: mmap.mmap | None = None

    @classmethod
    def new(cls) -> "Memory":
        """Make one that the other side cannot shrink, which would end this one."""
        handle = os.memfd_create("segcert", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        fcntl.fcntl(handle, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
        return cls(handle)

    def grow(self, size: int) -> None:
        """Make room; only the side that made it can."""
        if os.fstat(self.handle).st_size < size:
            os.ftruncate(self.handle, -(-size // mmap.PAGESIZE) * mmap.PAGESIZE)

    def views(self, parts: Sequence[Laid]) -> list[Tensor]:
        """Tensors that lie in it, one after the other."""
        size, place, found = os.fstat(self.handle).st_size, 0, []
        if needed(parts) > size:
            raise BrokenMessageError("tensors that do not fit")
        if size and (self._map is None or len(self._map) < size):
            self._map = mmap.mmap(self.handle, size)
        for part in parts:
            dtype, shape = TYPES[part.dtype], part.shape
            if not part.size:
                found.append(torch.empty(shape, dtype=dtype))
                continue
            assert self._map is not None
            stored = tuple(shape[axis] for axis in CHANNELS_LAST) if part.last else shape
            count = math.prod(shape)
            flat = torch.frombuffer(self._map, dtype=dtype, count=count, offset=place)
            view = flat.view(stored)
            found.append(view.permute(BACK) if part.last else view)
            place += -(-part.size // ALIGNED) * ALIGNED
        return found

    def write(self, tensors: Sequence[Tensor], parts: Sequence[Laid]) -> None:
        """Copy tensors into it."""
        for view, tensor in zip(self.views(parts), tensors, strict=True):
            view.copy_(tensor)

    def read(self, parts: Sequence[Laid]) -> list[Tensor]:
        """Copy tensors out of it: the other side could change it later."""
        return [view.clone() for view in self.views(parts)]

    def close(self) -> None:
        """Close it."""
        os.close(self.handle)


def content_in(handle: int) -> bytes | mmap.mmap:
    """Read a whole file in memory; map a large one, as it is read in parts."""
    size = os.fstat(handle).st_size
    return mapped(handle) if size > LARGEST_READ else os.pread(handle, size, 0)


def written(content: bytes | Stored) -> int:
    """Put a content into a file in memory; returns its handle."""
    if isinstance(content, Stored):
        return os.dup(content.handle)
    handle = os.memfd_create("segcert", os.MFD_CLOEXEC)
    left = memoryview(content)
    while left:
        left = left[os.write(handle, left) :]
    return handle
