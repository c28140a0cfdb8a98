"""Masks of components that are not tested, as values that can be compared, hashed and written."""

import base64
import binascii
import hashlib
import math
import re
import zlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool

from segcert.errors import InputError

MOST_VALUES = 1 << 31  # of a mask, as of an input
TEXT = re.compile(r"([1-9][0-9]{0,9}(?:x[1-9][0-9]{0,9}){0,2}):([A-Za-z0-9+/]+={0,2})")


@dataclass(frozen=True, eq=False)
class Mask:
    """Components that are not tested.

    Args:
        array: True where a component is not tested; it is copied.

    Raises:
        InputError: If it is no array of booleans, or true everywhere.
    """

    array: Bool[np.ndarray, " *components"]

    def __post_init__(self) -> None:
        """Check the mask, and keep it from change."""
        if not isinstance(self.array, np.ndarray) or self.array.dtype != np.bool_:
            raise InputError(f"ignore must be a mask of booleans, got {kind_of(self.array)}")
        if self.array.size == 0 or self.array.all():
            raise InputError("ignore leaves no component to certify: it is true everywhere")
        own = np.ascontiguousarray(self.array).copy()
        own.setflags(write=False)
        object.__setattr__(self, "array", own)

    @cached_property
    def sha256(self) -> str:
        """Hash of shape and values."""
        whole = f"{self.array.shape}|".encode() + self.array.tobytes()
        return hashlib.sha256(whole).hexdigest()

    def __eq__(self, other: object) -> bool:
        """Whether shape and values are the same."""
        return isinstance(other, Mask) and self.sha256 == other.sha256

    def __hash__(self) -> int:
        """Of shape and values."""
        return hash(self.sha256)

    def __str__(self) -> str:
        """The whole mask as text: shape, and its bits, packed and compressed."""
        packed = zlib.compress(np.packbits(self.array).tobytes(), 9)
        shape = "x".join(map(str, self.array.shape))
        return f"{shape}:{base64.b64encode(packed).decode()}"


def parse_mask(text: str) -> Mask:
    """Read what `str` of a mask prints; nobody's text makes more memory than its shape needs.

    Raises:
        InputError: If it is no mask.
    """
    found = TEXT.fullmatch(text)
    rule = f"ignore must be the text of a mask, HEIGHTxWIDTH:DATA, got {text[:40]!r}"
    if found is None:
        raise InputError(rule)
    shape = tuple(int(side) for side in found[1].split("x"))
    values = math.prod(shape)
    if values > MOST_VALUES:
        raise InputError(f"a mask of {values} components is read up to {MOST_VALUES}")
    reader, length = zlib.decompressobj(), -(-values // 8)
    try:
        bits = reader.decompress(base64.b64decode(found[2], validate=True), length + 1)
    except (binascii.Error, zlib.error) as error:
        raise InputError(f"{rule} ({error})") from error
    if len(bits) != length or not reader.eof or reader.unused_data:
        raise InputError(f"{rule}: its data do not fill {found[1]}")
    whole = np.unpackbits(np.frombuffer(bits, dtype=np.uint8))
    if whole[values:].any():
        raise InputError(f"{rule}: its data go on beyond {found[1]}")
    return Mask(whole[:values].reshape(shape).astype(bool))


def kind_of(value: object) -> str:
    """What something is, for the error."""
    return str(value.dtype) if isinstance(value, np.ndarray) else repr(value)
