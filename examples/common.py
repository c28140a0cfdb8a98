"""What the examples share: the folder for results, a photograph, and how to skip one."""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

import numpy as np
from PIL import Image

from segcert.data.drawn_scenes import FIRST_TEST_SCENE, Scenes

SIZE = (256, 192)  # width and height of the photograph, pixels; some networks halve it five times


def skip(error: Exception) -> NoReturn:
    """End with one line, and without failure, as a library is missing or broken."""
    print(f"skipped: {' '.join(str(error).split())}")
    sys.exit(0)


def start(about: str) -> Path:
    """Read --out; without it, results go to a temporary folder.

    Args:
        about: What the example does, for --help.

    Returns:
        The folder for what it writes.
    """
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--out", type=Path, default=None, help="folder for the results")
    out = parser.parse_args().out or Path(tempfile.mkdtemp(prefix="segcert-example-"))
    out.mkdir(parents=True, exist_ok=True)
    return out


def photograph(path: Path) -> Path:
    """Draw a street and write it as a file."""
    street = Image.fromarray(Scenes(1, first=FIRST_TEST_SCENE)[0].image)
    street.resize(SIZE, Image.Resampling.LANCZOS).save(path)
    return path


def ball(side: int = 24) -> np.ndarray:
    """Draw a bright ball in a dark volume (1, side, side, side), as bytes."""
    place = np.indices((side, side, side)) - (side - 1) / 2
    inside = np.sqrt((place**2).sum(0)) < side / 3
    return np.where(inside, 200, 40).astype(np.uint8)[None]
