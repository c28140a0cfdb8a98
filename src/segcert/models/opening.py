"""Open model files of other programs: which of them, by suffix or as a folder."""

from dataclasses import replace
from pathlib import Path

import torch

from segcert.errors import InputError
from segcert.files import check_regular
from segcert.models.adapter import Segmenter
from segcert.models.callables import segmenter_of
from segcert.models.files.exported import open_exported
from segcert.models.files.foreign import ForeignModel
from segcert.models.files.hrnet_checkpoints import open_checkpoint
from segcert.models.files.hugging_face import open_folder
from segcert.models.files.onnx_files import open_onnx
from segcert.models.files.own_code import is_code, made_by, split_code
from segcert.models.files.preprocessor import notes_on
from segcert.models.files.sidecar import Told, read_sidecar, sidecar_path
from segcert.models.identity.file_hashes import hash_model

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
CODE = "Python code"
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
FILES = (
    f"{OURS} of segcert train, {', '.join(KINDS)}, a Hugging Face folder, or code of yours, "
    "net.py:make"
)


def is_path(name: str) -> bool:
    """Tell the path of a model from the name of a shipped one."""
    path = Path(name)
    known = path.suffix in (OURS, *KINDS) or way_from(path) or is_code(path)
    return "/" in name or bool(known) or bool(name and path.is_dir())


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
    return path.suffix in KINDS or path.is_dir() or is_code(path)


def kind_of(path: Path) -> str:
    """Say in words what a path of another program is."""
    if is_code(path):
        return "Python code of your own, which is executed"
    return "Hugging Face folder" if path.is_dir() else KINDS[path.suffix]


def open_foreign(path: Path, told: Told = ()) -> Segmenter:
    """Open a model file or folder of another program.

    The hash of its weights covers every file that is read, and how they are used (mean, standard
    deviation, ...): with another mean it is another model.

    Args:
        path: ``.pth``, ``.pt``, ``.ckpt``, ``.pth.tar``, ``.pt2`` or ``.onnx`` file, or Hugging
            Face folder; or Python code of one's own, which is executed: ``net.py:make``.
        told: Settings that come before those that the file brings along, by name as in a sidecar.

    Raises:
        InputError: If it is missing, unusable or unsafe, or an extra of the package is missing.
    """
    if is_code(path):
        return open_code(path, told)
    foreign = read_foreign(path, told)
    segmenter = segmenter_of(
        foreign.model, name=foreign.name, mean=foreign.mean, std=foreign.std,
        smallest_side=foreign.smallest_side, class_names=foreign.class_names,
        palette=foreign.palette, classes=foreign.classes, stochastic=foreign.stochastic,
        convention=replace(foreign.convention, output_name=""),  # its reader took it out
    )  # fmt: skip
    # the files hold all of the network: nothing else needs to be hashed
    return replace(
        segmenter, name=foreign.name, weights_sha256=foreign.sha256, configuration="",
        runtime=foreign.runtime, convention=foreign.convention, assumed=foreign.assumed,
        sizes=foreign.sizes,
    )  # fmt: skip


def open_code(path: Path, told: Told) -> Segmenter:
    """Execute Python code of the user's own, and wrap what it makes, with its sidecar if any.

    Raises:
        InputError: As `made_by`, or if it wraps the network itself and something else is said.
        ModelError: As of `segmenter_of`.
    """
    file, _ = split_code(path)
    said = read_sidecar(file).with_told(told, path)
    said.refuse(("align_corners", "inplace_abn"), path, "is not of Python code")
    made, sha256 = made_by(path)
    if isinstance(made, Segmenter):
        if said.model_fields_set:
            raise InputError(
                f"model {path} wraps its network with as_segmenter: say "
                f"{', '.join(sorted(said.model_fields_set))} there"
            )
        return replace(made, weights_sha256=hash_model(CODE, [sha256, made.weights_sha256], {}))
    mean, std = said.normalisation
    wrapped = segmenter_of(
        made, name=file.stem, mean=mean, std=std, smallest_side=said.smallest_side or 1,
        class_names=said.classes, palette=said.palette, classes=said.declared,
        stochastic=said.stochastic, convention=said.convention,
    )  # fmt: skip
    if torch.cuda.is_available():
        wrapped.to(torch.device("cuda"))
    sha256 = hash_model(CODE, [sha256, wrapped.weights_sha256], {})
    return replace(wrapped, weights_sha256=sha256, assumed=said.assumed)


def read_foreign(path: Path, told: Told = ()) -> ForeignModel:
    """Read a model file or folder of another program.

    Raises:
        InputError: As `open_foreign`.
    """
    if path.is_dir():
        return open_folder(path, told)
    check_regular(path, what="model")
    return READERS[path.suffix](path, told)


def notes_on_folder(path: Path) -> list[str]:
    """Say what of the preprocessor in a folder is not followed; nothing of files."""
    return notes_on(path) if path.is_dir() else []


def where_to_normalise(path: Path) -> str:
    """Name the file that would say mean and standard deviation; empty if it is there."""
    if path.suffix in CHECKPOINTS or is_code(path):
        return ""  # all HRNetV2 checkpoints have those of ImageNet
    file = path / "preprocessor_config.json" if path.is_dir() else sidecar_path(path)
    return "" if file.exists() else str(file)
