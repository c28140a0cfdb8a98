"""The inputs of a run: each file is decoded once, while all together fit into memory."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from segcert.errors import InputError
from segcert.inputs.cloud_columns import Columns
from segcert.inputs.input import Input, read_path
from segcert.inputs.pictures import split_page

MOST_BYTES = 1 << 31  # of tensors that are kept
State = tuple[int, ...]


class Inputs(Mapping[str, Input]):
    """Files, read in order at once, so that a bad one is met before the work.

    Those that do not fit into memory with the others are read again when they are needed, and
    must hold then what they held before.

    Args:
        paths: The files by name.
        most: Bytes of tensors that are kept.
        columns: Of clouds whose files do not say what they are.

    Raises:
        InputError: If a file cannot be read.
    """

    def __init__(
        self, paths: Mapping[str, Path], *, most: int = MOST_BYTES, columns: Columns | None = None
    ) -> None:
        self._paths, self._columns = dict(paths), columns
        self._kept: dict[str, Input] = {}
        self._sha256: dict[str, str] = {}
        self._states: dict[str, State] = {}
        for name, path in self._paths.items():
            self._states[name] = state_of(path)
            given = read_path(path, columns)
            most -= given.tensor.nbytes
            if most >= 0:
                self._kept[name] = given
            else:
                self._sha256[name] = given.sha256

    def __getitem__(self, name: str) -> Input:
        """The input, read again if it was not kept.

        Raises:
            InputError: If it was changed since.
        """
        return self._kept[name] if name in self._kept else self._again(name)

    def __iter__(self) -> Iterator[str]:
        """Go through the names."""
        return iter(self._paths)

    def __len__(self) -> int:
        """Count the files."""
        return len(self._paths)

    def check_unchanged(self, name: str) -> None:
        """Notice a file that was changed since it was read; one that was not touched is not opened.

        Raises:
            InputError: If it holds something else by now.
        """
        if state_of(self._paths[name]) != self._states[name]:
            self._again(name)

    def _again(self, name: str) -> Input:
        """Read a file again.

        Raises:
            InputError: If it was changed.
        """
        path = self._paths[name]
        given = read_path(path, self._columns)
        known = self._kept[name].sha256 if name in self._kept else self._sha256[name]
        if given.sha256 != known:
            raise InputError(
                f"{path} was changed while it was certified: the draws are of what it held before; "
                "they are kept, so put that back and repeat the command, or choose another --out"
            )
        return given


def held(inputs: Mapping[str, Path] | Inputs) -> Inputs:
    """Read files, if that was not done before."""
    return inputs if isinstance(inputs, Inputs) else Inputs(inputs)


def state_of(path: Path) -> State:
    """What the file system changes with the content of a file; empty if there is none."""
    try:
        found = split_page(path)[0].stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
