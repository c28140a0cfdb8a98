"""Streams: one per (seed, input, stage, draw), pinned to what is documented."""

import hashlib
import secrets
from itertools import combinations

import numpy as np
import pytest
import torch
from scipy.stats import binom

from segcert.errors import InputError
from segcert.sampling.streams import Stage, Streams, fresh_seed

CPU = torch.device("cpu")
INPUT = "ab" * 32
GOLDEN_WORDS = [2698861601949404267, -3791696436318020102, 8838269009100250704]
GOLDEN_NORMALS = [1.275318, 0.180247, -0.592011]


def streams(
    seed: int = 1, input_sha256: str = INPUT, kind: str = "cpu", version: int = 0
) -> Streams:
    return Streams(seed, input_sha256, CPU, kind, version)


def test_philox_of_numpy_is_that_of_the_paper() -> None:
    """Known answers of Random123 (kat_vectors, philox4x64-10); numpy counts up before it draws."""
    zeros = np.random.Philox(key=0, counter=2**256 - 1).random_raw(4)
    assert [f"{word:016x}" for word in zeros.tolist()] == [
        "16554d9eca36314c", "db20fe9d672d0fdc", "d7e772cee186176b", "7e68b68aec7ba23b",
    ]  # fmt: skip


@pytest.mark.parametrize("version", [1, 2])
def test_key_is_derived_as_documented(version: int) -> None:
    """SHA-256 of seed, input, stage and draw; its first 16 bytes, little endian, are the key."""
    text = f"segcert noise {version}|{2**127 + 5}|{INPUT}|test|17"
    key = int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "little")
    expected = np.random.Philox(key=key).random_raw(1000).view(np.int64)
    words = streams(2**127 + 5, version=version).of_draw(Stage.TEST, 17).words((10, 100))
    assert words.dtype == torch.int64
    assert (words.numpy().ravel() == expected).all()
    normals = streams(2**127 + 5, version=version).of_draw(Stage.TEST, 17).normals((10, 100))
    generator = np.random.Generator(np.random.Philox(key=key))
    assert (normals.numpy() == generator.standard_normal((10, 100), dtype=np.float32)).all()


def test_first_words_never_change() -> None:
    """Golden: recorded certificates are replayed from these numbers; version 2 has its own."""
    words = streams(1, version=1).of_draw(Stage.TEST, 0).words((3,)).tolist()
    assert words == GOLDEN_WORDS
    normals = streams(1, version=1).of_draw(Stage.TEST, 0).normals((3,)).tolist()
    assert normals == pytest.approx(GOLDEN_NORMALS, abs=1e-6)


def test_every_coordinate_of_the_key_gives_another_stream() -> None:
    """32 words each, all distinct over seeds, inputs, stages and draws."""
    keys = [
        (seed, input_sha256, stage, draw)
        for seed in (0, 1, 11, 2**64, 2**128 - 1)
        for input_sha256 in (INPUT, "cd" * 32)
        for stage in Stage
        for draw in (0, 1, 10, 100)
    ]
    drawn = [streams(s, i).of_draw(stage, draw).words((32,)) for s, i, stage, draw in keys]
    assert len(torch.cat(drawn).unique()) == 32 * len(keys)


@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_a_probe_shares_no_noise_with_pilot_and_test(kind: str) -> None:
    """Of one seed and input: 100 draws of each stage, 16 words a draw, all distinct."""
    some = streams(kind=kind)
    drawn = {
        stage: torch.cat([some.of_draw(stage, draw).words((16,)) for draw in range(100)])
        for stage in (Stage.PROBE, Stage.PILOT, Stage.TEST)
    }
    assert len(torch.cat(list(drawn.values())).unique()) == 3 * 1600
    again = [some.of_draw(Stage.PROBE, draw).words((16,)) for draw in range(100)]
    assert torch.equal(torch.cat(again), drawn[Stage.PROBE])  # else the above says nothing


@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_a_stream_starts_anew_and_ignores_other_draws(kind: str) -> None:
    """The order in which draws are made changes nothing."""
    some = streams(kind=kind)
    forwards = [some.of_draw(Stage.TEST, draw).words((8,)) for draw in range(5)]
    backwards = [some.of_draw(Stage.TEST, draw).words((8,)) for draw in reversed(range(5))]
    assert all(torch.equal(a, b) for a, b in zip(forwards, reversed(backwards), strict=True))
    assert all(not torch.equal(a, b) for a, b in combinations(forwards, 2))


def test_global_generators_are_neither_read_nor_moved() -> None:
    torch.manual_seed(0)
    state = torch.get_rng_state()
    first = streams().of_draw(Stage.PILOT, 0).normals((4,))
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(1)
    assert torch.equal(streams().of_draw(Stage.PILOT, 0).normals((4,)), first)


@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_all_bits_of_a_word_are_fair(kind: str) -> None:
    """Share of ones in each of 64 bits, and equality with the next word; false alarm 1.3e-4 / 128.

    That is 1e-6 a bit. A bit with P(1) = 0.51 is missed with a probability of at most 1e-6.
    """
    n = 1_000_000
    low, high = binom.interval(1 - 1e-6, n, 0.5)
    assert binom.cdf(high, n, 0.51) <= 1e-6  # power
    words = streams(5, kind=kind).of_draw(Stage.TEST, 0).words((n,)).numpy().view(np.uint64)
    for bit in range(64):
        ones = (words >> np.uint64(bit)) & np.uint64(1)
        assert low <= ones.sum() <= high
        assert low <= (ones == np.roll(ones, 1)).sum() <= high


@pytest.mark.parametrize("seed", [-1, 2**128, -(2**200)])
def test_seeds_out_of_range_are_refused(seed: int) -> None:
    with pytest.raises(InputError, match=r"seed must be an integer in \[0, 2\^128\)"):
        streams(seed)


def test_fresh_seeds_come_from_the_operating_system(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(secrets, "randbits", lambda bits: asked.append(bits) or 42)
    assert fresh_seed() == 42
    assert asked == [128]


def test_fresh_seeds_differ() -> None:
    seeds = {fresh_seed() for _ in range(100)}
    assert len(seeds) == 100
    assert max(seeds) >= 2**120  # a 120-bit seed would do this with probability 2^-800
