"""The local engine, what goes to workers, and the blocks on disk."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from engine_models import evaluate_noise, figures_of, open_net

from segcert.errors import InputError
from segcert.noise.gaussian import GaussianNoise
from segcert.runs.block_files import BLOCKS, BlockFiles
from segcert.runs.engines import counter
from segcert.runs.engines.abstract import AbstractEngine
from segcert.runs.engines.local import LocalEngine
from segcert.runs.engines.units import CountedUnit, Unit, Work, packed, unpacked
from segcert.runs.evaluate import SUMMARY
from segcert.sampling.streams import Stage
from segcert.sampling.tally import DrawBlock

IMAGE = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 9, 8), dtype=np.uint8))


@pytest.fixture(scope="module")
def done() -> CountedUnit:
    """One counted unit."""
    net = open_net()
    with LocalEngine(net, device="cpu") as engine:
        engine.put("3-0", Work(IMAGE, GaussianNoise(0.3), "1", 7, net.weights_sha256))
        engine.submit(Unit("3-0", DrawBlock(Stage.PILOT, 0, 12), 4))
        return engine.collect()


def same(one: CountedUnit, other: CountedUnit) -> bool:
    first, second = packed(one.tally), packed(other.tally)
    return first.keys() == second.keys() and all(
        np.array_equal(first[name], second[name]) and first[name].dtype == second[name].dtype
        for name in first
    )


def test_packing_loses_nothing(done: CountedUnit) -> None:
    again = unpacked(packed(done.tally))
    assert packed(done.tally)["block_counts"].dtype == np.uint8
    assert again.counts.dtype == done.tally.counts.dtype
    assert torch.equal(again.counts, done.tally.counts)
    assert torch.equal(again.margins.squares, done.tally.margins.squares)
    assert again.runs == done.tally.runs


def test_a_stored_block_is_found_again_and_no_other(done: CountedUnit, tmp_path: Path) -> None:
    files = BlockFiles(tmp_path / BLOCKS, "abc")
    assert files.load(done.unit) is None
    files.save(done)
    assert same(files.load(done.unit), done)
    assert files.load(done.unit).seconds == done.seconds
    for other in (
        replace(done.unit, batch_size=2),
        replace(done.unit, reference="3-0/guess/1"),
        replace(done.unit, classes=3),
        replace(done.unit, block=DrawBlock(Stage.TEST, 0, 12)),
        replace(done.unit, work="4-0"),
    ):
        assert files.load(other) is None
    assert BlockFiles(tmp_path / BLOCKS, "abd").load(done.unit) is None


def test_blocks_of_version_1_are_drawn_again(
    done: CountedUnit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their batches may have shared the randomness of a model."""
    files = BlockFiles(tmp_path / BLOCKS, "abc")
    monkeypatch.setattr("segcert.runs.block_files.VERSION", 1)
    files.save(done)
    assert same(files.load(done.unit), done)
    monkeypatch.undo()
    assert files.load(done.unit) is None


