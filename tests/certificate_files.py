"""Certificates as a forger writes them: any record, with its digest, in the layout of segcert."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

Record = dict[str, Any]


def sealed(record: Record) -> Record:
    """Compute the digest of a record, as anybody can who read our source."""
    text = json.dumps(record | {"digest": ""}, sort_keys=True)
    return record | {"digest": hashlib.sha256(text.encode()).hexdigest()}


def text_of(record: Record) -> str:
    """Lay a record out as segcert does."""
    return json.dumps(record, indent=2, ensure_ascii=False) + "\n"


def hash_of(arrays: dict[str, np.ndarray]) -> str:
    """Hash the arrays of ``counts.npz`` as segcert does."""
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name}|{array.dtype}|{array.shape}|".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def get(folder: Path) -> Record:
    """Read a record, to be changed."""
    return json.loads((folder / "certificate.json").read_text())  # type: ignore[no-any-return]


def arrays_of(folder: Path) -> dict[str, np.ndarray]:
    """Read the arrays, to be changed."""
    with np.load(folder / "counts.npz", allow_pickle=False) as file:
        return dict(file)


def put(folder: Path, record: Record, arrays: dict[str, np.ndarray] | None = None) -> None:
    """Write a record with its digest; arrays, if they are given, with their hash."""
    if arrays is not None:
        record = record | {"counts_sha256": hash_of(arrays)}
        np.savez_compressed(folder / "counts.npz", allow_pickle=False, **arrays)
    (folder / "certificate.json").write_text(text_of(sealed(record)))
