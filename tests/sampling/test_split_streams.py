"""Streams of version 2: 16 bits of one generator, 48 of another where these do not decide.

The law is that of one 64-bit word: docs/decisions/0025.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom
from words_by_hand import philox, steps_by_hand

import segcert as sc
from segcert.errors import InputError
from segcert.noise import grid
from segcert.noise.grid import AbstractGridNoise
from segcert.noise.laplace import LatticeLaplaceNoise
from segcert.noise.uniform import LatticeUniformNoise
from segcert.sampling.partial import OtherWorkError, nothing_done
from segcert.sampling.setup import make_task
from segcert.sampling.streams import (
    NEWEST,
    CudaStream,
    PhiloxStream,
    SplitPhiloxStream,
    Stage,
    Streams,
)

CPU = torch.device("cpu")
INPUT = "ab" * 32
IMAGE = np.random.default_rng(0).integers(0, 256, (3, 5, 7), dtype=np.uint8)
GOLDEN_LEADING = [14588, 4831, 24642, 53228, 51327]
GOLDEN_WHOLE = [
    4106342268217592644, 1360061780938386215, 6936347706844768777,
    -3464234477389429524, -3999225799707982160,
]  # fmt: skip
LATTICES = [sc.LatticeGaussianNoise(0.25), LatticeUniformNoise(0.5), LatticeLaplaceNoise(0.2)]


def stream(seed: int = 1, draw: int = 0) -> SplitPhiloxStream:
    found = Streams(seed, INPUT, CPU, "cpu").of_draw(Stage.TEST, draw)
    assert isinstance(found, SplitPhiloxStream)
    return found


def all_words(count: int, seed: int = 5) -> np.ndarray:
    """Words that are all made whole."""
    parts = stream(seed).part_words(count)
    return parts.whole(np.arange(count)).view(np.uint64)


def test_keys_and_bits_are_as_documented() -> None:
    """From the hash of the text, and of the text with its suffix, in integers of NumPy."""
    text = f"segcert noise 2|1|{INPUT}|test|0"
    raw = philox(text).random_raw(30).tolist()
    leading = [word >> shift & 0xFFFF for word in raw for shift in (0, 16, 32, 48)]
    rest = philox(f"{text}|rest").random_raw(3).tolist()
    parts = stream().part_words(118)
    assert parts.leading.tolist() == leading[:118]
    places = np.array([0, 7, 117])
    whole = parts.whole(places).view(np.uint64).tolist()
    expected = [leading[at] << 48 | word >> 16 for at, word in zip(places, rest, strict=True)]
    assert whole == expected


def test_first_bits_never_change() -> None:
    """Golden: recorded certificates are replayed from these numbers."""
    parts = stream().part_words(5)
    assert parts.leading.tolist() == GOLDEN_LEADING
    assert parts.whole(np.arange(5)).tolist() == GOLDEN_WHOLE


@pytest.mark.parametrize("noise", LATTICES, ids=lambda noise: noise.kind)
def test_a_draw_is_the_law_of_the_whole_words(noise: AbstractGridNoise) -> None:
    """Against bisection of Python integers in words that are put together by hand."""
    streams = Streams(7, INPUT, CPU, "cpu")
    x = torch.from_numpy(IMAGE)
    for draw in range(20):
        noisy = noise.sample(x, 1, rng=streams.of_draw(Stage.TEST, draw))
        steps = steps_by_hand(streams, Stage.TEST, draw, IMAGE.shape, noise)
        assert torch.equal((noisy * 255).round().short() - x, steps)


@given(st.lists(st.integers(0, 40), max_size=8), st.integers(0, 2**128 - 1))
def test_pieces_of_any_size_are_one_stream(sizes: list[int], seed: int) -> None:
    """Every third word is made whole, in each piece and in one."""
    whole, pieces = stream(seed), stream(seed)
    parts = whole.part_words(sum(sizes))
    places = np.arange(0, sum(sizes), 3)
    words = parts.whole(places)
    leading, found, start = [], [], 0
    for size in sizes:
        piece = pieces.part_words(size)
        inside = places[(places >= start) & (places < start + size)]
        leading += piece.leading.tolist()
        found += piece.whole(inside - start).tolist()
        start += size
    assert leading == parts.leading.tolist()
    assert found == words.tolist()


@pytest.mark.parametrize("at_once", [1, 3, 16, 10**6])
@pytest.mark.parametrize("noise", LATTICES, ids=lambda noise: noise.kind)
def test_chunks_change_no_bit(
    noise: AbstractGridNoise, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = torch.from_numpy(IMAGE)
    usual = noise.sample(x, 2, rng=stream())
    monkeypatch.setattr(grid, "VALUES_AT_ONCE", (at_once, at_once))
    assert torch.equal(noise.sample(x, 2, rng=stream()), usual)


def test_all_bits_of_a_whole_word_are_fair_and_independent() -> None:
    """Share of ones in each bit, agreement with the next word and with each bit 16 below.

    False alarm 1e-6 for each of 176 counts; P(1) = 0.51 is missed with a probability below 1e-6.
    """
    n = 1_000_000
    low, high = binom.interval(1 - 1e-6, n, 0.5)
    assert binom.cdf(high, n, 0.51) <= 1e-6  # power
    words = all_words(n)
    bits = [((words >> np.uint64(bit)) & np.uint64(1)).astype(bool) for bit in range(64)]
    for bit, ones in enumerate(bits):
        assert low <= ones.sum() <= high
        assert low <= (ones == np.roll(ones, 1)).sum() <= high
        if bit >= 16:
            assert low <= (ones == bits[bit - 16]).sum() <= high


def test_the_rest_is_not_what_decided() -> None:
    """No 48 bits are a piece of the first generator's output; all words of all draws differ."""
    words = np.concatenate([all_words(200, seed) for seed in range(20)])
    assert len(np.unique(words)) == len(words)
    assert len(np.unique(words << np.uint64(16))) == len(words)
    first = philox(f"segcert noise 2|5|{INPUT}|test|0").random_raw(200)
    assert not np.isin(all_words(200) << np.uint64(16), first & ~np.uint64(0xFFFF)).any()