def test_damaged_blocks_are_drawn_again(done: CountedUnit, tmp_path: Path) -> None:
    files = BlockFiles(tmp_path / BLOCKS, "abc")
    files.save(done)
    (path,) = (tmp_path / BLOCKS).iterdir()
    content = path.read_bytes()
    for bad in (b"", content[: len(content) // 2], content[:-40] + bytes(40)):
        path.write_bytes(bad)
        assert files.load(done.unit) is None
    path.write_bytes(content)
    assert same(files.load(done.unit), done)


def test_a_changed_block_is_drawn_again(done: CountedUnit, tmp_path: Path) -> None:
    """Counts that were written by hand, in a file that is whole."""
    files = BlockFiles(tmp_path / BLOCKS, "abc")
    files.save(done)
    (path,) = (tmp_path / BLOCKS).iterdir()
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **arrays)
    assert same(files.load(done.unit), done)
    np.savez(path, **(arrays | {"block_counts": arrays["block_counts"][::-1]}))
    assert files.load(done.unit) is None


def test_the_first_draws_of_a_block_are_found(done: CountedUnit, tmp_path: Path) -> None:
    files = BlockFiles(tmp_path / BLOCKS, "abc")
    files.save(done)
    longer = replace(done.unit, block=replace(done.unit.block, stop=done.unit.block.stop + 4))
    assert same(files.load(longer), done)
    shorter = replace(done.unit, block=replace(done.unit.block, stop=done.unit.block.stop - 4))
    assert files.load(shorter) is None


def test_old_blocks_are_removed(done: CountedUnit, tmp_path: Path) -> None:
    files = BlockFiles(tmp_path / BLOCKS, "abc")
    for work in ("3-0", "3-1", "13-0"):
        files.save(replace(done, unit=replace(done.unit, work=work)))
    (tmp_path / BLOCKS / ".3-0-pilot-0-12.npz.torn").touch()
    files.keep_only({3})
    assert sorted(path.name for path in (tmp_path / BLOCKS).iterdir()) == [
        "3-0-pilot-0-12.npz", "3-1-pilot-0-12.npz",
    ]  # fmt: skip
    files.remove(3)
    files.keep_only(set())
    assert not (tmp_path / BLOCKS).exists()


class Broken(LocalEngine):
    """Stops before its k-th unit, and says which units it counted."""

    def __init__(self, left: int) -> None:
        super().__init__(open_net(), device="cpu")
        self.left, self.units = left, []

    def collect(self) -> CountedUnit:
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        done = super().collect()
        self.units.append(done.unit)
        return done


@pytest.mark.parametrize("seconds", [10.0**6, 0.0], ids=["whole blocks", "batches"])
def test_no_stored_block_is_drawn_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    """Nor a part of one: a block that takes long is answered, and kept, batch by batch."""
    whole = evaluate_noise(open_net(), tmp_path / "whole", images=1)
    engines = []
    monkeypatch.setattr(counter, "ANSWER_SECONDS", seconds)
    while not engines or engines[-1].left == 0:
        engines.append(Broken(7 if seconds else 25))
        try:
            found = evaluate_noise(open_net(), tmp_path / "parts", images=1, engine=engines[-1])
        except KeyboardInterrupt:
            assert not (tmp_path / "parts" / SUMMARY).exists()
    units = [unit for engine in engines for unit in engine.units]
    assert len(engines) > 3
    assert len(units) == len(set(units))
    assert {unit.draws for unit in units} == ({2} if not seconds else {2, 4, 8})
    assert sum(unit.draws for unit in units) == 220
    assert figures_of(found) == figures_of(whole)
    one, other = ((tmp_path / name / SUMMARY).read_text() for name in ("whole", "parts"))
    assert one == other


def test_an_engine_of_another_device_type_is_refused(tmp_path: Path) -> None:
    class Elsewhere(LocalEngine):
        @property
        def device_type(self) -> str:
            return "cuda"

    with pytest.raises(InputError, match="the run is one of device cpu, engine local has cuda"):
        evaluate_noise(open_net(), tmp_path, engine=Elsewhere(open_net(), device="cpu"))


def test_no_more_units_are_in_flight_than_there_is_room_for() -> None:
    class Counting(AbstractEngine):
        name, device_type, capacity = "counting", "cpu", 3

        def __init__(self) -> None:
            self.flying, self.most = [], 0

        def put(self, key: str, value: object) -> None: ...

        def drop(self, key: str) -> None: ...

        def submit(self, unit: Unit) -> None:
            self.flying.append(unit)
            self.most = max(self.most, len(self.flying))

        def collect(self) -> CountedUnit:
            return CountedUnit(self.flying.pop(), unpacked(arrays), 0.0)

        def close(self) -> None: ...

    with LocalEngine(open_net(), device="cpu") as local:
        local.put("0-0", Work(IMAGE, GaussianNoise(0.3), "1", 7, open_net().weights_sha256))
        local.submit(Unit("0-0", DrawBlock(Stage.TEST, 0, 1), 1))
        arrays = packed(local.collect().tally)
    units = [Unit("0-0", DrawBlock(Stage.TEST, k, k + 1), 1) for k in range(50)]
    left = iter(units)
    engine = Counting()
    found = [done.unit for done in engine.run(lambda: next(left, None))]
    assert sorted(found, key=lambda unit: unit.block.start) == units
    assert engine.most == 3
