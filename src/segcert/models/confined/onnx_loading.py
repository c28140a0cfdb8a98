"""Start a network in ONNX Runtime, and say what it takes and returns."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from segcert.errors import ModelError
from segcert.models.confined.chunks import Dimension
from segcert.models.resizing.outputs import OUTPUT_KEYS

TYPES = {
    "tensor(float)": torch.float32,
    "tensor(float16)": torch.float16,
    "tensor(double)": torch.float64,
}
ERRORS_ONLY = 3  # of the levels of ONNX Runtime's log
ON_CPU = ("CPUExecutionProvider",)


class Value(BaseModel):
    """An input or output.

    Args:
        name: Its name.
        type: Its type, as ONNX Runtime calls it.
        shape: Its sizes; None is any.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    type: str
    shape: tuple[Dimension, ...]


class NetworkFacts(BaseModel):
    """What is known of a network before it is called.

    Args:
        inputs: What it takes.
        outputs: What it returns.
        version: Of ONNX Runtime.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    version: str


def load_onnx(
    content: bytes, providers: Sequence[str] = ON_CPU, threads: int | None = None
) -> tuple[dict[str, Any], Callable[..., Tensor]]:
    """Start a network.

    Args:
        content: The whole network, without files beside it.
        providers: Of ONNX Runtime, the preferred first.
        threads: Of a call; None is as many as PyTorch has.

    Returns:
        `NetworkFacts` as a plain dictionary, and the network as a function of images.
    """
    import onnxruntime

    return opened_session(onnxruntime, start_session(onnxruntime, content, providers, threads))


def opened_session(
    runtime: Any, session: Any, keep: object = None
) -> tuple[dict[str, Any], Callable[..., Tensor]]:
    """What a session says of itself, and it as a function of images.

    Args:
        runtime: ONNX Runtime.
        session: The session.
        keep: What must live as long as it does.
    """
    facts = NetworkFacts(
        inputs=tuple(map(value_of, session.get_inputs())),
        outputs=tuple(map(value_of, session.get_outputs())),
        version=runtime.__version__,
    )
    scores = chosen(facts.outputs)

    def call(images: Tensor, _: object = keep) -> Tensor:
        assert scores is not None  # such a network is refused
        return run_session(session, facts.inputs[0].name, scores.name, images)

    return facts.model_dump(), call


def usable_providers(runtime: Any) -> list[str]:
    """What runs networks here: CUDA, if this build has it, then the CPU."""
    on_cuda = "CUDAExecutionProvider" in runtime.get_available_providers()
    return ["CUDAExecutionProvider", *ON_CPU] if on_cuda else [*ON_CPU]


def start_session(
    runtime: Any,
    content: bytes,
    providers: Sequence[str] = ON_CPU,
    threads: int | None = None,
) -> Any:
    """Start ONNX Runtime, with as many threads as PyTorch has if nothing else is said."""
    options = session_options(runtime, threads)
    return runtime.InferenceSession(content, options, providers=list(providers))


def session_options(runtime: Any, threads: int | None = None) -> Any:
    """So many threads, or as many as PyTorch has, and no log."""
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads or torch.get_num_threads()
    options.log_severity_level = ERRORS_ONLY
    return options


def run_session(session: Any, image: str, scores: str, images: Tensor) -> Tensor:
    """Score or label a batch.

    Raises:
        MemoryError: If there is none for it.
        ModelError: If ONNX Runtime fails.
    """
    try:
        (found,) = session.run([scores], {image: np.ascontiguousarray(images.numpy())})
    except Exception as error:  # ONNX Runtime has a class of its own for each status
        text = " ".join(str(error).split())
        if "allocate" in text:
            raise MemoryError(text) from error
        raise ModelError(f"ONNX Runtime says {text}") from error
    return torch.from_numpy(found)


def value_of(found: Any) -> Value:
    """What ONNX Runtime says of an input or output."""
    return Value(name=found.name, type=found.type, shape=tuple(map(fixed, found.shape)))


def chosen(outputs: tuple[Value, ...]) -> Value | None:
    """The output with the scores or labels; None if there are several, none called so."""
    called = [one for key in OUTPUT_KEYS for one in outputs if one.name == key]
    if called:
        return called[0]
    return outputs[0] if len(outputs) == 1 else None


def fixed(size: int | str | None) -> Dimension:
    """A size that is fixed, or None."""
    return size if isinstance(size, int) and size > 0 else None
