"""`segcert --help` says what the commands say of themselves, and imports none of them."""

import os
import subprocess
import sys

import pytest

from segcert.cli.application import app
from segcert.cli.overview import ABOUT, COMMANDS, OPTIONS, overview, said_at_once

HEAVY = ("torch", "numpy", "scipy", "PIL", "cyclopts", "rich", "pydantic", "segcert.noise")


def test_each_command_is_listed_with_its_own_first_line() -> None:
    assert set(COMMANDS) == {name for name in app if not name.startswith("-")}
    for name, summary in COMMANDS.items():
        (command,) = {app[name].default_command}
        assert command is not None
        assert command.__name__ == name
        assert (command.__doc__ or "").splitlines()[0] == summary


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_the_overview_fits_and_says_all(width: int) -> None:
    text = overview(width)
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= max(40, min(width, 100))
    said = " ".join(text.split())
    for known in (*ABOUT.split("\n\n"), *COMMANDS.values(), *OPTIONS, *OPTIONS.values()):
        assert " ".join(known.split()) in said
    for name in COMMANDS:
        assert f"\n  {name} " in text


def test_only_what_names_no_command_is_said_at_once() -> None:
    assert said_at_once([]) == said_at_once(["-h"]) == said_at_once(["--help"]) == overview()
    assert (said_at_once(["--version"]) or "").startswith("0.")
    assert said_at_once(["certify", "--help"]) is None
    assert said_at_once(["photo.png"]) is None


def test_what_is_said_at_once_imports_neither_commands_nor_libraries() -> None:
    code = """
import sys
from segcert.cli.main import run
status = run(["--help"]) or run(["--version"]) or run([])
print(status, sorted(set(sys.modules) & set(sys.argv[1:])))
"""
    found = subprocess.run(
        [sys.executable, "-c", code, *HEAVY], capture_output=True, text=True, check=True
    )
    assert found.stdout.splitlines()[-1] == "0 []"


def test_a_command_imports_no_other_command() -> None:
    code = """
import sys
from segcert.cli.main import run
status = run(["certify", "--help"])
print(status, sorted(set(sys.modules) & set(sys.argv[1:])))
"""
    others = [f"segcert.cli.{name}" for name in COMMANDS if name != "certify"]
    found = subprocess.run(
        [sys.executable, "-c", code, "torch", "numpy", *others],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert found.stdout.splitlines()[-1] == "0 []"


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_the_overview_ends_quietly_when_nobody_reads(unbuffered: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    found = subprocess.run(
        [sys.executable, "-m", "segcert", "--help"], stdout=writer, stderr=subprocess.PIPE,
        text=True, check=False, env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
    )  # fmt: skip
    os.close(writer)
    assert "Traceback" not in found.stderr
    assert found.returncode in (2, 141)
