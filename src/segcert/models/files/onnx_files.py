"""Networks in ONNX files, run by ONNX Runtime in a confined process."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from pydantic import ValidationError
from torch import Tensor

from segcert.errors import InputError, ModelError
from segcert.files import LONGEST_FILE, read_regular
from segcert.models.confined.chunks import (
    Dimension,
    check_channels_first,
    check_image_shape,
    in_chunks,
)
from segcert.models.confined.onnx_loading import TYPES, NetworkFacts, Value, chosen
from segcert.models.confined.process import open_program
from segcert.models.files.foreign import ForeignModel
from segcert.models.files.sidecar import read_sidecar
from segcert.models.identity.file_hashes import hash_bytes, hash_model
from segcert.models.identity.runtime import Runtime
from segcert.models.resizing.refused import refused
from segcert.text import reason

KIND = "ONNX"
EXTRA = "ONNX files need ONNX Runtime: pip install 'segcert[onnx]'"
LARGEST = 1 << 31  # bytes of a message of Protocol Buffers
EXTERNAL = ("location", "offset", "length", "checksum", "basepath")  # keys of external data


@dataclass(frozen=True, eq=False)
class Session:
    """A network in ONNX Runtime as a plain function; it has no gradient.

    Args:
        call: The network, from images on the CPU.
        name: For errors.
        taken: Batch, channels, height and width that it takes; None is any.
        dtype: Of its input.
    """

    call: Callable[..., Tensor]
    name: str
    taken: tuple[Dimension, ...]
    dtype: torch.dtype

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
        images = batch.to("cpu", self.dtype)
        try:
            return in_chunks(self.call, images, self.taken[0]).to(batch.device)
        except ModelError as error:
            said = str(error).removeprefix(f"model {self.name}: ")
            raise ModelError(refused(self.name, tuple(batch.shape), said)) from error


def open_onnx(path: Path) -> ForeignModel:
    """Open an ``.onnx`` file.

    Raises:
        InputError: If ONNX Runtime is missing, or the file is damaged or takes no images.
    """
    sidecar = read_sidecar(path)
    sidecar.refuse(("align_corners", "inplace_abn"), path, "is part of an ONNX file")
    whole, sha256s = read_onnx(path)
    try:
        opened = open_program("onnx", whole, name=path.stem)
        facts = NetworkFacts.model_validate(opened.facts)
    except (ModelError, ValidationError) as error:
        why = reason(error)
        raise InputError(f"model {path} cannot be run by ONNX Runtime: {why}") from error
    image, scores = image_input(facts, path), chosen_output(facts, path)
    shape = scores.shape if len(scores.shape) == 4 and scores.type in TYPES else ()
    settings = {"mean": sidecar.mean, "std": sidecar.std}
    return ForeignModel(
        Session(opened.call, path.stem, image.shape, TYPES[image.type]),
        path.stem, hash_model(KIND, sha256s, settings), sidecar.mean, sidecar.std,
        smallest_side=sidecar.smallest_side or 1, class_names=sidecar.classes,
        palette=sidecar.palette, classes=len(sidecar.classes) or (shape[1] if shape else None),
        stochastic=sidecar.stochastic,
        runtime=Runtime("onnx", versions=(("onnxruntime", facts.version),)),
    )  # fmt: skip


def read_onnx(path: Path) -> tuple[bytes, list[str]]:
    """Read a file and the files with weights beside it, each once.

    Returns:
        The whole network, and the hash of each file: its own, those with weights sorted by name.

    Raises:
        InputError: If a package is missing, the file damaged, or weights lie elsewhere.
    """
    try:
        import onnx
        import onnxruntime  # noqa: F401  # said here rather than by the other process
    except ImportError as error:
        raise InputError(f"model {path}: {EXTRA}") from error
    content = read_regular(path, what="model", most=LARGEST)
    try:
        model = onnx.load_model_from_string(content)
        beside: dict[str, bytes] = {}
        for tensor in tensors_of(model):
            bring_in(tensor, path, beside)
        whole = model.SerializeToString()
    except InputError:
        raise
    except Exception as error:  # damaged files fail in every way
        why = reason(error)
        raise InputError(f"model {path} is damaged or no ONNX file: {why}") from error
    return whole, [hash_bytes(one) for one in (content, *(beside[key] for key in sorted(beside)))]


def bring_in(tensor: Any, path: Path, beside: dict[str, bytes]) -> None:
    """Take numbers that lie in another file into the network.

    Args:
        tensor: Of the network; changed in place.
        path: Of the network.
        beside: What was read of files beside it, by name; one that is new is read into it.

    Raises:
        InputError: If it is no plain file beside the network, or does not hold them.
    """
    if tensor.data_location != tensor.EXTERNAL:
        if tensor.external_data:
            raise InputError(f"model {path}: {tensor.name[:60]!r} is here and elsewhere")
        return
    keys = [entry.key for entry in tensor.external_data]
    told = {entry.key: entry.value for entry in tensor.external_data}
    if len(keys) != len(told) or not set(keys) <= set(EXTERNAL) or "location" not in told:
        raise InputError(
            f"model {path}: {tensor.name[:60]!r} must lie in one file, it names {keys[:6]}: save "
            "it again with onnx.save"
        )
    place: str = told["location"]
    offset, length = whole_number(told.get("offset", "0")), whole_number(told.get("length", "-1"))
    if place not in beside:
        beside[place] = read_beside(path, place)
    tensor.raw_data = part_of(beside[place], path, place, offset, length)
    tensor.ClearField("data_location")
    tensor.ClearField("external_data")


def whole_number(text: str) -> int:
    """Read an offset or length.

    Raises:
        ValueError: If it is none.
    """
    return int(text[:20])


def read_beside(path: Path, place: str) -> bytes:
    """Read a file beside a network; no path, no link.

    Args:
        path: Of the network.
        place: Name of the file.

    Raises:
        InputError: If it lies elsewhere or is no regular file.
    """
    beside = path.parent / place
    if place != beside.name or place in ("", ".", "..") or "\0" in place or "\\" in place:
        raise InputError(f"model {path} keeps weights in {place[:80]!r}, not beside itself")
    if beside.is_symlink():
        raise InputError(f"model {path} keeps weights in {place[:80]!r}, which is a link")
    return read_regular(beside, what="file with weights", most=LONGEST_FILE)


def part_of(content: bytes, path: Path, place: str, offset: int, length: int) -> bytes:
    """Take a part of a file beside a network.

    Args:
        content: Of the file.
        path: Of the network, for errors.
        place: Name of the file, for errors.
        offset: Where the part begins, bytes.
        length: Its length, bytes; negative for the rest.

    Raises:
        InputError: If the file is too short.
    """
    size = len(content)
    length = size - offset if length < 0 else length
    if not 0 <= offset <= offset + length <= size:
        raise InputError(f"model {path} is damaged: {place[:80]!r} is too short")
    return content[offset : offset + length]


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


def image_input(facts: NetworkFacts, path: Path) -> Value:
    """Find the one input of a network.

    Raises:
        InputError: If there are several, or it is no batch of images.
    """
    found = facts.inputs
    if len(found) != 1 or len(found[0].shape) != 4 or found[0].type not in TYPES:
        raise InputError(
            f"model {path} must take one batch of images (b, 3, h, w) of floating-point numbers; "
            f"it takes {'; '.join(f'{one.name} {one.type} {one.shape}' for one in found)}"
        )
    check_channels_first(path, found[0].shape)
    return found[0]


def chosen_output(facts: NetworkFacts, path: Path) -> Value:
    """Choose the output with the scores or labels.

    Raises:
        InputError: If there are several, none of which is called as scores are.
    """
    found = chosen(facts.outputs)
    if found is None:
        raise InputError(
            f"model {path} has the outputs {', '.join(one.name for one in facts.outputs)}: "
            "call the scores 'logits' or 'out', or export them alone"
        )
    return found
