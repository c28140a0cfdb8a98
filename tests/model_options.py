"""Every option that a model of ``segcert evaluate`` has, for tests of engines."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from foreign_models import tiny, write_pt2
from PIL import Image

FOLDER = "{folder}"  # stands for a folder of images and a place for files
OF_IMAGES: dict[str, tuple[str, ...]] = {
    "as it comes": (),
    "a scale": ("--scale", "0.5"),
    "averaged scales": ("--scale", "0.5,1+flip"),
    "a denoiser": ("--denoiser", "camvid-denoiser"),
    "16 bits": ("--precision", "bf16"),
    "another program": ("--backend", "onnx"),
    "how it is fed": ("--channels", "bgr"),
    "smoothed scores": ("--smooth-scores", "2"),
    "8 bits": (
        "--backend", "openvino-int8", "--int8-file", f"{FOLDER}/int8/net.xml",
        "--calibration", f"{FOLDER}/images",
    ),
}  # fmt: skip
OF_CLOUDS: dict[str, tuple[str, ...]] = {
    "as it comes": (),
    "trusted normals": ("--normals", "trusted"),
    "recomputed normals": ("--normals", "recomputed"),
    "votes": ("--votes", "3"),  # of a network that draws nothing
    "smoothed over points": ("--smooth-neighbours", "4"),
}
FOREIGN = {"how it is fed"}  # of files of other programs: weights of ours are fed as trained
NEEDS = {"another program": "onnxscript", "8 bits": "nncf"}  # packages


def options(kind: str, case: str, folder: Path) -> tuple[str, ...]:
    """The options of a case, as they are typed."""
    words = (OF_IMAGES if kind == "image" else OF_CLOUDS)[case]
    return tuple(word.replace(FOLDER, str(folder)) for word in words)


def model_of(case: str, weights: Path, folder: Path) -> Path:
    """The model of a case of images: weights of ours, or a program that is written."""
    return write_pt2(folder / "net.pt2", tiny()) if case in FOREIGN else weights


def photographs(folder: Path, draw_pixels: Callable[..., np.ndarray]) -> tuple[object, ...]:
    """Options for a folder with two tiny photographs, which are written."""
    for name in ("images", "masks"):
        (folder / name).mkdir()
    for seed, name in enumerate("ab"):
        pixels = draw_pixels(seed=seed)
        Image.fromarray(pixels).save(folder / "images" / f"{name}.png")
        truth = (pixels[..., 0] > 127).astype(np.uint8)
        Image.fromarray(truth).save(folder / "masks" / f"{name}.png")
    (folder / "names.txt").write_text("road\ncar\nsky\n")
    return (
        "--data", "folder", "--images", folder / "images", "--masks", folder / "masks",
        "--classes", folder / "names.txt", "--tau", 0.6, "--n", 40, "--n0", 4, "--alpha", 0.1,
    )  # fmt: skip


CLOUDS = (
    "--data", "shapes", "--scenes", 2, "--sigma", 0.1, "--tau", 0.5, "--n", 14, "--n0", 2,
    "--alpha", 0.5,
)  # fmt: skip
CASES = [("image", case) for case in OF_IMAGES] + [("cloud", case) for case in OF_CLOUDS]
