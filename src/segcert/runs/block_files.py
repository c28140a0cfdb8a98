"""Counted blocks on disk, until the input that they belong to is done."""

import contextlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from segcert.arrays import hash_named, read_arrays
from segcert.files import atomic_write
from segcert.locks import Held
from segcert.runs.engines.units import CountedUnit, Unit, packed, unpacked

BLOCKS = "blocks"
VERSION = 2  # of another one, a block is drawn again; those of 1 may share randomness


@dataclass(frozen=True)
class BlockFiles:
    """One file for each unit, put in place when it is complete: ``RUN/blocks/...npz``.

    A file is used only for the very unit that it was written for, or for one that begins with it:
    same configuration, same draws, same batch size, same guess. Any other one, and one that is
    damaged or was changed, is drawn again.

    Args:
        folder: Of the blocks.
        config_sha256: Hash of what was asked for.
        place: The run folder, which must not be deleted meanwhile.
    """

    folder: Path
    config_sha256: str
    place: Held | None = None

    def load(self, unit: Unit) -> CountedUnit | None:
        """Read a unit that was counted before, or its first draws; None if there is none."""
        block = unit.block
        stem = f"{unit.work}-{block.stage.value}-{block.start}-"
        stops = (
            int(rest)
            for path in self._files()
            if path.name.startswith(stem)
            and (rest := path.name.removeprefix(stem).removesuffix(".npz")).isdecimal()
        )
        for stop in sorted(stops, reverse=True):
            if block.start < stop <= block.stop:
                found = self._read(replace(unit, block=replace(block, stop=stop)))
                if found:
                    return found
        return None

    def _read(self, unit: Unit) -> CountedUnit | None:
        """Read the very file of a unit; None if it is damaged, changed, or of another run."""
        try:
            arrays = read_arrays(self._path(unit))
            header = json.loads(str(arrays.pop("header")))
            if header["unit"] != self._header(unit) or header["sha256"] != hash_named(arrays):
                return None
            done = CountedUnit(unit, unpacked(arrays), float(header["seconds"]))
        except Exception:  # readers of zip files and JSON raise anything on damaged bytes
            return None
        return done if done.tally.draws == unit.draws else None

    def save(self, done: CountedUnit) -> None:
        """Write a counted unit, completely or not at all.

        Raises:
            InputError: If the run folder was deleted.
        """
        if self.place:
            self.place.check()
        arrays = packed(done.tally)
        header = {
            "unit": self._header(done.unit), "seconds": done.seconds, "sha256": hash_named(arrays),
        }  # fmt: skip
        arrays["header"] = np.array(json.dumps(header))
        with atomic_write(self._path(done.unit)) as file:
            np.savez(file, allow_pickle=False, **arrays)

    def keep_only(self, inputs: set[int]) -> None:
        """Remove the blocks of other inputs, and what was not complete."""
        for path in self._files():
            if path.name.startswith(".") or number_of(path) not in inputs:
                path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # it is not empty, or not there
            self.folder.rmdir()

    def remove(self, number: int) -> None:
        """Remove the blocks of an input."""
        for path in self._files():
            if number_of(path) == number:
                path.unlink(missing_ok=True)

    def _files(self) -> list[Path]:
        """All files."""
        return list(self.folder.iterdir()) if self.folder.is_dir() else []

    def _path(self, unit: Unit) -> Path:
        """File of a unit."""
        block = unit.block
        name = f"{unit.work}-{block.stage.value}-{block.start}-{block.stop}.npz"
        return self.folder / name

    def _header(self, unit: Unit) -> dict[str, object]:
        """What the counts of a unit depend on, as JSON gives it back."""
        return {
            "version": VERSION,
            "config_sha256": self.config_sha256,
            **json.loads(json.dumps(asdict(unit))),
        }


def number_of(path: Path) -> int:
    """Number of the input of a file; -1 for a file of something else."""
    number = path.name.split("-")[0]
    return int(number) if number.isdecimal() else -1
