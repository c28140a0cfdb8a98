"""ONNX files whose weights, in files beside them, exceed what one message can hold (2 GiB).

The weights are copied once, from disk into a file in memory, and hashed on the way; the confined
process maps that file and hands them to ONNX Runtime by their names. How they are laid out is
described in `confined.onnx_parts`.
"""

import hashlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from segcert.errors import InputError
from segcert.files import check_regular, open_regular
from segcert.models.confined.onnx_parts import TYPES, Part, after_weights
from segcert.models.confined.stored import PART, Stored
from segcert.models.files.onnx_external import (
    bring_in,
    file_beside,
    places_of,
    settings,
    tensors_of,
    whole_number,
)

LARGEST = (1 << 31) - (1 << 20)  # bytes of a message of Protocol Buffers, less what else is in it
SMALL = 1 << 20  # bytes of a tensor that is taken into the network
WAY_OUT = "save its weights in one file beside it, with onnx.save(..., save_as_external_data=True)"


def is_large(model: Any, path: Path) -> bool:
    """Tell whether a network and the files with its weights exceed one message.

    Raises:
        InputError: If a file is missing, or lies elsewhere.
    """
    files = [file_beside(path, place) for place in places_of(model, path)]
    for file in files:
        check_regular(file, what="file with weights")
    return bool(sum(file.stat().st_size for file in files) + model.ByteSize() >= LARGEST)


def stored_parts(model: Any, path: Path) -> tuple[Stored, list[str]]:
    """Lay a network and its weights out in a file in memory.

    Args:
        model: The network; changed in place.
        path: Of its file.

    Returns:
        The file, and the hash of each file with weights, by their names.

    Raises:
        InputError: If a file is too short, or what is left is too large all the same.
    """
    weights, places, hashes = Stored(), dict[str, range](), list[str]()
    for place in places_of(model, path):
        start = len(weights)
        hashes.append(copied(file_beside(path, place), weights))
        places[place] = range(start, len(weights))

    def read(place: str, offset: int, length: int) -> bytes:
        part = within(places[place], path, place, offset, length)
        return weights.part(part.start, len(part))

    apart = {one.name for one in model.graph.initializer if is_apart(one, path)}
    for tensor in tensors_of(model):
        if not (tensor.name in apart and is_apart(tensor, path)):
            bring_in(tensor, path, read)
    found = list(parts_of(model, path, places))
    if model.ByteSize() >= LARGEST:
        raise InputError(f"model {path} holds over 2 GiB in small tensors: {WAY_OUT}")
    for content in after_weights(model.SerializeToString(), found, len(weights)):
        weights.write(content)
    return weights, hashes


def parts_of(model: Any, path: Path, places: dict[str, range]) -> Iterator[Part]:
    """Find where each tensor lies that was not taken into the network."""
    for tensor in model.graph.initializer:
        if told := settings(tensor, path):
            place, offset = told["location"], whole_number(told.get("offset", "0"))
            length = math.prod(tensor.dims) * TYPES[tensor.data_type].itemsize
            part = within(places[place], path, place, offset, length)
            yield Part(
                name=tensor.name, kind=tensor.data_type, shape=tuple(tensor.dims), start=part.start
            )


def within(place: range, path: Path, name: str, offset: int, length: int) -> range:
    """Find a part of a file in the file in memory.

    Raises:
        InputError: If the file is too short.
    """
    length = len(place) - offset if length < 0 else length
    if not 0 <= offset <= offset + length <= len(place):
        raise InputError(f"model {path} is damaged: {name[:80]!r} is too short")
    return place[offset : offset + length]


def is_apart(tensor: Any, path: Path) -> bool:
    """Whether a tensor is handed over by its name, not within the network."""
    if not settings(tensor, path) or tensor.data_type not in TYPES:
        return False
    return int(math.prod(tensor.dims)) * TYPES[tensor.data_type].itemsize >= SMALL


def copied(path: Path, to: Stored) -> str:
    """Copy a file, and hash it on the way."""
    digest = hashlib.sha256()
    with open_regular(path, what="file with weights") as file:
        while content := file.read(PART):
            digest.update(content)
            to.write(content)
    return digest.hexdigest()
