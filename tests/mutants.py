"""A thousand ways to change a certificate, from a seed; each says what it changed.

Who changes a file is one of three. The careless one flips bytes and edits fields. The sealer also
computes the digest of ``certificate.json`` again. The forger also computes the hash of the arrays
again, but not what follows from them: who does that, too, has made a certificate of other counts,
which only a replay tells from ours (docs/decisions/0005).
"""

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from certificate_files import hash_of, sealed, text_of

Record = dict[str, Any]
Arrays = dict[str, np.ndarray]
Rng = np.random.Generator


@dataclass(frozen=True)
class Files:
    """The two files of a certificate."""

    record: bytes
    counts: bytes

    @cached_property
    def meaning(self) -> tuple[object, object]:
        """What the files say, whatever their layout; None for a file that says nothing.

        JSON without its order and white space; arrays by name, type, shape and values.
        """
        return parsed(self.record), unpacked(self.counts)


def parsed(record: bytes) -> str | None:
    """JSON in one normal form: 1, 1.0 and true are three values."""
    try:
        return json.dumps(json.loads(record), sort_keys=True)
    except ValueError:
        return None


def unpacked(counts: bytes) -> dict[str, tuple[str, tuple[int, ...], bytes]] | None:
    """Arrays by name, type, shape and values."""
    try:
        with np.load(io.BytesIO(counts), allow_pickle=False) as file:
            return {k: (file[k].dtype.str, file[k].shape, file[k].tobytes()) for k in file.files}
    except Exception:  # readers of zip files raise anything on damaged bytes
        return None


def read(files: Files) -> tuple[Record, Arrays]:
    """Both files, to be changed."""
    with np.load(io.BytesIO(files.counts), allow_pickle=False) as file:
        return json.loads(files.record), dict(file)


def write(record: Record, arrays: Arrays) -> Files:
    """Both files, as they are made by us."""
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return Files(text_of(record).encode(), file.getvalue())


def hashed(record: Record, arrays: Arrays) -> Record:
    """Compute the hash of the arrays again, too."""
    return sealed(record | {"counts_sha256": hash_of(arrays)})


