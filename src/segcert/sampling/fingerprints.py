"""Fingerprints of noisy draws: 64 bits each, to prove that no noise was used twice."""

from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Int32, Int64, UInt64
from scipy.special import pdtrc
from torch import Tensor
from torch.nn import functional

from segcert.errors import SamplingError

ROW = 2**16  # numbers hashed with one set of weights
FALSE_ALARM = 1e-9  # that an honest run is refused


def fingerprints(batch: Float[Tensor, " b *shape"]) -> UInt64[np.ndarray, " b"]:
    """Hash the bits of each float32 draw: sum of odd weights times words, modulo 2^64.

    Two different random draws collide with probability about 2^-64; equal draws always do.
    """
    return to_numpy([hashes(batch)])


def hashes(batch: Float[Tensor, " b *shape"]) -> Int64[Tensor, " b"]:
    """Hash the draws where they are, as signed integers."""
    words = batch.to(torch.float32).reshape(len(batch), -1).view(torch.int32)
    on_cpu = batch.device.type == "cpu"
    return hashes_on_cpu(words) if on_cpu else hashes_on_device(words)


def hashes_on_cpu(words: Int32[Tensor, " b values"]) -> Int64[Tensor, " b"]:
    """Hash in NumPy, whose sum of products needs no room for the terms."""
    columns, lines = weights(ROW, words.device).numpy(), weights(2**20, words.device).numpy()
    whole = words.shape[1] // (2 * ROW) * 2 * ROW
    found = []
    for draw in words.numpy():
        full, last = draw[:whole].view(np.int64).reshape(-1, ROW), draw[whole:]
        pairs = (np.append(last, np.int32(0)) if len(last) % 2 else last).view(np.int64)
        rest = np.einsum("i,i", pairs, columns[: len(pairs)])
        by_line = np.append(np.einsum("ij,j->i", full, columns), rest)
        found.append(np.einsum("i,i", by_line, lines[: len(by_line)]))
    return torch.from_numpy(np.array(found, dtype=np.int64))


def hashes_on_device(words: Int32[Tensor, " b values"]) -> Int64[Tensor, " b"]:
    """Hash in torch, which has no product of integers on CUDA."""
    padded = functional.pad(words, (0, -words.shape[1] % (2 * ROW))).view(torch.int64)
    rows = padded.reshape(len(words), -1, ROW)
    columns, lines = weights(ROW, words.device), weights(2**20, words.device)[: rows.shape[1]]
    return torch.stack([((draw * columns).sum(1) * lines).sum() for draw in rows])


def to_numpy(parts: list[Tensor]) -> UInt64[np.ndarray, " draws"]:
    """Fetch the hashes of several batches at once, as unsigned integers."""
    return torch.cat(parts).cpu().numpy().view(np.uint64)


@lru_cache(maxsize=8)
def weights(count: int, device: torch.device) -> Tensor:
    """Fixed odd 64-bit weights."""
    words = np.random.Philox(key=count).random_raw(count) | np.uint64(1)
    return torch.from_numpy(words.view(np.int64)).to(device)


def check_distinct(prints: UInt64[np.ndarray, " n"], repeat_probability: float = 0.0) -> None:
    """Refuse a run in which noisy inputs repeat more often than honest chance explains.

    Args:
        prints: One fingerprint per draw.
        repeat_probability: Bound on the probability that a draw equals a given tensor; of the
            noise. At 0 no repeat is allowed.

    Raises:
        SamplingError: If there are too many equal fingerprints.
    """
    repeats = len(prints) - len(np.unique(prints))
    allowed = chance_repeats(len(prints), repeat_probability)
    if repeats > allowed:
        chance = f" (chance explains {allowed})" if allowed else ""
        raise SamplingError(
            f"{repeats} of {len(prints)} noisy draws repeat another{chance}, so no certificate "
            "follows: either the noise or the input is so small that draws coincide by chance "
            "(take larger noise), or the noise or its streams are defective"
        )


def chance_repeats(n: int, q: float) -> int:
    """Number of repeats among ``n`` draws that honest chance exceeds with at most 1e-9.

    Whatever came before, draw ``j + 1`` equals one of the ``j`` earlier ones with a probability
    of at most ``j q``, as a Poisson number of mean ``-ln(1 - j q)`` is positive. So the number
    of repeats is at most a Poisson number of the sum of these means, whose tail is exact.
    No more than a quarter of the draws is ever allowed: a noise that is used twice gives half.

    Args:
        n: Number of draws.
        q: Bound on the probability that a draw equals a given tensor, in [0, 1].
    """
    most = n // 4
    if q == 0 or most == 0:
        return 0
    if (n - 1) * q >= 1:
        return most
    mean = -np.log1p(-q * np.arange(1, n)).sum()
    return int((pdtrc(np.arange(most), mean) > FALSE_ALARM).sum())
