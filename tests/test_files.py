"""Files are replaced whole or not at all."""

import errno
import os
import socket
from pathlib import Path

import pytest

from segcert.errors import InputError
from segcert.files import (
    atomic_write,
    check_regular,
    check_writable,
    open_regular,
    read_regular,
    read_text,
)


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


def specials(folder: Path) -> dict[str, Path]:
    """What is no regular file, by its kind."""
    found = {kind: folder / kind for kind in ("pipe", "device", "socket", "folder", "link")}
    os.mkfifo(found["pipe"])
    found["device"].symlink_to("/dev/zero")
    found["folder"].mkdir()
    found["link"].symlink_to(found["pipe"])
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(found["socket"]))
    return found


def test_only_regular_files_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for kind, path in specials(Path()).items():
        said = {"link": "a pipe"}.get(kind, f"a {kind}")
        for read in (
            lambda path=path: check_regular(path, what="thing"),
            lambda path=path: read_regular(path, what="thing", most=9),
            lambda path=path: read_text(path, what="thing"),
            lambda path=path: open_regular(path, what="thing").__enter__(),
        ):
            with pytest.raises(InputError, match=f"thing {path} is {said}: name a file"):
                read()
    for missing in (Path("missing"), Path("folder/missing"), Path("pipe/missing")):
        with pytest.raises(InputError, match=f"thing {missing} does not exist"):
            check_regular(missing, what="thing")


def test_files_that_never_end_are_not_read_to_their_end(tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(1 << 40)  # takes no room
    with pytest.raises(InputError, match="has 1099511627776 bytes, the most are 10"):
        read_regular(large, what="thing", most=10)
    assert read_regular(Path("/proc/self/environ"), what="thing", most=10) == b""


def test_regular_files_are_read(tmp_path: Path) -> None:
    path, link = tmp_path / "a", tmp_path / "link"
    path.write_bytes(b"\xc3\xa4")
    link.symlink_to(path)
    for one in (path, link):
        assert read_regular(one, what="thing", most=2) == b"\xc3\xa4"
        assert read_text(one, what="thing") == "ä"
    path.write_bytes(b"\xff")
    with pytest.raises(InputError, match="is no text in UTF-8"):
        read_text(path, what="thing")
