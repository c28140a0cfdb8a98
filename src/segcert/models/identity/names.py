"""Names of models: those of files of others are never those of shipped ones."""

import re
from importlib.resources import files
from pathlib import Path


def own_name(name: str, path: Path) -> str:
    """Name the model of a file as it would be named, unless a shipped model is called so.

    Args:
        name: As it would be named: by its file without suffix.
        path: Of the file or folder.
    """
    parts = (part.strip().casefold() for part in re.split(r"[+\[]", name))
    if shipped_names().isdisjoint(parts):
        return name
    return f"{path.name}/" if path.is_dir() else path.name


def shipped_names() -> frozenset[str]:
    """Names of all shipped weights: of models of images and clouds, and of denoisers."""
    return frozenset(shipped_files())


def shipped_files() -> dict[str, Path]:
    """All shipped weights by name, in order; none is opened, so what they hold is not known."""
    folder = Path(str(files("segcert.models") / "weights"))
    return {path.stem: path for path in sorted(folder.glob("*.safetensors"))}
