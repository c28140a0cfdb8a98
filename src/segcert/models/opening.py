"""Open model files of other programs: which of them, by suffix or as a folder."""

from pathlib import Path

from segcert.files import check_regular
from segcert.models.adapter import Segmenter
from segcert.models.files.sidecar import sidecar_path

OURS = ".safetensors"
KINDS = {
    ".pth": "HRNetV2 checkpoint",
    ".pt": "HRNetV2 checkpoint",
    ".pt2": "exported program",
    ".onnx": "ONNX file",
}
FILES = f"{OURS} of segcert train, {', '.join(KINDS)}, or a Hugging Face folder"


def is_path(name: str) -> bool:
    """Tell the path of a model from the name of a shipped one."""
    return "/" in name or Path(name).suffix in (OURS, *KINDS) or bool(name and Path(name).is_dir())


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
        path: ``.pth``, ``.pt``, ``.pt2`` or ``.onnx`` file, or Hugging Face folder.

    Raises:
        InputError: If it is missing, unusable or unsafe, or an extra of the package is missing.
    """
    if path.is_dir():
        from segcert.models.files.hugging_face import open_folder

        return open_folder(path)
    check_regular(path, what="model")
    if path.suffix == ".pt2":
        from segcert.models.files.exported import open_exported

        return open_exported(path)
    if path.suffix == ".onnx":
        from segcert.models.files.onnx_files import open_onnx

        return open_onnx(path)
    from segcert.models.files.hrnet_checkpoints import open_checkpoint

    return open_checkpoint(path)


def notes_on_folder(path: Path) -> list[str]:
    """Say what of the preprocessor in a folder is not followed; nothing of files."""
    if not path.is_dir():
        return []
    from segcert.models.files.preprocessor import notes_on

    return notes_on(path)


def where_to_normalise(path: Path) -> str:
    """Name the file that would say mean and standard deviation; empty if it is there."""
    if path.suffix in (".pth", ".pt"):
        return ""  # all HRNetV2 checkpoints have those of ImageNet
    file = path / "preprocessor_config.json" if path.is_dir() else sidecar_path(path)
    return "" if file.exists() else str(file)
