"""Networks run by OpenVINO on the CPU."""

import sys
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from segcert.errors import InputError, ModelError
from segcert.models.backends.programs import free_program, quietly
from segcert.models.identity.runtime import Runtime
from segcert.text import reason

EXACT: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "f32"}
EXTRA = "--backend openvino needs OpenVINO: pip install 'segcert[openvino]'"


@dataclass(frozen=True, eq=False)
class OpenVinoNetwork:
    """A network in OpenVINO as a plain function; it has no gradient.

    Args:
        compiled: Of OpenVINO.
        name: For errors.
        graph: What it was compiled from; None if it is one of several that run at a time.
    """

    compiled: Any
    name: str
    graph: Any = None

    def apart(self, number: int) -> "tuple[OpenVinoNetwork, ...]":
        """So many of it, which may run at the same time, each in one thread."""
        requests = requests_of(self.graph, number) if self.graph is not None else ()
        return tuple(OpenVinoNetwork(one.infer, self.name) for one in requests)

    def __call__(self, batch: Float[Tensor, " b c h w"]) -> Tensor:
        """Score or label a batch.

        Raises:
            ModelError: If a gradient is wanted, or OpenVINO fails.
        """
        if batch.requires_grad:
            raise ModelError(f"model {self.name} runs in OpenVINO, which has no gradient")
        images = np.ascontiguousarray(batch.cpu().numpy())
        try:
            found = self.compiled([images])[0]
        except RuntimeError as error:
            if "allocate" in str(error):
                raise MemoryError(str(error)) from error
            why = reason(error)
            raise ModelError(f"model {self.name} failed in OpenVINO: {why}") from error
        return torch.from_numpy(np.array(found)).to(batch.device)


def import_openvino() -> Any:
    """Import OpenVINO, without the package that would send usage statistics over the network.

    Raises:
        InputError: If it is not installed.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # not importable
    try:
        with quietly():
            import openvino
    except ImportError as error:
        raise InputError(EXTRA) from error
    return openvino


def openvino_network(
    net: nn.Module, *, channels: int, name: str
) -> tuple[OpenVinoNetwork, Runtime]:
    """Hand a network to OpenVINO, in float32.

    Args:
        net: The network.
        channels: Of the images.
        name: For errors.

    Returns:
        The network as a plain function, and what runs it.

    Raises:
        InputError: If OpenVINO is missing, or the network cannot be exported.
    """
    openvino = import_openvino()
    graph = to_graph(net, channels=channels, name=name)
    runtime = Runtime("openvino", versions=(("openvino", openvino.__version__),))
    return compile_graph(graph, name=name), runtime


def to_graph(net: nn.Module, *, channels: int, name: str) -> Any:
    """Write a network as a graph of OpenVINO, for images of any number and size.

    Raises:
        InputError: If OpenVINO is missing, or the network cannot be exported.
    """
    openvino = import_openvino()
    program = free_program(net, channels=channels, name=name)
    try:
        with quietly():
            return openvino.convert_model(program)
    except Exception as error:  # converting fails in every way
        why = reason(error)
        raise InputError(
            f"model {name} cannot be converted for OpenVINO ({why}): use --backend torch"
        ) from error


def compile_graph(graph: Any, *, name: str) -> OpenVinoNetwork:
    """Make a graph ready on the CPU.

    By default OpenVINO computes in bfloat16 where the processor can: that is another network, so
    float32 is demanded. (Integers of an int8 graph stay integers.)
    """
    openvino = import_openvino()
    settings = EXACT | {"INFERENCE_NUM_THREADS": torch.get_num_threads()}
    return OpenVinoNetwork(openvino.Core().compile_model(graph, "CPU", settings), name, graph)


@lru_cache(maxsize=2)
def requests_of(graph: Any, number: int) -> tuple[Any, ...]:
    """So many requests to a network, each in a stream of one thread; the weights are there once.

    Kept, as compiling takes up to seconds.
    """
    streams = {"NUM_STREAMS": number, "INFERENCE_NUM_THREADS": number}
    compiled = import_openvino().Core().compile_model(graph, "CPU", EXACT | streams)
    return tuple(compiled.create_infer_request() for _ in range(number))
