"""Networks in ONNX files, run by ONNX Runtime."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from segcert.errors import InputError, ModelError
from segcert.models.adapter import OUTPUT_KEYS, Segmenter
from segcert.models.chunks import Dimension, check_channels_first, check_image_shape, in_chunks
from segcert.models.file_hashes import hash_model
from segcert.models.runtime import Runtime
from segcert.models.sidecar import read_sidecar
from segcert.models.wrapping import as_segmenter, from_files

KIND = "ONNX"
EXTRA = "ONNX files need ONNX Runtime: pip install 'segcert[onnx]'"
TYPES: dict[str, type[np.floating[Any]]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
}
ERRORS_ONLY = 3  # of the levels of ONNX Runtime's log


@dataclass(frozen=True, eq=False)
class Session:
    """A network in ONNX Runtime as a plain function; it has no gradient.

    Args:
        session: Of ONNX Runtime.
        name: For errors.
        image: Name of its input.
        scores: Name of the output that is used.
        taken: Batch, channels, height and width that it takes; None is any.
        dtype: Of its input.
    """

    session: Any
    name: str
    image: str
    scores: str
    taken: tuple[Dimension, ...]
    dtype: type[np.floating[Any]]

    def __call__(self, batch: Float[Tensor, " b c h w"]) -> Tensor:
        """Score or label a batch.

        Raises:
            ModelError: If the images have a size that it does not take, or a gradient is wanted.
        """
        if batch.requires_grad:
            raise ModelError(
                f"model {self.name} is an ONNX file, which has no gradient: it can be certified, "
                "but an attack by gradient needs the network as .pt2, .pth or Hugging Face folder"
            )
        check_image_shape(self.name, self.taken[1:], batch.shape[1:])
        return in_chunks(self._one, batch.cpu(), self.taken[0]).to(batch.device)

    def _one(self, chunk: Tensor) -> Tensor:
        images = np.ascontiguousarray(chunk.numpy(), dtype=self.dtype)
        try:
            (found,) = self.session.run([self.scores], {self.image: images})
        except Exception as error:  # ONNX Runtime has a class of its own for each status
            text = str(error)
            if "allocate" in text:
                raise MemoryError(text) from error
            raise ModelError(f"model {self.name} failed in ONNX Runtime: {text[:300]}") from error
        return torch.from_numpy(found)


def open_onnx(path: Path) -> Segmenter:
    """Open an ``.onnx`` file.

    Raises:
        InputError: If ONNX Runtime is missing, or the file is damaged or takes no images.
    """
    sidecar = read_sidecar(path)
    sidecar.refuse(("align_corners", "inplace_abn"), path, "is part of an ONNX file")
    runtime, content, weights = read_onnx(path)
    session = start_session(runtime, content, path)
    (image, scores) = image_input(session, path), chosen_output(session, path)
    shape = scores.shape if len(scores.shape) == 4 and scores.type in TYPES else []
    segmenter = as_segmenter(
        Session(
            session, path.stem, image.name, scores.name, tuple(map(fixed, image.shape)),
            TYPES[image.type],
        ),
        mean=sidecar.mean, std=sidecar.std,
        smallest_side=sidecar.smallest_side or 1, class_names=sidecar.classes,
        palette=sidecar.palette, name=path.stem, stochastic=sidecar.stochastic,
        classes=len(sidecar.classes) or (fixed(shape[1]) if shape else None),
    )  # fmt: skip
    settings = {"mean": sidecar.mean, "std": sidecar.std}
    return replace(
        from_files(segmenter, hash_model(KIND, [path, *weights], settings)),
        runtime=Runtime("onnx", versions=(("onnxruntime", runtime.__version__),)),
    )


def read_onnx(path: Path) -> tuple[Any, bytes, list[Path]]:
    """Read a file and the files with weights beside it.

    Returns:
        ONNX Runtime, the whole network, and the files with weights, sorted by name.

    Raises:
        InputError: If a package is missing, the file damaged, or weights lie elsewhere.
    """
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise InputError(f"model {path}: {EXTRA}") from error
    try:
        model = onnx.load(path, load_external_data=False)
        stored = [t for t in tensors_of(model) if onnx.external_data_helper.uses_external_data(t)]
        places = {
            entry.value for t in stored for entry in t.external_data if entry.key == "location"
        }
        for tensor in stored:  # refuses places outside of the folder
            onnx.external_data_helper.load_external_data_for_tensor(tensor, str(path.parent))
            tensor.data_location = onnx.TensorProto.DEFAULT
            tensor.ClearField("external_data")
        content = model.SerializeToString()
    except Exception as error:  # damaged files fail in every way
        reason = " ".join(str(error).split())[:160]
        raise InputError(f"model {path} is damaged or no ONNX file: {reason}") from error
    return onnxruntime, content, [path.parent / place for place in sorted(places)]


def tensors_of(message: Any) -> Iterator[Any]:
    """Yield every tensor within a message of ONNX, at any depth."""
    if message.DESCRIPTOR.name == "TensorProto":
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is not None and not field.message_type.GetOptions().map_entry:
            parts = [value] if hasattr(value, "DESCRIPTOR") else value
            for part in parts:
                yield from tensors_of(part)


def start_session(runtime: Any, content: bytes, path: Path) -> Any:
    """Start ONNX Runtime with as many threads as PyTorch has.

    Raises:
        InputError: If it refuses the network.
    """
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = ERRORS_ONLY
    providers = ["CPUExecutionProvider"]
    if "CUDAExecutionProvider" in runtime.get_available_providers():
        providers.insert(0, "CUDAExecutionProvider")
    try:
        return runtime.InferenceSession(content, options, providers=providers)
    except Exception as error:  # ONNX Runtime has a class of its own for each status
        reason = " ".join(str(error).split())[:160]
        raise InputError(f"model {path} cannot be run by ONNX Runtime: {reason}") from error


def image_input(session: Any, path: Path) -> Any:
    """Find the one input of a network.

    Raises:
        InputError: If there are several, or it is no batch of images.
    """
    found = session.get_inputs()
    if len(found) != 1 or len(found[0].shape) != 4 or found[0].type not in TYPES:
        raise InputError(
            f"model {path} must take one batch of images (b, 3, h, w) of floating-point numbers; "
            f"it takes {'; '.join(f'{one.name} {one.type} {one.shape}' for one in found)[:160]}"
        )
    check_channels_first(path, [fixed(size) for size in found[0].shape])
    return found[0]


def chosen_output(session: Any, path: Path) -> Any:
    """Choose the output with the scores or labels.

    Raises:
        InputError: If there are several, none of which is called as scores are.
    """
    found = session.get_outputs()
    called = [one for key in OUTPUT_KEYS for one in found if one.name == key]
    if len(found) != 1 and not called:
        raise InputError(
            f"model {path} has the outputs {', '.join(one.name for one in found)[:160]}: call the "
            "scores 'logits' or 'out', or export them alone"
        )
    return (called or found)[0]


def fixed(size: int | str | None) -> Dimension:
    """A size that is fixed, or None."""
    return size if isinstance(size, int) and size > 0 else None
