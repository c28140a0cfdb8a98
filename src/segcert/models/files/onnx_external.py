"""Weights of ONNX networks that lie in files beside them: where, and back into the network."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from segcert.errors import InputError

KEYS = ("location", "offset", "length", "checksum", "basepath")  # of external data
Read = Callable[[str, int, int], bytes]  # name of a file, first byte, length; negative for the rest


def bring_in(tensor: Any, path: Path, read: Read) -> None:
    """Take numbers that lie in another file into the network.

    Args:
        tensor: Of the network; changed in place.
        path: Of the network.
        read: Reads a part of a file beside it.

    Raises:
        InputError: If they do not lie in one file.
    """
    told = settings(tensor, path)
    if not told:
        return
    offset, length = whole_number(told.get("offset", "0")), whole_number(told.get("length", "-1"))
    tensor.raw_data = read(told["location"], offset, length)
    tensor.ClearField("data_location")
    tensor.ClearField("external_data")


def settings(tensor: Any, path: Path) -> dict[str, str]:
    """Where the numbers of a tensor lie, if it is in another file; else nothing.

    Raises:
        InputError: If they do not lie in one file.
    """
    if tensor.data_location != tensor.EXTERNAL:
        if tensor.external_data:
            raise InputError(f"model {path}: {tensor.name[:60]!r} is here and elsewhere")
        return {}
    keys = [entry.key for entry in tensor.external_data]
    told = {entry.key: entry.value for entry in tensor.external_data}
    if len(keys) != len(told) or not set(keys) <= set(KEYS) or "location" not in told:
        raise InputError(
            f"model {path}: {tensor.name[:60]!r} must lie in one file, it names {keys[:6]}: save "
            "it again with onnx.save"
        )
    return told


def whole_number(text: str) -> int:
    """Read an offset or length.

    Raises:
        ValueError: If it is none.
    """
    return int(text[:20])


def places_of(model: Any, path: Path) -> list[str]:
    """Names of the files with weights, in their order."""
    found = (settings(tensor, path) for tensor in tensors_of(model))
    return sorted({told["location"] for told in found if told})


def file_beside(path: Path, place: str) -> Path:
    """Find a file beside a network; no path, no link.

    Args:
        path: Of the network.
        place: Name of the file.

    Raises:
        InputError: If it lies elsewhere or is a link.
    """
    beside = path.parent / place
    if place != beside.name or place in ("", ".", "..") or "\0" in place or "\\" in place:
        raise InputError(f"model {path} keeps weights in {place[:80]!r}, not beside itself")
    if beside.is_symlink():
        raise InputError(f"model {path} keeps weights in {place[:80]!r}, which is a link")
    return beside


def tensors_of(message: Any) -> Iterator[Any]:
    """Yield every tensor within a message of ONNX, at any depth."""
    if message.DESCRIPTOR.name == "TensorProto":
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is not None and not field.message_type.GetOptions().map_entry:
            parts = [value] if hasattr(value, "DESCRIPTOR") else value
            for part in parts:
                yield from tensors_of(part)
