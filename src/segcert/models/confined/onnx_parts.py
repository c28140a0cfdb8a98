"""Start a network in ONNX Runtime whose weights lie beside it in one file in memory.

Layout: the weights, the network, the head (JSON: where the network starts, and of each tensor name,
type, shape and first byte), and the length of the head (8 bytes).
"""

import json
import mmap
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from segcert.models.confined.onnx_loading import ON_CPU, opened_session, session_options

LENGTH = 8  # bytes that say how long the head is
TYPES: dict[int, np.dtype[Any]] = {  # by their numbers in ONNX
    1: np.dtype("float32"), 2: np.dtype("uint8"), 3: np.dtype("int8"), 6: np.dtype("int32"),
    7: np.dtype("int64"), 10: np.dtype("float16"), 11: np.dtype("float64"),
}  # fmt: skip


class Part(BaseModel):
    """A tensor among the weights.

    Args:
        name: Its name in the network.
        kind: Number of its type in ONNX.
        shape: Its sizes.
        start: Its first byte.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: int
    shape: tuple[int, ...]
    start: int


def after_weights(network: bytes, parts: Sequence[Part], start: int) -> Iterator[bytes]:
    """What comes after the weights.

    Args:
        network: Without them.
        parts: Where they are.
        start: Bytes of the weights.
    """
    head = {"network": start, "parts": [part.model_dump(mode="json") for part in parts]}
    text = json.dumps(head).encode()
    yield network
    yield text
    yield len(text).to_bytes(LENGTH, "little")


def load_onnx_parts(
    content: bytes | mmap.mmap, providers: Sequence[str] = ON_CPU
) -> tuple[dict[str, Any], Callable[..., Tensor]]:
    """Start a network; see `onnx_loading.load_onnx`.

    Args:
        content: Laid out as this module says.
        providers: Of ONNX Runtime, the preferred first.
    """
    import onnxruntime

    view = memoryview(content)
    stop = len(view) - LENGTH
    start = stop - int.from_bytes(view[stop:], "little")
    head = json.loads(bytes(view[start:stop]))
    parts = [Part.model_validate(one) for one in head["parts"]]
    values = [value_in(onnxruntime, view, part) for part in parts]
    options = session_options(onnxruntime)
    options.add_external_initializers([part.name for part in parts], values)
    network = bytes(view[head["network"] : start])
    session = onnxruntime.InferenceSession(network, options, providers=list(providers))
    return opened_session(onnxruntime, session, keep=(values, view))


def value_in(runtime: Any, weights: memoryview, part: Part) -> Any:
    """A tensor among the weights, which stay where they are."""
    dtype, count = TYPES[part.kind], int(np.prod(part.shape, dtype=np.int64))
    flat = np.frombuffer(weights, dtype, count, part.start)
    return runtime.OrtValue.ortvalue_from_numpy(flat.reshape(part.shape))
