"""kill -9 at seeded points of certify and train; the same command ends as if nothing had been."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

PROGRAM = Path(__file__).with_name("killing.py")


def killed(command: str, folder: Path) -> list[str]:
    """Run the program that kills; what it says it did."""
    done = subprocess.run(
        [sys.executable, PROGRAM, command, folder], capture_output=True, text=True, check=False,
        timeout=1800, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()


def test_certify_goes_on_after_kill_9_at_any_point(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    for name in ("one", "two"):
        Image.fromarray(rng.integers(0, 256, (8, 10, 3), np.uint8)).save(tmp_path / f"{name}.png")
    (tmp_path / "out").mkdir()
    assert len(killed("certify", tmp_path / "out")) == 8


@pytest.mark.slow
def test_train_goes_on_after_kill_9_at_any_point(tmp_path: Path) -> None:
    """In the default suite: a kill in the middle of an epoch, in tests/training/test_resume.py."""
    assert len(killed("train", tmp_path)) == 3
