"""Terminals of other encodings take every name, and libraries speak in notes of one line."""

import io
import logging
import sys
import warnings
from pathlib import Path

import pytest

from segcert.cli.main import main
from segcert.cli.shell import libraries_in_notes, messages, results, write_anything

NAME = "stra\u00dfe \u2013 \u9053\u8def \u2192 \u20ac"
FEW = ("--tau", "0.6", "--alpha", "0.1", "--n0", "3", "--n", "30", "--seed", "4")
SHOWN = {
    "latin-1": "stra\u00dfe - ?? -> ?",
    "cp1252": "stra\u00dfe \u2013 ?? ? \u20ac",
    "ascii": "stra?e - ?? -> ?",
    "utf-8": NAME,
}
SHOWN["cp1252"] = "stra\u00dfe \u2013 ?? -> \u20ac"


def terminal(monkeypatch: pytest.MonkeyPatch, encoding: str) -> list[io.BytesIO]:
    """Streams of an encoding, as Python opens them; in the test, as pytest has its own before."""
    monkeypatch.setenv("TORCH_LOGS", "-all")  # so that it is taken back
    buffers = [io.BytesIO(), io.BytesIO()]
    for name, buffer in zip(("stdout", "stderr"), buffers, strict=True):
        monkeypatch.setattr(sys, name, io.TextIOWrapper(buffer, encoding, errors="strict"))
    for console in (results, messages):
        monkeypatch.setattr(console, "_width", 1000)
        monkeypatch.setattr(console, "_height", 25)
    return buffers


@pytest.mark.parametrize("encoding", SHOWN)
def test_every_name_can_be_printed(
    encoding: str, photo: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    buffers = terminal(monkeypatch, encoding)
    path = photo.rename(tmp_path / f"{NAME}.png")
    with pytest.raises(SystemExit) as ended:
        main(["certify", str(path), "--model", str(weights), "--out", str(tmp_path / "o"), *FEW])
    out, err = (buffer.getvalue().decode(encoding) for buffer in buffers)
    assert ended.value.code == 0, err
    assert SHOWN[encoding] in out
    with pytest.raises(SystemExit) as ended:
        main(["certify", f"{NAME}.png", "--model", str(weights)])
    assert ended.value.code == 2
    assert SHOWN[encoding] in buffers[1].getvalue().decode(encoding)


@pytest.mark.parametrize(
    "words", [["--help"], ["certify", "--help"], ["models"], ["toy", "--help"]]
)
def test_help_and_tables_can_be_printed(monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    buffers = terminal(monkeypatch, "ascii")
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 0
    assert buffers[0].getvalue().decode("ascii")


def test_other_streams_stay_as_they_are() -> None:
    write_anything(io.StringIO())
    write_anything(None)


def test_what_libraries_log_is_a_note(capsys: pytest.CaptureFixture[str]) -> None:
    usual = warnings.showwarning
    with libraries_in_notes():
        warnings.simplefilter("always")
        for _ in range(2):  # said once
            logging.getLogger("library.part").warning("two\nlines of %s", "it")
            warnings.warn("old\n  things", UserWarning, stacklevel=1)
        logging.getLogger("library").info("nothing")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == ["note: library: two lines of it", "note: UserWarning: old things"]
    assert warnings.showwarning is usual
    assert not any(type(one).__name__ == "AsNotes" for one in logging.getLogger().handlers)
