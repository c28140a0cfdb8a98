"""A fault at each call that may fail: one line, nothing half-written, a rerun as if nothing was.

The default suite draws some of the places; all are in `make test-slow`.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("injecting.py")
COMMANDS = ("certify", "evaluate", "train", "report", "attack", "verify")
SOME = 2  # places of a command


def injected(commands: tuple[str, ...], folder: Path, most: int) -> list[str]:
    """Run the program that injects faults; what it says in the end of each command."""
    done = subprocess.run(
        [sys.executable, PROGRAM, ",".join(commands), folder, str(most), "7"],
        capture_output=True, text=True, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return [line for line in done.stdout.splitlines() if ": tried " in line]


def test_a_fault_at_some_points_of_every_command(tmp_path: Path) -> None:
    """In one process, which imports everything once."""
    said = injected(COMMANDS, tmp_path, SOME)
    assert [line.split(" of ")[0] for line in said] == [f"{one}: tried {SOME}" for one in COMMANDS]


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_fault_at_every_point_of_a_command(command: str, tmp_path: Path) -> None:
    (said,) = injected((command,), tmp_path, 0)
    assert said.startswith(f"{command}: tried ")
