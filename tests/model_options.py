"""Every option that a model of ``segcert evaluate`` has, for tests of engines."""

from pathlib import Path

FOLDER = "{folder}"  # stands for a folder of images and a place for files
OF_IMAGES: dict[str, tuple[str, ...]] = {
    "as it comes": (),
    "a scale": ("--scale", "0.5"),
    "averaged scales": ("--scale", "0.5,1+flip"),
    "a denoiser": ("--denoiser", "camvid-denoiser"),
    "16 bits": ("--precision", "bf16"),
    "another program": ("--backend", "onnx"),
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
}
NEEDS = {"another program": "onnxscript", "8 bits": "nncf"}  # packages


def options(kind: str, case: str, folder: Path) -> tuple[str, ...]:
    """The options of a case, as they are typed."""
    words = (OF_IMAGES if kind == "image" else OF_CLOUDS)[case]
    return tuple(word.replace(FOLDER, str(folder)) for word in words)


CASES = [("image", case) for case in OF_IMAGES] + [("cloud", case) for case in OF_CLOUDS]
