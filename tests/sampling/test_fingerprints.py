"""Fingerprints: equal for equal draws only."""

import numpy as np
import pytest
import torch

from segcert.errors import SamplingError
from segcert.sampling.fingerprints import ROW, check_distinct, fingerprints, weights


def draws(count: int, *shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, *shape, generator=torch.Generator().manual_seed(seed))


def by_hand(draw: np.ndarray) -> int:
    """Sum of column weight times line weight times word, in Python integers."""
    bits = draw.astype("<f4").tobytes()
    words = np.frombuffer(bits + bytes(-len(bits) % (8 * ROW)), dtype="<u8").tolist()
    columns = (np.random.Philox(key=ROW).random_raw(ROW) | np.uint64(1)).tolist()
    lines = (np.random.Philox(key=2**20).random_raw(2**20)[:8] | np.uint64(1)).tolist()
    total = sum(word * columns[i % ROW] * lines[i // ROW] for i, word in enumerate(words))
    return total % 2**64


def test_fingerprint_is_the_documented_hash() -> None:
    """Against integers in Python; the draw spans more than one row of weights."""
    batch = draws(2, 3, 50_000)
    assert fingerprints(batch).tolist() == [by_hand(draw.numpy()) for draw in batch]


def test_weights_are_odd() -> None:
    assert bool((weights(ROW, torch.device("cpu")) % 2 != 0).all())


def test_fingerprint_depends_on_the_draw_alone() -> None:
    batch = draws(9, 3, 7, 5)
    alone = [fingerprints(draw[None])[0] for draw in batch]
    assert fingerprints(batch).tolist() == alone
    assert fingerprints(batch).dtype == np.uint64
    assert fingerprints(batch.to(memory_format=torch.channels_last)).tolist() == alone


@pytest.mark.parametrize("place", [0, 1, 11])
def test_every_single_bit_counts(place: int) -> None:
    """Flipping any one bit of a draw changes its fingerprint."""
    words = draws(1, 3, 2, 2).view(torch.int32).flatten()
    flips = [1 << bit for bit in range(31)] + [-(2**31)]
    changed = words.repeat(32, 1)
    changed[:, place] ^= torch.tensor(flips, dtype=torch.int32)
    (original,) = fingerprints(words.view(torch.float32)[None])
    assert original not in fingerprints(changed.view(torch.float32))


def test_order_of_the_values_counts() -> None:
    """Permuted or shifted noise is other noise."""
    draw = draws(1, 200_000)[0]
    batch = torch.stack([draw, draw.flip(0), draw.roll(1), draw.roll(2 * ROW), -draw])
    assert len(np.unique(fingerprints(batch))) == 5


def test_distinct_prints_pass() -> None:
    check_distinct(np.arange(1000, dtype=np.uint64))
    check_distinct(np.zeros(0, dtype=np.uint64))


@pytest.mark.parametrize("where", [(0, 1), (0, 999), (500, 501)])
def test_one_repeat_among_many_is_an_error(where: tuple[int, int]) -> None:
    prints = np.arange(1000, dtype=np.uint64)
    prints[where[1]] = prints[where[0]]
    with pytest.raises(SamplingError, match="1 of 1000 noisy draws repeat another") as caught:
        check_distinct(prints)
    assert "\n" not in str(caught.value)
