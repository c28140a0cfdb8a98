"""Unfinished work: kept, found again, and never mixed with other settings."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from requests_of_runs import changed, request_with

from segcert.errors import InputError
from segcert.runs import store as module
from segcert.runs.store import PartialStore, open_store
from segcert.sampling.partial import Identity, Partial
from segcert.sampling.tally import Run, Tally

REQUEST = request_with(model="m", weights_sha256="w")
IMAGE = "0" * 64
SEED = 2**127 + 12345  # JSON readers of other languages would round it
IDENTITY = Identity(
    input_sha256=IMAGE, noise="LatticeGaussianNoise(sigma=0.25)", n0=10, n="100", stop_rule="",
    seed=SEED, streams="cpu", classes=3, model="m", weights_sha256="w", scale="1", backend="torch",
    precision="float32",
)  # fmt: skip


def work(draws: int = 5) -> Partial:
    def tally(shape: tuple[int, ...], count: int) -> Tally:
        return Tally(
            counts=torch.arange(int(np.prod(shape)), dtype=torch.int16).reshape(shape),
            invalid=count,
            fingerprints=np.arange(count, dtype=np.uint64) + np.uint64(2**63),
            runs=(Run(0, 4, 2), Run(4, count, 1)) if count else (),
        )

    return Partial(pilot=tally((3, 2, 4), draws), test=tally((2, 4), 0), identity=IDENTITY)


def stored(path: Path, partial: Partial | None = None) -> None:
    PartialStore(path, REQUEST, IMAGE, SEED, partial or work()).save()


def opened(path: Path, **changed: object) -> PartialStore:
    arguments = {"request": REQUEST, "input_sha256": IMAGE, "seed": None, "fresh": 7} | changed
    return open_store(path, **arguments)


def test_work_is_found_again_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / ".a.partial.npz"
    stored(path)
    found, expected = opened(path), work()
    assert found.seed == SEED
    assert found.partial is not None
    assert found.partial.identity == IDENTITY
    for one, other in ((found.partial.pilot, expected.pilot), (found.partial.test, expected.test)):
        assert torch.equal(one.counts, other.counts)
        assert one.counts.dtype == torch.int16
        assert one.invalid == other.invalid
        assert one.fingerprints.dtype == np.uint64
        assert (one.fingerprints == other.fingerprints).all()
        assert one.runs == other.runs


def test_without_a_file_work_starts_with_the_seed_asked_for_or_a_fresh_one(tmp_path: Path) -> None:
    path = tmp_path / "none.npz"
    assert (opened(path).seed, opened(path).partial) == (7, None)
    assert opened(path, seed=0).seed == 0
    opened(path).save()  # nothing was done: nothing is written
    assert not path.exists()


def test_the_stored_seed_is_kept_and_no_other_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    stored(path)
    assert opened(path, seed=SEED).seed == SEED
    with pytest.raises(InputError, match=r"another image or seed: finish it.*delete"):
        opened(path, seed=SEED + 1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sigma", 0.5), ("tau", 0.8), ("alpha", 0.01), ("n0", 0), ("n", 101),
        ("correction", "bonferroni"), ("model", "x"), ("weights_sha256", "x"), ("scale", 0.5),
    ],
)  # fmt: skip
def test_work_of_other_settings_is_refused_and_named(
    tmp_path: Path, name: str, value: object
) -> None:
    path = tmp_path / "a.npz"
    stored(path)
    before = path.read_bytes()
    with pytest.raises(InputError, match=rf"a\.npz holds .*{name} .* -> {value}.*or delete"):
        opened(path, request=changed(REQUEST, **{name: value}))
    assert path.read_bytes() == before


def test_work_on_another_image_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    stored(path)
    with pytest.raises(InputError, match="another image"):
        opened(path, input_sha256="1" * 64)


@pytest.mark.parametrize("changed", [{"seed": SEED + 1}, {"input_sha256": "1" * 64}])
def test_work_whose_header_contradicts_its_draws_is_refused(
    tmp_path: Path, changed: dict[str, object]
) -> None:
    """Seed and input are said of the file, and of the draws in it."""
    path = tmp_path / "a.npz"
    stored(path, replace(work(), identity=replace(IDENTITY, **changed)))
    with pytest.raises(InputError, match="another image or seed"):
        opened(path)


def test_files_that_do_not_say_whose_draws_they_hold_are_refused(tmp_path: Path) -> None:
    """Version 1, which may also be left out, knew no kind of streams."""
    path = tmp_path / "a.npz"
    for version in ({"version": 1}, {}):
        stored(path)
        with np.load(path) as file:
            arrays = dict(file)
        header = json.loads(str(arrays["header"]))
        del header["version"], header["identity"]
        arrays["header"] = np.array(json.dumps(header | version))
        np.savez(path, **arrays)
        with pytest.raises(
            InputError, match=r"has format version 1, this segcert reads 2: .*delete"
        ):
            opened(path)


def test_work_that_was_changed_by_hand_is_refused(tmp_path: Path) -> None:
    """Counts that were never drawn, in a file that is whole, and any part of its header."""
    path = tmp_path / "a.npz"
    stored(path)
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **arrays)
    assert opened(path).partial is not None
    header = json.loads(str(arrays["header"]))
    changes = [
        {"pilot_counts": arrays["pilot_counts"] + np.int16(1)},
        {"pilot_fingerprints": arrays["pilot_fingerprints"] + np.uint64(1)},
        {"test_invalid": np.array(1)},
        {"more": np.zeros(3)},
        {"header": np.array(json.dumps(header | {"history": [{"draws": 3}]}))},
        {"header": np.array(json.dumps(header | {"sha256": "0" * 64}))},
    ]
    for change in changes:
        np.savez(path, **(arrays | change))
        before = path.read_bytes()
        with pytest.raises(InputError, match=r"a\.npz is damaged \(.*another one\): delete it"):
            opened(path)
        assert path.read_bytes() == before


@pytest.mark.parametrize("data", [b"", b"PK", b"not a file of ours", b"\x93NUMPY\x01\x00"])
def test_foreign_files_are_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"a\.npz is damaged .*: delete it"):
        opened(path)


@pytest.mark.parametrize(
    "header",
    ["", "3", "null", '{"version": 2}', '{"version": 2, "request": {}}', '[["version", 2]]'],
)
def test_foreign_headers_are_refused(tmp_path: Path, header: str) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, header=np.array(header))
    with pytest.raises(InputError, match="is damaged"):
        opened(path)


def test_a_single_array_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(InputError, match="is damaged"):
        opened(path)


@given(st.floats(0, 0.999), st.integers(0, 255), st.floats(0.2, 1))
@settings(max_examples=200, deadline=None)
def test_damaged_files_are_refused_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, where: float, value: int, kept: float
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.npz"
    stored(path)
    data = bytearray(path.read_bytes())
    data[int(where * len(data))] = value
    path.write_bytes(data[: len(data) if kept > 0.6 else int(kept * len(data))])
    try:
        found = opened(path)
    except InputError:
        return
    assert found.partial is not None
    assert torch.equal(found.partial.pilot.counts, work().pilot.counts)
    assert found.partial.pilot.runs == work().pilot.runs


def test_work_is_written_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, now = tmp_path / "a.npz", [time.monotonic()]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    store = PartialStore(path, REQUEST, IMAGE, SEED)
    store.keep(work())
    assert not path.exists()
    now[0] += 1.1 * module.SECONDS_BETWEEN_SAVES
    store.keep(work(6))
    saved: Callable[[], int] = lambda: opened(path).partial.pilot.draws  # noqa: E731
    assert saved() == 6
    store.keep(work(7))
    assert saved() == 6
    store.save()
    assert saved() == 7
