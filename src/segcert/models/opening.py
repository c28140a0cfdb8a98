"""Open model files of other programs: which of them, by suffix or as a folder."""

from dataclasses import replace
from pathlib import Path

from segcert.errors import InputError
from segcert.files import check_regular
from segcert.models.adapter import Segmenter
from segcert.models.callables import segmenter_of
from segcert.models.files.exported import open_exported
from segcert.models.files.foreign import ForeignModel
from segcert.models.files.hrnet_checkpoints import open_checkpoint
from segcert.models.files.hugging_face import open_folder
from segcert.models.files.onnx_files import open_onnx
from segcert.models.files.preprocessor import notes_on
from segcert.models.files.sidecar import sidecar_path

OURS = ".safetensors"
CHECKPOINTS = (".pth", ".pt", ".ckpt", ".tar")  # the last as in checkpoint.pth.tar
KINDS = dict.fromkeys(CHECKPOINTS, "HRNetV2 checkpoint") | {
    ".pt2": "exported program",
    ".onnx": "ONNX file",
}
READERS = dict.fromkeys(CHECKPOINTS, open_checkpoint) | {
    ".pt2": open_exported,
    ".onnx": open_onnx,
}
AS_ONNX = "convert the network to ONNX"
ELSEWHERE = {  # formats that are not read -> the way out
    (".h5", ".hdf5", ".keras", ".pb", ".tflite", ".savedmodel"): (
        f"{AS_ONNX}, as with tf2onnx: channels may come last"
    ),
    (".xml", ".mlmodel", ".mlpackage", ".caffemodel", ".prototxt", ".pdmodel", ".pdparams",
     ".params", ".param", ".mat", ".ncnn", ".gguf", ".weights", ".cfg"): f"{AS_ONNX} first",
    (".engine", ".plan", ".trt", ".rknn", ".hef", ".blob"): (
        "it is compiled for one machine: give the ONNX file that it was made from"
    ),
    (".pkl", ".pickle", ".joblib", ".dill", ".bin", ".npz", ".ptl"): (
        "a pickle runs code, so write the network with torch.export.save to a .pt2 file, or make "
        "it in a function of yours, --model module.py:make"
    ),
    (".zip", ".gz", ".tgz", ".7z", ".rar", ".xz", ".bz2"): "unpack it first",
    (".yaml", ".yml", ".json", ".toml", ".ipynb", ".txt"): "name the file with the weights",
}  # fmt: skip
FILES = f"{OURS} of segcert train, {', '.join(KINDS)}, or a Hugging Face folder"


def is_path(name: str) -> bool:
    """Tell the path of a model from the name of a shipped one."""
    known = Path(name).suffix in (OURS, *KINDS) or way_from(Path(name))
    return "/" in name or bool(known) or bool(name and Path(name).is_dir())


def way_from(path: Path) -> str:
    """What to do with a file of a format that is not read; empty for others."""
    suffix = path.suffix.lower()
    return next((way for endings, way in ELSEWHERE.items() if suffix in endings), "")


def check_format(path: Path) -> None:
    """Refuse formats that are known and not read.

    Raises:
        InputError: With the way out.
    """
    way = "" if path.is_dir() else way_from(path)
    if way:
        raise InputError(f"model {path}: files {path.suffix} are not read: {way}")


def is_foreign(path: Path) -> bool:
    """Tell files of other programs from weights of ours."""
    return path.suffix in KINDS or path.is_dir()


def kind_of(path: Path) -> str:
    """Say in words what a path of another program is."""
    return "Hugging Face folder" if path.is_dir() else KINDS[path.suffix]


def open_foreign(path: Path) -> Segmenter:
    """Open a model file or folder of another program.

    The hash of its weights covers every file that is read, and how they are used (mean, standard
    deviation, ...): with another mean it is another model.

    Args:
        path: ``.pth``, ``.pt``, ``.ckpt``, ``.pth.tar``, ``.pt2`` or ``.onnx`` file, or Hugging
            Face folder.

    Raises:
        InputError: If it is missing, unusable or unsafe, or an extra of the package is missing.
    """
    foreign = read_foreign(path)
    segmenter = segmenter_of(
        foreign.model, name=foreign.name, mean=foreign.mean, std=foreign.std,
        smallest_side=foreign.smallest_side, class_names=foreign.class_names,
        palette=foreign.palette, classes=foreign.classes, stochastic=foreign.stochastic,
    )  # fmt: skip
    # the files hold all of the network: nothing else needs to be hashed
    return replace(
        segmenter, weights_sha256=foreign.sha256, configuration="", runtime=foreign.runtime
    )


def read_foreign(path: Path) -> ForeignModel:
    """Read a model file or folder of another program.

    Raises:
        InputError: As `open_foreign`.
    """
    if path.is_dir():
        return open_folder(path)
    check_regular(path, what="model")
    return READERS[path.suffix](path)


def notes_on_folder(path: Path) -> list[str]:
    """Say what of the preprocessor in a folder is not followed; nothing of files."""
    return notes_on(path) if path.is_dir() else []


def where_to_normalise(path: Path) -> str:
    """Name the file that would say mean and standard deviation; empty if it is there."""
    if path.suffix in CHECKPOINTS:
        return ""  # all HRNetV2 checkpoints have those of ImageNet
    file = path / "preprocessor_config.json" if path.is_dir() else sidecar_path(path)
    return "" if file.exists() else str(file)
