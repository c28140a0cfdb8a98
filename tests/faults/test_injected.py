"""A fault at each call that may fail: one line, nothing half-written, a rerun as if nothing was.

The default suite draws some of the places, another seed for each command; all are in `make
test-slow`.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("injecting.py")
SOME = dict.fromkeys(("certify", "evaluate", "train", "report", "attack", "verify"), 2)


def injected(command: str, folder: Path, most: int) -> str:
    """Run the program that injects faults; its last line."""
    done = subprocess.run(
        [sys.executable, PROGRAM, command, folder, str(most), str(len(command))],
        capture_output=True, text=True, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize("command", SOME)
def test_a_fault_at_some_points_of_a_command(command: str, tmp_path: Path) -> None:
    assert injected(command, tmp_path, SOME[command]).startswith(f"tried {SOME[command]} of ")


@pytest.mark.slow
@pytest.mark.parametrize("command", SOME)
def test_a_fault_at_every_point_of_a_command(command: str, tmp_path: Path) -> None:
    assert injected(command, tmp_path, 0).startswith("tried ")
