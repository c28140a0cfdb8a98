"""Read ``.npz`` files that anybody may have written: bounded memory, no pickles, no paths.

A file of a few kilobytes can declare arrays of terabytes, as a compressed member that unpacks to
more than there is memory, or as a shape. Both are refused before anything is unpacked.
"""

import io
import math
from pathlib import Path
from zipfile import ZipFile, ZipInfo

import numpy as np

from segcert.errors import InputError

MOST_BYTES = 1 << 32  # of all arrays of a file together
HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_arrays(source: Path | bytes, *, most: int = MOST_BYTES) -> dict[str, np.ndarray]:
    """Read all arrays of an .npz file by name.

    Args:
        source: The file, or its bytes.
        most: Bytes that all arrays together may take.

    Raises:
        InputError: If it declares more bytes, an array twice, a pickle, or a shape that its bytes
            do not fill.
        Exception: Whatever readers of zip files raise on other damaged bytes.
    """
    with ZipFile(io.BytesIO(source) if isinstance(source, bytes) else source) as archive:
        members = archive.infolist()
        size = sum(member.file_size for member in members)
        if size > most:
            raise InputError(f"its arrays take {size} bytes, at most {most} are read")
        found = {}
        for member in members:
            name = member.filename.removesuffix(".npy")
            if name in found or name == member.filename:
                raise InputError(f"member {member.filename!r} is there twice, or is no .npy array")
            found[name] = read_member(archive, member)
    return found


def read_member(archive: ZipFile, member: ZipInfo) -> np.ndarray:
    """Read one array, if its bytes are as many as its header says.

    Raises:
        InputError: If they are not, or it holds pickled objects.
    """
    content = archive.read(member)
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    if version not in HEADERS:
        raise InputError(f"array {member.filename!r} has format {version}, not one of {[*HEADERS]}")
    shape, _, dtype = HEADERS[version](file)
    if dtype.hasobject:
        raise InputError(f"array {member.filename!r} holds pickled objects, which are not read")
    if min(shape, default=1) < 0 or dtype.itemsize * math.prod(shape) != len(content) - file.tell():
        raise InputError(f"array {member.filename!r} declares shape {shape}, its bytes do not fit")
    if math.prod(shape) and not dtype.itemsize:
        raise InputError(f"array {member.filename!r} has elements of no bytes")
    file.seek(0)
    array: np.ndarray = np.lib.format.read_array(file, allow_pickle=False)
    return array
