"""Every option that a model of ``segcert evaluate`` has, for tests of engines."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from foreign_models import tiny, write_pt2
from labelled_photographs import two_photographs

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
    data = [word for pair in two_photographs(folder, draw_pixels).items() for word in pair]
    return (*data, "--tau", 0.6, "--n", 40, "--n0", 4, "--alpha", 0.1)


CLOUDS = (
    "--data", "shapes", "--scenes", 2, "--sigma", 0.1, "--tau", 0.5, "--n", 14, "--n0", 2,
    "--alpha", 0.5,
)  # fmt: skip
CASES = [("image", case) for case in OF_IMAGES] + [("cloud", case) for case in OF_CLOUDS]
