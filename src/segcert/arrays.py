"""Read ``.npz`` files that anybody may have written: bounded memory, no pickles, no paths.

A file of a few kilobytes can declare arrays of terabytes, as a compressed member that unpacks to
more than there is memory, or as a shape. Both are refused before anything is unpacked; who knows
which arrays there must be refuses others by their headers, which take no memory.
"""

import hashlib
import io
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipExtFile, ZipFile, ZipInfo

import numpy as np

from segcert.errors import InputError

MOST_BYTES = 1 << 32  # of all arrays of a file together
CHUNK = 1 << 20  # bytes that are unpacked together
HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


@dataclass(frozen=True)
class Declared:
    """What the header of an array says.

    Args:
        shape: Of the array.
        dtype: Of its numbers.
        fortran_order: Whether the first axis changes fastest in the file.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    fortran_order: bool = False


def read_arrays(
    source: Path | bytes,
    *,
    most: int = MOST_BYTES,
    check: Callable[[Mapping[str, Declared]], None] = lambda _: None,
) -> dict[str, np.ndarray]:
    """Read all arrays of an .npz file by name.

    Args:
        source: The file, or its bytes.
        most: Bytes that all arrays together may take.
        check: Called with the headers before any array is unpacked; raises what is to be refused.

    Raises:
        InputError: If it declares more bytes, an array twice, a pickle, or a shape that its bytes
            do not fill.
        Exception: Whatever readers of zip files raise on other damaged bytes.
    """
    with ZipFile(io.BytesIO(source) if isinstance(source, bytes) else source) as archive:
        members: dict[str, ZipInfo] = {}
        for member in archive.infolist():
            name = member.filename.removesuffix(".npy")
            if name in members or name == member.filename:
                raise InputError(f"member {member.filename!r} is there twice, or is no .npy array")
            if member.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
                raise InputError(f"member {member.filename!r} is packed in another way than ours")
            members[name] = member
        size = sum(member.file_size for member in members.values())
        if size > most:
            raise InputError(f"its arrays take {size} bytes, at most {most} are read")
        declared = {name: read_member_header(archive, one) for name, one in members.items()}
        check(declared)
        return {name: read_member(archive, members[name], declared[name]) for name in members}


def read_member_header(archive: ZipFile, member: ZipInfo) -> Declared:
    """Read what the header of an array says, if its bytes are as many.

    Raises:
        InputError: If they are not, or it holds pickled objects.
    """
    with archive.open(member) as file:
        return read_header(cast(ZipExtFile, file), member)


def read_header(file: ZipExtFile, member: ZipInfo) -> Declared:
    """Read a header, and stop at the first byte of the array; see `read_member_header`."""
    version = np.lib.format.read_magic(file)
    if version not in HEADERS:
        raise InputError(f"array {member.filename!r} has format {version}, not one of {[*HEADERS]}")
    shape, fortran_order, dtype = HEADERS[version](file)
    if dtype.hasobject:
        raise InputError(f"array {member.filename!r} holds pickled objects, which are not read")
    left = member.file_size - file.tell()
    if min(shape, default=1) < 0 or dtype.itemsize * math.prod(shape) != left:
        raise InputError(f"array {member.filename!r} declares shape {shape}, its bytes do not fit")
    if math.prod(shape) and not dtype.itemsize:
        raise InputError(f"array {member.filename!r} has elements of no bytes")
    return Declared(shape, dtype, fortran_order)


def read_member(archive: ZipFile, member: ZipInfo, declared: Declared) -> np.ndarray:
    """Read one array; memory is taken as bytes arrive."""
    with archive.open(member) as file:
        read_header(cast(ZipExtFile, file), member)
        content = bytearray(member.file_size - file.tell())
        end = 0
        while part := file.read(CHUNK):
            content[end : end + len(part)] = part
            end += len(part)
    if end != len(content):
        raise InputError(f"array {member.filename!r} ends early")
    order: Literal["C", "F"] = "F" if declared.fortran_order else "C"
    return np.ndarray(declared.shape, declared.dtype, content or None, order=order)


def hash_named(arrays: Mapping[str, np.ndarray]) -> str:
    """Hash arrays with their names, types and shapes."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name}|{array.dtype.str}|{array.shape}|".encode() + array.tobytes())
    return digest.hexdigest()
