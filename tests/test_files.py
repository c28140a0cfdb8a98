"""Files are replaced whole or not at all."""

import errno
import os
from pathlib import Path

import pytest

from segcert.files import atomic_write, check_writable


def no_space(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_new_file_and_its_folders_appear(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file.bin"
    with atomic_write(path) as file:
        file.write(b"new")
        assert not path.exists()
    assert path.read_bytes() == b"new"
    assert [p.name for p in path.parent.iterdir()] == ["file.bin"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_an_old_file_is_replaced_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")
    with atomic_write(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, OSError])
def test_a_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")

    def fail_midway() -> None:
        with atomic_write(path) as file:
            file.write(b"half")
            raise error

    with pytest.raises(error):
        fail_midway()
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_full_disk_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match=r"No space.*file\.bin"), atomic_write(tmp_path / "file.bin"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_folder_cannot_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError), atomic_write(tmp_path / "folder") as file:
        file.write(b"x")
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_what_cannot_be_written_is_found_beforehand(tmp_path: Path, unwritable: Path) -> None:
    (tmp_path / "file").touch()
    check_writable(tmp_path / "new" / "file")
    assert list((tmp_path / "new").iterdir()) == []
    for path in (tmp_path, tmp_path / "file" / "below", unwritable / "file"):
        with pytest.raises(OSError, match=str(path)):
            check_writable(path)