@pytest.mark.parametrize(("kind", "version"), [("cpu", 0), ("cpu", 2), ("cpu", 1), ("cuda", 1)])
def test_each_kind_has_its_versions(kind: str, version: int) -> None:
    """Version 1 is what it was; CUDA has no other."""
    streams = Streams(1, INPUT, CPU, kind, version)
    assert streams.version == (version or NEWEST[kind])
    types = {("cpu", 1): PhiloxStream, ("cpu", 2): SplitPhiloxStream, ("cuda", 1): CudaStream}
    assert type(streams.of_draw(Stage.TEST, 0)) is types[kind, streams.version]


@pytest.mark.parametrize(("kind", "version"), [("cpu", 3), ("cpu", -1), ("cuda", 2)])
def test_other_versions_are_refused(kind: str, version: int) -> None:
    with pytest.raises(InputError, match=rf"kind {kind} have versions 1 to .* got {version}"):
        Streams(1, INPUT, CPU, kind, version)


def test_versions_share_no_noise() -> None:
    old, new = (Streams(1, INPUT, CPU, "cpu", k).of_draw(Stage.TEST, 0) for k in (1, 2))
    assert len(torch.cat([old.words((99,)), new.words((99,))]).unique()) == 198


def bright(x: torch.Tensor) -> torch.Tensor:
    return (x[:, 0] > 0.5).long()


BRIGHT = sc.as_segmenter(bright, classes=2, name="bright")


def counts_of(version: int) -> sc.Counts:
    """Counts with streams of a version, as work that was begun with them leaves them."""
    return draw(partial=begun(version))


def draw(**options: object) -> sc.Counts:
    given = {"noise": LATTICES[0], "n0": 4, "n": 30, "device": "cpu", "batch_size": 4}
    return sc.sample(BRIGHT, IMAGE, **(given | options))  # type: ignore[arg-type]


def begun(version: int) -> sc.Partial:
    """Work of no draws at all."""
    task = make_task(
        BRIGHT, IMAGE, noise=LATTICES[0], seed=9, device="cpu", stream_version=version
    )  # fmt: skip
    return nothing_done(task, n0=4, n=30)


@pytest.mark.parametrize("version", [1, 2])
def test_work_goes_on_with_its_version(version: int) -> None:
    """To other counts than the other version would give; the record says which."""
    counts = counts_of(version)
    assert counts.provenance.stream_version == version
    assert (counts.test_fingerprints == draw(seed=9).test_fingerprints).all() == (version == 2)


def test_work_of_another_version_is_other_work() -> None:
    part = begun(2)
    other = replace(part.identity, stream_version=1)
    assert part.identity.differences(other) == "stream_version 1 -> 2"
    for version in (7, 0, -1):
        with pytest.raises(OtherWorkError, match=rf"\(stream_version {version} -> 2\)"):
            draw(partial=replace(part, identity=replace(part.identity, stream_version=version)))


@pytest.mark.parametrize("version", [1, 2])
def test_certificates_of_each_version_are_replayed(version: int, tmp_path: Path) -> None:
    certificate = sc.certify(counts_of(version), tau=0.6, alpha=0.1)
    certificate.save(tmp_path)
    text = (tmp_path / "certificate.json").read_text()
    assert ("stream_version" in text) == (version == 2)
    again = sc.load_certificate(tmp_path)
    assert sc.replay(again, BRIGHT, IMAGE).identical
    source = again.counts.provenance
    assert source.stream_version == version
    other = replace(again.counts, provenance=replace(source, stream_version=3 - version))
    with pytest.raises(sc.VerificationError, match="noise"):
        sc.replay(sc.certify(other, tau=0.6, alpha=0.1), BRIGHT, IMAGE)


@pytest.mark.parametrize("version", ["1", "3", "true", '"2"'])
def test_files_that_name_a_version_otherwise_are_refused(version: str, tmp_path: Path) -> None:
    sc.certify(counts_of(2), tau=0.6, alpha=0.1).save(tmp_path)
    path = tmp_path / "certificate.json"
    text = path.read_text()
    assert text.count('"stream_version": 2') == 1
    path.write_text(text.replace('"stream_version": 2', f'"stream_version": {version}'))
    with pytest.raises(sc.VerificationError):
        sc.load_certificate(tmp_path)
