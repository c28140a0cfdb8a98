"""Files of arrays that were made to harm: refused before anything is unpacked."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from segcert.arrays import read_arrays
from segcert.errors import InputError


def npz(**members: bytes) -> bytes:
    """A zip file with members as they are."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def declaring(shape: str, dtype: str = "<f8", content: bytes = b"") -> bytes:
    """A member whose header says anything."""
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + content


@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_come_back_as_they_were(tmp_path: Path, order: str) -> None:
    arrays = {
        "a": np.asarray(np.arange(12.0).reshape(3, 4), order=order), "text": np.array("{}"),
        "none": np.zeros((0, 3), np.uint8), "big": np.arange(3, dtype=">u2"),
    }  # fmt: skip
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "a.npz", **arrays)
        for source in (tmp_path / "a.npz", (tmp_path / "a.npz").read_bytes()):
            found = read_arrays(source)
            assert found.keys() == arrays.keys()
            for name, array in arrays.items():
                assert found[name].dtype == array.dtype
                assert found[name].tolist() == array.tolist()


def test_a_compressed_bomb_is_not_unpacked() -> None:
    zeros = npy(np.zeros(3 << 20, np.uint8))
    bomb = npz(**{f"a{number}": zeros for number in range(10)})
    assert len(bomb) < 1 << 17
    with pytest.raises(InputError, match=r"take 3145\d+ bytes, at most 31457280 are read"):
        read_arrays(bomb, most=30 << 20)
    assert len(read_arrays(bomb, most=31 << 20)) == 10


@pytest.mark.parametrize(
    "shape", ["(1000000000000,)", "(-1,)", "(2, -4)", "(9223372036854775807, 2)", "(9,)"]
)
def test_declared_shapes_must_be_filled(shape: str) -> None:
    with pytest.raises(InputError, match="declares shape"):
        read_arrays(npz(a=declaring(shape, content=bytes(64))))


@pytest.mark.parametrize(
    ("member", "words"),
    [
        (declaring("(1000000000,)", "|V0"), "elements of no bytes"),
        (declaring("(1,)", "|O", bytes(8)), "pickled objects"),
        (b"\x93NUMPY\x03\x00" + bytes(64), r"has format \(3, 0\)"),
    ],
)
def test_strange_members(member: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_arrays(npz(a=member))


def test_members_that_are_no_arrays_or_there_twice() -> None:
    for second in ("a.npy", "notes.txt"):
        file = io.BytesIO(npz(a=npy(np.zeros(3))))
        with zipfile.ZipFile(file, "a") as archive:
            try:
                archive.writestr(second, npy(np.ones(3)))
            except UserWarning:  # a duplicate name, which Python notices but writes
                continue
        with pytest.raises(InputError, match=f"{second}' is there twice, or is no"):
            read_arrays(file.getvalue())
