"""A folder of photographs with masks, for tests of ``segcert evaluate``."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image


def two_photographs(folder: Path, draw_pixels: Callable[..., np.ndarray]) -> dict[str, object]:
    """Write two tiny photographs with masks; the options that name them."""
    for name in ("images", "masks"):
        (folder / name).mkdir()
    for seed, name in enumerate("ab"):
        pixels = draw_pixels(seed=seed)
        Image.fromarray(pixels).save(folder / "images" / f"{name}.png")
        truth = (pixels[..., 0] > 127).astype(np.uint8)
        Image.fromarray(truth).save(folder / "masks" / f"{name}.png")
    (folder / "names.txt").write_text("road\ncar\nsky\n")
    return {
        "--data": "folder", "--images": folder / "images", "--masks": folder / "masks",
        "--classes": folder / "names.txt",
    }  # fmt: skip
