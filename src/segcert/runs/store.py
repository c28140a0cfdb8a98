"""Unfinished work on one image, kept so that the same command goes on where it stopped."""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from segcert.arrays import hash_named, read_arrays
from segcert.errors import InputError
from segcert.files import atomic_write, check_regular
from segcert.runs.request import Request
from segcert.sampling.margins import Margins
from segcert.sampling.partial import Identity, Partial
from segcert.sampling.tally import Run, Tally
from segcert.stats.stop_rules import Look
from segcert.text import one_line

SECONDS_BETWEEN_SAVES = 10.0
VERSION = 2  # of the file; those of version 1 do not say whose draws they hold


@dataclass
class PartialStore:
    """One file with the tallies of one image, replaced atomically.

    Args:
        path: The file.
        request: What is asked.
        input_sha256: Hash of the image.
        seed: Of all streams; that of the file if there is one.
        partial: Work done so far, or None.
        history: Looks so far, of runs that may stop early.
    """

    path: Path
    request: Request
    input_sha256: str
    seed: int
    partial: Partial | None = None
    history: tuple[Look, ...] = ()
    _saved: float = field(default_factory=time.monotonic)

    @property
    def due(self) -> bool:
        """Whether the last time that work was written down is long ago."""
        return time.monotonic() - self._saved > SECONDS_BETWEEN_SAVES

    def keep(self, partial: Partial) -> None:
        """Remember work, and write it down now and then."""
        self.partial = partial
        if self.due:
            self.save()

    def save(self) -> None:
        """Write the work done so far."""
        if self.partial is None:
            return
        header = {
            "version": VERSION,
            "request": self.request.record,
            "input_sha256": self.input_sha256,
            "seed": str(self.seed),
            "history": [look_record(look) for look in self.history],
            "identity": identity_record(self.partial.identity),
        }
        tallies = to_arrays("pilot", self.partial.pilot) | to_arrays("test", self.partial.test)
        sealed = header | {"sha256": seal(header, tallies)}
        arrays = tallies | {"header": np.array(json.dumps(sealed))}
        with atomic_write(self.path) as file:
            np.savez(file, allow_pickle=False, **arrays)
        self._saved = time.monotonic()


def open_store(
    path: Path, request: Request, *, input_sha256: str, seed: int | None, fresh: int
) -> PartialStore:
    """Open the unfinished work on an image, or start.

    Args:
        path: The file.
        request: What is asked.
        input_sha256: Hash of the image.
        seed: The seed asked for, or None for any.
        fresh: Seed to start with if none was asked for.

    Raises:
        InputError: If the file holds work on something else, is damaged or was changed.
    """
    if not path.exists():
        return PartialStore(path, request, input_sha256, fresh if seed is None else seed)
    check_regular(path, what="unfinished work")
    way_out = f"finish it with the old settings, choose another --out, or delete {path}"
    header, arrays = read_work(path)
    try:
        stored = dict(header["request"])
        identity = read_identity(header["identity"])
        partial = Partial(from_arrays("pilot", arrays), from_arrays("test", arrays), identity)
        stored_input, stored_seed = str(header["input_sha256"]), int(header["seed"])
        history = tuple(Look(**look) for look in header["history"])
    except Exception as error:  # what was damaged may be of any type
        raise damaged(path, error) from error
    difference = request.differences(stored)
    if difference:
        raise InputError(
            f"{path} holds unfinished work of other settings ({difference}): {way_out}"
        )
    same = (stored_input, stored_seed) == (identity.input_sha256, identity.seed)
    if not same or stored_input != input_sha256 or seed not in (None, stored_seed):
        raise InputError(f"{path} holds unfinished work on another image or seed: {way_out}")
    return PartialStore(path, request, input_sha256, stored_seed, partial, history)


def read_work(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read header and arrays.

    Raises:
        InputError: If the file is damaged, was changed, or is of another version of the format.
    """
    try:
        arrays = read_arrays(path)
        header = dict(json.loads(str(arrays.pop("header"))))
    except Exception as error:  # readers of zip files and JSON raise anything on damaged bytes
        raise damaged(path, error) from error
    version = header.get("version", 1)  # the first files did not name it
    if version != VERSION:
        raise InputError(
            f"unfinished work {path} has format version {version!r}, this segcert reads {VERSION}: "
            "finish it with the segcert that began it, or delete it"
        )
    if header.pop("sha256", "") != seal(header, arrays):
        raise damaged(path, ValueError("it was changed: its digest is another one"))
    return header, arrays


def seal(header: dict[str, Any], tallies: dict[str, np.ndarray]) -> str:
    """Digest of all that a file holds; who changes it can compute another one."""
    return hash_named(tallies | {"header": np.array(json.dumps(header))})


def damaged(path: Path, error: Exception) -> InputError:
    """Make the error about a file that cannot be read."""
    return InputError(f"unfinished work {path} is damaged ({one_line(error)}): delete it")


def look_record(look: Look) -> dict[str, object]:
    """A look for JSON; what nobody asked for is left out."""
    return {name: value for name, value in asdict(look).items() if value is not None}


def identity_record(identity: Identity) -> dict[str, object]:
    """An identity for JSON, whose readers in other languages round large numbers."""
    return asdict(identity) | {"seed": str(identity.seed)}


def read_identity(record: dict[str, Any]) -> Identity:
    """Read an identity; whatever is no text or number of its kind equals no other one."""
    return Identity(**(record | {"seed": int(record["seed"])}))


def to_arrays(stage: str, tally: Tally) -> dict[str, np.ndarray]:
    """Arrays of one tally."""
    arrays = {
        f"{stage}_counts": tally.counts.cpu().numpy(),
        f"{stage}_invalid": np.array(tally.invalid),
        f"{stage}_fingerprints": tally.fingerprints,
        f"{stage}_runs": np.array(
            [(r.start, r.stop, r.batch_size) for r in tally.runs], dtype=np.int64
        ).reshape(-1, 3),
    }
    if tally.margins:
        sums = asdict(tally.margins.to(torch.device("cpu")))
        arrays |= {f"{stage}_margins_{name}": sums[name].numpy() for name in sums}
    return arrays


def from_arrays(stage: str, file: Mapping[str, np.ndarray]) -> Tally:
    """Tally of arrays."""
    sums = {
        field.name: torch.from_numpy(file[f"{stage}_margins_{field.name}"])
        for field in fields(Margins)
        if f"{stage}_margins_{field.name}" in file
    }
    return Tally(
        counts=torch.from_numpy(file[f"{stage}_counts"]),
        invalid=int(file[f"{stage}_invalid"]),
        fingerprints=file[f"{stage}_fingerprints"],
        runs=tuple(Run(int(a), int(b), int(c)) for a, b, c in file[f"{stage}_runs"]),
        margins=Margins(**sums) if sums else None,
    )
