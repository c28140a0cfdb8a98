"""Fingerprints of noisy draws: 64 bits each, to prove that no noise was used twice."""

from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, UInt64
from torch import Tensor
from torch.nn import functional

from segcert.errors import SamplingError

ROW = 2**16  # numbers hashed with one set of weights


def fingerprints(batch: Float[Tensor, " b *shape"]) -> UInt64[np.ndarray, " b"]:
    """Hash the bits of each float32 draw: sum of odd weights times words, modulo 2^64.

    Two different random draws collide with probability about 2^-64; equal draws always do.
    """
    words = batch.to(torch.float32).reshape(len(batch), -1).view(torch.int32)
    words = functional.pad(words, (0, -words.shape[1] % (2 * ROW))).view(torch.int64)
    rows = words.reshape(len(batch), -1, ROW)
    columns, lines = weights(ROW, batch.device), weights(2**20, batch.device)[: rows.shape[1]]
    hashes = [((draw * columns).sum(1) * lines).sum() for draw in rows]
    return torch.stack(hashes).cpu().numpy().view(np.uint64)


@lru_cache(maxsize=8)
def weights(count: int, device: torch.device) -> Tensor:
    """Fixed odd 64-bit weights."""
    words = np.random.Philox(key=count).random_raw(count) | np.uint64(1)
    return torch.from_numpy(words.view(np.int64)).to(device)


def check_distinct(prints: UInt64[np.ndarray, " n"]) -> None:
    """Refuse a run in which one noisy input was used twice.

    Raises:
        SamplingError: If two fingerprints are equal.
    """
    repeats = len(prints) - len(np.unique(prints))
    if repeats:
        raise SamplingError(
            f"{repeats} of {len(prints)} noisy draws repeat another, so no certificate follows: "
            "either sigma or the input is so small that draws coincide by chance (take a larger "
            "sigma), or the noise or its streams are defective"
        )
