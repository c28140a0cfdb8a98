"""The words of streams of version 2 by hand: hashes, Philox of NumPy, and integers of Python."""

import hashlib
from bisect import bisect_right
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from segcert.noise.grid import AbstractGridNoise
from segcert.sampling.streams import Stage, Streams


def philox(text: str) -> np.random.Philox:
    """The generator of a text."""
    digest = hashlib.sha256(text.encode()).digest()
    return np.random.Philox(key=int.from_bytes(digest[:16], "little"))


def quarters(bits: np.random.Philox) -> Iterator[int]:
    """Signed numbers of 16 bits, four to a word, the lowest first."""
    while True:
        word = int(bits.random_raw())
        for _ in range(4):
            word, quarter = divmod(word, 2**16)
            yield quarter - 2**16 * (quarter >= 2**15)


def is_open(quarter: int, ascending: list[int]) -> bool:
    """Whether a threshold lies between the words that begin with these bits."""
    first = quarter * 2**48
    return bisect_right(ascending, first) < bisect_right(ascending, first + 2**48 - 1)


def words_of(text: str, count: int, thresholds: Tensor) -> list[int]:
    """Words of one draw; where 16 bits decide, the other 48 are zeros."""
    main, rest, ascending = quarters(philox(text)), philox(f"{text}|rest"), thresholds.tolist()
    return [
        quarter * 2**48 + (int(rest.random_raw()) >> 16 if is_open(quarter, ascending) else 0)
        for quarter, _ in zip(main, range(count), strict=False)
    ]


def steps_by_hand(
    streams: Streams, stage: Stage, draw: int, shape: tuple[int, ...], noise: AbstractGridNoise
) -> Tensor:
    """The integer noise of one draw, (1, *shape)."""
    text = f"segcert noise 2|{streams.seed}|{streams.input_sha256}|{stage.value}|{draw}"
    ascending = noise.table.thresholds.tolist()
    words = words_of(text, int(np.prod(shape)), noise.table.thresholds)
    steps = [noise.table.lowest + bisect_right(ascending, word) for word in words]
    return torch.tensor(steps, dtype=torch.int16).reshape(1, *shape)