def leaves(tree: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of all values in nested containers."""
    if isinstance(tree, (dict, list)) and tree:
        keys = tree if isinstance(tree, dict) else range(len(tree))
        return [leaf for key in keys for leaf in leaves(tree[key], (*path, key))]
    return [path]


def parent(record: Record, path: tuple[Any, ...]) -> Any:
    """The container of a value."""
    branch: Any = record
    for key in path[:-1]:
        branch = branch[key]
    return branch


def other(value: object, rng: Rng) -> object:
    """Another value, near by or not."""
    match value:
        case bool():
            return not value
        case int():
            return value + int(rng.choice([-1, 1, 1000, -value, 2**31, 2**64]))
        case float():
            return value * rng.choice([0.5, 1.01, -1, 2]) or 1e-3
        case str() if value:
            place = rng.integers(len(value))
            return value[:place] + chr(rng.integers(48, 123)) + value[place + 1 :]
        case None:
            return rng.choice([0, 1, 7]).item()
        case _:
            return [0]


def flip_record(files: Files, rng: Rng) -> Files:
    """Flip one bit of ``certificate.json``."""
    return Files(flipped(files.record, rng), files.counts)


def flip_counts(files: Files, rng: Rng) -> Files:
    """Flip one bit of ``counts.npz``."""
    return Files(files.record, flipped(files.counts, rng))


def flipped(data: bytes, rng: Rng) -> bytes:
    """Flip one bit."""
    changed = bytearray(data)
    changed[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def cut(files: Files, rng: Rng) -> Files:
    """Lose the end of one file."""
    if rng.random() < 0.5:
        return Files(files.record[: rng.integers(len(files.record) - 2)], files.counts)
    return Files(files.record, files.counts[: rng.integers(len(files.counts))])


def edit_field(files: Files, rng: Rng) -> Files:
    """Change, remove, add, or retype a field."""
    record, _ = read(files)
    fields = leaves(record)
    path = fields[rng.integers(len(fields))]
    branch, key = parent(record, path), path[-1]
    match rng.integers(6):
        case 0:
            del branch[key]
        case 1 if isinstance(branch, dict):
            branch["more"] = 1
        case 2:
            branch[key] = str(branch[key])
        case 3:
            branch[key] = None
        case _:
            branch[key] = other(branch[key], rng)
    return Files(text_of(record).encode(), files.counts)


def swap_fields(files: Files, rng: Rng) -> Files:
    """Exchange two fields."""
    record, _ = read(files)
    fields = leaves(record)
    one, two = (fields[k] for k in rng.choice(len(fields), 2, replace=False))
    a, b = parent(record, one), parent(record, two)
    a[one[-1]], b[two[-1]] = b[two[-1]], a[one[-1]]
    return Files(text_of(record).encode(), files.counts)


def edit_claim(files: Files, rng: Rng) -> Files:
    """Change what follows from the counts, or what they were tested with, and seal it."""
    record, _ = read(files)
    claims = [path for path in leaves(record) if path[0] in ("statement", "result")]
    claims += [("parameters", key) for key in ("tau", "alpha", "n0", "n")]
    claims += [path for path in leaves(record) if path[1:2] in [("noise",), ("correction",)]]
    claims += [path for path in leaves(record) if path[1:2] in [("family",), ("tree",)]]
    claims.remove(("result", "invalid"))  # a count of its own, as hits are
    path = claims[rng.integers(len(claims))]
    branch = parent(record, path)
    branch[path[-1]] = other(branch[path[-1]], rng)
    return Files(text_of(sealed(record)).encode(), files.counts)


def edit_array(files: Files, rng: Rng) -> Files:
    """Change a value of an array, its type, shape or order; its hash stays."""
    record, arrays = read(files)
    names = [name for name in arrays if arrays[name].size]
    name = names[rng.integers(len(names))]
    array = arrays[name]
    changed = array.copy()
    match rng.integers(7):
        case 0:
            changed = array.astype(np.float64) + 0.25  # rounds to the same count
        case 1:
            changed = array.astype(np.int64) + 2**32  # wraps to the same count
        case 2:
            changed = array[..., :-1]
        case 3:
            changed = np.concatenate([array, array[-1:]])
        case 4:
            changed = array.T if array.ndim > 1 else array[::-1]
        case 5:
            changed = array.astype(np.int64)
        case _:
            changed.flat[rng.integers(array.size)] ^= 1
    return write(sealed(record), {**arrays, name: changed})


def swap_counts(files: Files, rng: Rng) -> Files:
    """Exchange the counts of two components, or two arrays, or remove or add one."""
    record, arrays = read(files)
    names = list(arrays)
    one, two = (names[k] for k in rng.choice(len(names), 2, replace=False))
    match rng.integers(4):
        case 0:
            arrays[one], arrays[two] = arrays[two], arrays[one]
        case 1:
            del arrays[one]
        case 2:
            arrays["more"] = arrays[one]
        case _:
            flat = arrays["hits"].reshape(-1)
            a, b = rng.choice(flat.size, 2, replace=False)
            flat[a], flat[b] = flat[b], flat[a]
    return write(sealed(record), arrays)


def forge_hits(files: Files, rng: Rng) -> Files:
    """Raise the hits of some components, and compute both hashes again."""
    record, arrays = read(files)
    hits = arrays["hits"].astype(np.int64)
    some = rng.choice(hits.size, int(rng.integers(1, 5)), replace=False)
    hits.flat[some] = np.minimum(hits.flat[some] + 1 + rng.integers(9), record["parameters"]["n"])
    arrays["hits"] = hits.astype(arrays["hits"].dtype)
    return write(hashed(record, arrays), arrays)


def forge_shape(files: Files, rng: Rng) -> Files:
    """Remove or add a row or a column of pixels everywhere, and compute both hashes again."""
    record, arrays = read(files)
    axis, more = int(rng.integers(1, 3)), bool(rng.integers(2))
    record["provenance"]["input_shape"][axis] += 1 if more else -1
    for name in set(arrays) - {"pilot_fingerprints", "test_fingerprints"}:
        place = axis - 3
        size = arrays[name].shape[place]
        kept = [*range(size), size - 1] if more else range(size - 1)
        arrays[name] = np.take(arrays[name], kept, axis=place)
    return write(hashed(record, arrays), arrays)


def forge_type(files: Files, rng: Rng) -> Files:
    """Store counts as other numbers that round or wrap to the same, with their true hash."""
    record, arrays = read(files)
    name = ("labels", "hits")[rng.integers(2)]
    wide = arrays[name].astype(np.int64)
    changed = wide + 0.25 if rng.integers(2) else wide - 2**32
    return write(hashed(record, {**arrays, name: changed}), {**arrays, name: changed})


def rezip(files: Files, rng: Rng) -> Files:
    """Put a second array of the same name behind the first, or a member outside the folder."""
    file = io.BytesIO(files.counts)
    with zipfile.ZipFile(file, "a") as archive:
        name = ("../outside.npy", "/etc/outside.npy", "notes.txt")[rng.integers(3)]
        archive.writestr(name, archive.read("hits.npy"))
    return Files(files.record, file.getvalue())


MUTATIONS: tuple[Callable[[Files, Rng], Files], ...] = (
    flip_record, flip_counts, cut, edit_field, swap_fields, edit_claim, edit_array, swap_counts,
    forge_hits, forge_shape, forge_type, rezip,
)  # fmt: skip
