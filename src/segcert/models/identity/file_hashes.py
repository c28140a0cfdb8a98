"""Hash a model by its files and by how they are used."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from segcert.files import open_regular

Setting = str | bool | float | tuple[float, ...]


def hash_model(kind: str, files: Sequence[str], settings: Mapping[str, Setting]) -> str:
    """Hash the contents of files together with what changes the function they stand for.

    The names of the files do not count, but their order does.

    Args:
        kind: What the files are; two programs may understand one file differently.
        files: Hash of every file that is read.
        settings: Such as mean and standard deviation: with others it is another model.
    """
    parts = {
        "kind": kind,
        "files": list(files),
        "settings": dict(settings),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def hash_bytes(content: bytes) -> str:
    """Hash the content of a file that was read."""
    return hashlib.sha256(content).hexdigest()


def hash_file(path: Path) -> str:
    """Hash the content of a file."""
    with open_regular(path, what="model file") as file:
        digest = hashlib.sha256()
        while part := file.read(1 << 20):
            digest.update(part)
        return digest.hexdigest()
