"""The inputs of a run: read once."""

import os
from pathlib import Path

import pytest
from PIL import Image

from segcert.errors import InputError
from segcert.inputs import held
from segcert.inputs.cloud_columns import Columns
from segcert.inputs.held import Inputs
from segcert.inputs.input import Input, read_path

SIZE = 3 * 8 * 6


@pytest.fixture
def paths(tmp_path: Path) -> dict[str, Path]:
    """Three images of SIZE bytes each."""
    found = {name: tmp_path / f"{name}.png" for name in ("one", "two", "three")}
    for grey, path in enumerate(found.values()):
        Image.new("RGB", (8, 6), (grey, grey, grey)).save(path)
    return found


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of files that are decoded."""
    names: list[str] = []

    def read(path: Path, columns: Columns | None = None) -> Input:
        names.append(path.stem)
        return read_path(path, columns)

    monkeypatch.setattr(held, "read_path", read)
    return names


def test_each_file_is_decoded_once(paths: dict[str, Path], seen: list[str]) -> None:
    inputs = Inputs(paths)
    for _ in range(2):
        for name, given in inputs.items():
            assert given.name == name
            inputs.check_unchanged(name)
    assert seen == ["one", "two", "three"]
    assert held.held(inputs) is inputs
    assert len(inputs) == 3


def test_what_does_not_fit_into_memory_is_read_again(
    paths: dict[str, Path], seen: list[str]
) -> None:
    inputs = Inputs(paths, most=2 * SIZE)
    hashes = [given.sha256 for given in inputs.values()]
    assert seen == ["one", "two", "three", "three"]
    assert hashes == [read_path(path).sha256 for path in paths.values()]


@pytest.mark.parametrize("most", [10 * SIZE, 0])
def test_a_file_that_holds_something_else_by_now_is_refused(
    paths: dict[str, Path], most: int
) -> None:
    inputs = Inputs(paths, most=most)
    Image.new("RGB", (8, 6), (9, 9, 9)).save(paths["two"])
    inputs.check_unchanged("one")
    with pytest.raises(InputError, match=r"two\.png was changed while it was certified"):
        inputs.check_unchanged("two")
    paths["three"].unlink()
    with pytest.raises(InputError, match=r"three\.png does not exist"):
        inputs.check_unchanged("three")


def test_a_file_that_was_touched_only_is_the_same(paths: dict[str, Path], seen: list[str]) -> None:
    inputs = Inputs(paths)
    os.utime(paths["one"], (1, 1))
    inputs.check_unchanged("one")
    assert seen == ["one", "two", "three", "one"]


def test_bytes_that_hide_behind_an_old_date_are_noticed(paths: dict[str, Path]) -> None:
    inputs, before = Inputs(paths), paths["one"].stat()
    Image.new("RGB", (8, 6), (9, 9, 9)).save(paths["one"])
    os.utime(paths["one"], ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(InputError, match="was changed"):
        inputs.check_unchanged("one")
