"""Networks in ONNX files, run by ONNX Runtime in a confined process."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from pydantic import ValidationError
from torch import Tensor

from segcert.errors import InputError, ModelError
from segcert.files import LONGEST_FILE, read_regular
from segcert.models.confined.chunks import Dimension, check_image_shape, in_chunks
from segcert.models.confined.onnx_loading import TYPES, NetworkFacts, Value, chosen
from segcert.models.confined.process import open_program
from segcert.models.confined.stored import Stored
from segcert.models.files.foreign import ForeignModel, settings_of
from segcert.models.files.large_onnx import is_large, stored_parts
from segcert.models.files.layouts import with_layout
from segcert.models.files.onnx_external import (
    bring_in,
    file_beside,
    places_of,
)
from segcert.models.files.onnx_external import tensors_of as tensors_of
from segcert.models.files.sidecar import Told, read_sidecar
from segcert.models.identity.file_hashes import hash_bytes, hash_model
from segcert.models.identity.runtime import Runtime
from segcert.models.resizing.conventions import ORDERS, Convention
from segcert.models.resizing.refused import refused
from segcert.text import reason

KIND = "ONNX"
EXTRA = "ONNX files need ONNX Runtime: pip install 'segcert[onnx]'"
NEWER = (
    ": the file is newer than ONNX Runtime here: pip install -U onnxruntime, or export it with an "
    "older opset (opset_version=17)"
)
LARGEST = 1 << 31  # bytes of a message of Protocol Buffers


@dataclass(frozen=True, eq=False)
class Session:
    """A network in ONNX Runtime as a plain function; it has no gradient.

    Args:
        call: The network, from images on the CPU.
        name: For errors.
        taken: Batch, channels, height and width that it takes, in its layout; None is any.
        dtype: Of its input.
        layout: Order of the axes.
        in_one_thread: Makes the network anew, so that several threads may call it at a time and
            each call takes one; None where that is not known.
    """

    call: Callable[..., Tensor]
    name: str
    taken: tuple[Dimension, ...]
    dtype: torch.dtype
    layout: str = "nchw"
    in_one_thread: Callable[[], Callable[..., Tensor]] | None = None

    def apart(self, number: int) -> "tuple[Session, ...]":
        """So many of it, which may run at the same time, each in one thread; none if not known."""
        if self.in_one_thread is None:
            return ()
        return (replace(self, call=self.in_one_thread(), in_one_thread=None),) * number

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
        check_image_shape(self.name, self.taken[1:], batch.shape[1:], layout=self.layout)
        images = batch.to("cpu", self.dtype)
        try:
            return in_chunks(self.call, images, self.taken[0]).to(batch.device)
        except ModelError as error:
            said = str(error).removeprefix(f"model {self.name}: ")
            shape = [batch.shape[axis] for axis in ORDERS[self.layout]]
            raise ModelError(refused(self.name, shape, said)) from error


def open_onnx(path: Path, told: Told = ()) -> ForeignModel:
    """Open an ``.onnx`` file.

    Args:
        path: Of the file.
        told: Settings that come before those of its sidecar.

    Raises:
        InputError: If ONNX Runtime is missing, or the file is damaged or takes no images.
    """
    sidecar = read_sidecar(path).with_told(told, path)
    sidecar.refuse(("align_corners", "inplace_abn"), path, "is part of an ONNX file")
    whole, sha256s = read_onnx(path, sidecar.output_name)
    kind = "onnx" if isinstance(whole, bytes) else "onnx-parts"
    try:
        opened = open_program(kind, whole, name=path.stem)
        facts = NetworkFacts.model_validate(opened.facts)
    except (ModelError, ValidationError) as error:
        why = reason(error)
        newer = NEWER if re.search(r"opset|IR version", why, re.IGNORECASE) else ""
        raise InputError(f"model {path} cannot be run by ONNX Runtime: {why}{newer}") from error
    image, scores = image_input(facts, path), chosen_output(facts, path)
    shape = scores.shape if len(scores.shape) == 4 and scores.type in TYPES else ()
    convention = with_layout(sidecar, image.shape, shape)
    mean, std = sidecar.normalisation
    axis = 3 if convention.output_layout == "nhwc" else 1
    unknown = not shape or convention.head or convention.returns == "labels"
    return ForeignModel(
        Session(opened.call, path.stem, image.shape, TYPES[image.type], convention.layout),
        path.stem, hash_model(KIND, sha256s, settings_of(convention, mean, std)), mean, std,
        smallest_side=sidecar.smallest_side or 1, class_names=sidecar.classes,
        palette=sidecar.palette, classes=sidecar.declared or (None if unknown else shape[axis]),
        stochastic=sidecar.stochastic,
        runtime=Runtime("onnx", versions=(("onnxruntime", facts.version),)),
        convention=convention, assumed=sidecar.assumed, sizes=sizes_taken(image, convention),
    )  # fmt: skip


def sizes_taken(image: Value, convention: Convention) -> str:
    """Say which images a network takes, where their sizes are fixed."""
    names = ("batch", "channels", "height", "width")
    fixed = zip(names, (image.shape[axis] for axis in ORDERS[convention.layout]), strict=True)
    return ", ".join(f"{name} {size}" for name, size in fixed if size is not None)


def read_onnx(path: Path, output_name: str = "") -> tuple[bytes | Stored, list[str]]:
    """Read a file and the files with weights beside it, each once.

    Args:
        path: Of the file.
        output_name: The output that counts: others are left out. Empty leaves all.

    Returns:
        The whole network, laid out as `confined.onnx_parts` says if it has over 2 GiB; and the hash
        of each file: its own, those with weights sorted by name.

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
        if output_name:
            keep_output(model.graph, output_name, path)
        if is_large(model, path):
            whole, hashes = stored_parts(model, path)
            return whole, [hash_bytes(content), *hashes]
        beside = read_all_beside(model, path)
        for tensor in tensors_of(model):
            bring_in(
                tensor, path,
                lambda place, *part: part_of(beside[place], path, place, *part),
            )  # fmt: skip
        found: bytes = model.SerializeToString()
    except InputError:
        raise
    except Exception as error:  # damaged files fail in every way
        why = reason(error)
        raise InputError(f"model {path} is damaged or no ONNX file: {why}") from error
    return found, [hash_bytes(one) for one in (content, *(beside[key] for key in sorted(beside)))]


def keep_output(graph: Any, name: str, path: Path) -> None:
    """Keep one output of a network.

    Args:
        graph: The network; changed in place.
        name: Name of the output, or its number.
        path: Of the network.

    Raises:
        InputError: If there is none.
    """
    names = [output.name for output in graph.output]
    numbered = dict(enumerate(names)) if name.isdecimal() and name not in names else {}
    wanted = numbered.get(int(name), "") if numbered else name
    kept = [output for output in graph.output if output.name == wanted]
    if not kept:
        raise InputError(
            f"model {path} has no output {name!r}, as output_name says: it has {', '.join(names)}"
        )
    del graph.output[:]
    graph.output.extend(kept)


def read_all_beside(model: Any, path: Path) -> dict[str, bytes]:
    """Read the files with weights beside a network, each once."""
    return {
        place: read_regular(file_beside(path, place), what="file with weights", most=LONGEST_FILE)
        for place in places_of(model, path)
    }


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
            "call the scores 'logits' or 'out', or say which counts, output_name (--output-name)"
        )
    return found
