"""One stream of random numbers per (seed, input, stage, draw).

The noise of a draw is a function of these four only: batch size, number of threads, resume
and the order of the draws cannot change it, and no two draws share a stream.

Streams have a version, which certificates name. A value of noise costs 64 bits of version 1. Of
version 2 it costs 16, and the other 48 are drawn from a second stream of the same draw where the
first ones do not decide: the law is the same (docs/decisions/0025). CUDA has version 1 only.
"""

import hashlib
import secrets
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt16
from torch import Tensor

from segcert.errors import InputError
from segcert.noise.base import LEADING_BITS, QUARTERS, PartWords, parts_of

SEED_BITS = 128
NEWEST = {"cpu": 2, "cuda": 1}  # version of the streams, by kind


class Stage(StrEnum):
    """What a draw is for."""

    CHECK = "check"  # does the model mix the draws of a batch? never counted
    PILOT = "pilot"  # chooses the class
    TEST = "test"  # is counted
    PROBE = "probe"  # a plan is made from it; never tested, nor chooses a class
    ATTACK = "attack"  # an attack looks for its gradient in it; never tested


def fresh_seed() -> int:
    """Draw a seed from the operating system's cryptographic generator."""
    return secrets.randbits(SEED_BITS)


def check_seed(seed: int) -> None:
    """Refuse a seed out of range.

    Raises:
        InputError: If it is not an integer in [0, 2^128).
    """
    if not (isinstance(seed, int) and 0 <= seed < 2**SEED_BITS):
        raise InputError(f"seed must be an integer in [0, 2^{SEED_BITS}), got {seed}")


@dataclass(frozen=True)
class Streams:
    """All streams of one input.

    Args:
        seed: In [0, 2^128).
        input_sha256: Hash of the input, so that inputs of one seed do not share noise.
        device: Where the numbers are wanted.
        kind: Type of the device whose streams are meant, "cpu" or "cuda"; they differ. CPU
            streams can feed any device.
        version: Of the streams; 0 is the newest one of the kind.

    Raises:
        InputError: If the seed is out of range, or there is no such version.
    """

    seed: int
    input_sha256: str
    device: torch.device
    kind: str
    version: int = 0

    def __post_init__(self) -> None:
        """Check the seed and the version."""
        check_seed(self.seed)
        object.__setattr__(self, "version", self.version or NEWEST[self.kind])
        check_stream_version(self.version, self.kind)

    def of_draw(self, stage: Stage, draw: int) -> "PhiloxStream | CudaStream":
        """Open the stream of one draw, at its beginning."""
        text = f"segcert noise {self.version}|{self.seed}|{self.input_sha256}|{stage.value}|{draw}"
        if self.kind == "cuda":
            return CudaStream(key_of(text, 8), self.device)
        if self.version == 1:
            return PhiloxStream(key_of(text, 16), self.device)
        return SplitPhiloxStream(key_of(text, 16), key_of(f"{text}|rest", 16), self.device)


def key_of(text: str, count: int) -> int:
    """The first bytes of a hash, little endian."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:count], "little")


def versions_of(kind: str) -> range:
    """Versions of the streams of a kind."""
    return range(1, NEWEST[kind] + 1)


def check_stream_version(version: int, kind: str) -> None:
    """Refuse streams that this program does not have.

    Raises:
        InputError: With the versions that there are.
    """
    if version not in versions_of(kind):
        raise InputError(
            f"streams of kind {kind} have versions 1 to {NEWEST[kind]}, got {version}: those of "
            "later versions need a later segcert"
        )


class PhiloxStream:
    """Counter-based stream on the CPU: Philox4x64-10 with a 128-bit key.

    Source:
        Salmon, Moraes, Dror, Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3".
    """

    def __init__(self, key: int, device: torch.device) -> None:
        self._bits = np.random.Philox(key=key)
        self._device = device

    def words(self, shape: tuple[int, ...]) -> Int64[Tensor, " *shape"]:
        """Draw uniform 64-bit words, as signed integers."""
        return torch.from_numpy(self._raw(int(np.prod(shape)))).reshape(shape).to(self._device)

    def part_words(self, count: int) -> PartWords:
        """Draw uniform 64-bit words, whole from the start."""
        return parts_of(self._raw(count))

    def _raw(self, count: int) -> Int64[np.ndarray, " count"]:
        words: np.ndarray = self._bits.random_raw(count).view(np.int64)
        return words

    def normals(self, shape: tuple[int, ...]) -> Float[Tensor, " *shape"]:
        """Draw standard normal float32 numbers (ziggurat)."""
        normals = np.random.Generator(self._bits).standard_normal(shape, dtype=np.float32)
        return torch.from_numpy(normals).to(self._device)


class SplitPhiloxStream(PhiloxStream):
    """Two counter-based streams on the CPU, for the leading bits of words and for their rest.

    Words that are drawn whole come from the first one.

    Args:
        key: Of the leading bits, four values of 16 to a word.
        rest: Key of the other 48 bits, which are drawn for the words that are asked for, in order.
        device: Where words and numbers are wanted.
    """

    def __init__(self, key: int, rest: int, device: torch.device) -> None:
        super().__init__(key, device)
        self._rest = np.random.Philox(key=rest)
        self._left = np.empty(0, dtype=np.uint16)

    def part_words(self, count: int) -> PartWords:
        """Draw the leading bits of words; how many at once makes no difference."""
        missing = max(0, count - len(self._left))
        drawn = self._raw(-(-missing // QUARTERS)).astype("<i8", copy=False).view("<u2")
        leading = np.concatenate([self._left, drawn]) if len(self._left) else drawn
        self._left = leading[count:]
        return PartWords(leading[:count], partial(self._whole, leading))

    def _whole(
        self, leading: UInt16[np.ndarray, " more"], places: Int64[np.ndarray, " some"]
    ) -> Int64[np.ndarray, " some"]:
        """Put the next bits of the rest behind leading ones."""
        rest = self._rest.random_raw(len(places)) >> np.uint64(LEADING_BITS)
        first = leading[places].astype(np.uint64) << np.uint64(64 - LEADING_BITS)
        words: np.ndarray = (first | rest).view(np.int64)
        return words


class CudaStream:
    """Counter-based stream on a CUDA device: torch's Philox4x32-10 with a 64-bit key."""

    def __init__(self, key: int, device: torch.device) -> None:
        self._generator = torch.Generator(device).manual_seed(key)

    def words(self, shape: tuple[int, ...]) -> Int64[Tensor, " *shape"]:
        """Draw uniform 64-bit words, as signed integers."""
        words = torch.empty(shape, dtype=torch.int64, device=self._generator.device)
        return words.random_(-(2**63), None, generator=self._generator)

    def part_words(self, count: int) -> None:  # noqa: ARG002
        """None: a device would have to tell the host which words are to be whole."""
        return

    def normals(self, shape: tuple[int, ...]) -> Float[Tensor, " *shape"]:
        """Draw standard normal float32 numbers."""
        return torch.randn(shape, generator=self._generator, device=self._generator.device)
