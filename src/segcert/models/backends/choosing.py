"""Replace what runs a segmenter's network; what it is called and computes stays recorded."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from segcert.errors import InputError, ModelError
from segcert.models.adapter import Model, Segmenter
from segcert.models.backends.calibration import Calibration
from segcert.models.backends.compiled import compiled
from segcert.models.backends.fastest import Candidate, fastest
from segcert.models.backends.int8 import int8_network
from segcert.models.backends.onnx_runtime import onnx_network
from segcert.models.backends.openvino import openvino_network
from segcert.models.backends.precision import TYPES, Autocast, Half
from segcert.models.backends.programs import device_of, network_of, seen_by_network
from segcert.models.identity.runtime import BACKENDS, Precision, Runtime, joint_hash
from segcert.models.resizing.outputs import tensor_of

AUTO = "auto"
EXACT = ("torch", "openvino", "onnx")  # that "auto" chooses from; compiling takes minutes
TOLERANCE = (2e-3, 2e-2)  # of the largest score; on a CPU, and on CUDA, where TF32 is coarse
SIZE = (256, 320)


def with_backend(
    segmenter: Segmenter,
    backend: str = "torch",
    *,
    precision: Precision = "fp32",
    calibration: Calibration | None = None,
    size: tuple[int, int] = SIZE,
) -> Segmenter:
    """Run the network of a segmenter by another program, or in another arithmetic.

    In fp32 it is the same network up to rounding, which is checked on an example; labels may differ
    where scores tie. With "bf16", "fp16" (autocast) and "openvino-int8" it is another network: the
    certificate is about that one, and its hash is another.

    Args:
        segmenter: The base model, run by PyTorch.
        backend: "torch", "compile", "onnx", "openvino", "openvino-int8", or "auto": the fastest of
            those that compute the same network and are installed.
        precision: "fp32", "bf16" or "fp16"; the last two with "torch" and "compile" only.
        calibration: Of "openvino-int8", and needed there.
        size: Height and width of the images, pixels: of the example, and what "auto" measures.

    Returns:
        The segmenter with the same name, classes, normalisation and scale.

    Raises:
        InputError: If the combination cannot be, or a package or compiler is missing.
        ModelError: If what came out is not the same network.
    """
    check_choice(backend, precision, calibration)
    wanted = precision if backend != "openvino-int8" else "int8"
    if (backend, wanted) == (segmenter.runtime.backend, segmenter.runtime.precision):
        return segmenter
    if not isinstance(segmenter.model, nn.Module) or segmenter.runtime != Runtime():
        if backend == AUTO:
            return segmenter  # there is no choice
        raise InputError(
            f"model {segmenter.name} is run by {segmenter.runtime.backend} as it is "
            f"({type(segmenter.model).__name__}): --backend {backend} --precision {precision} "
            "needs a network of PyTorch (.safetensors, .pth or Hugging Face folder)"
        )
    if segmenter.stochastic and backend not in ("torch", AUTO):
        raise InputError(
            f"model {segmenter.name} draws randomness of its own, which other programs would draw "
            "differently: use --backend torch"
        )
    if backend == AUTO:
        return choose(segmenter, size)
    if backend == "openvino-int8":
        assert calibration is not None
        function, runtime, sha256 = int8_network(segmenter, calibration)
        sha256 = joint_hash("int8", segmenter.weights_sha256, sha256)
        return replace(segmenter, model=function, runtime=runtime, weights_sha256=sha256)
    if precision == "bf16" or precision == "fp16":
        return in_half(segmenter, backend, precision)
    return exact(segmenter, backend, size)


def check_choice(backend: str, precision: Precision, calibration: Calibration | None) -> None:
    """Refuse what cannot be combined.

    Raises:
        InputError: With the rule and the way out.
    """
    if backend not in (*BACKENDS, AUTO):
        raise InputError(f"backend must be {', '.join(BACKENDS)} or {AUTO}, got {backend!r}")
    if precision not in ("fp32", *TYPES):
        raise InputError(f"precision must be fp32, {' or '.join(TYPES)}, got {precision!r}")
    if precision != "fp32" and backend not in ("torch", "compile"):
        raise InputError(
            f"--precision {precision} is autocast of PyTorch: it goes with --backend torch or "
            f"compile, not {backend}"
        )
    if (calibration is None) == (backend == "openvino-int8"):
        raise InputError("--backend openvino-int8 needs a calibration, and no other takes one")


def in_half(segmenter: Segmenter, backend: str, precision: Half) -> Segmenter:
    """The segmenter in 16 bits."""
    net: nn.Module = Autocast(network_of(segmenter), precision, name=segmenter.name)
    if backend == "compile":
        net = compiled(net, name=segmenter.name)
    return replace(
        segmenter,
        model=net,
        runtime=Runtime(backend, precision),
        weights_sha256=joint_hash(precision, segmenter.weights_sha256),
    )


def exact(segmenter: Segmenter, backend: str, size: tuple[int, int]) -> Segmenter:
    """The same network by another program.

    Raises:
        InputError: If a package is missing or the network cannot be exported.
        ModelError: If what came out is not the same network.
    """
    if backend == "torch":
        return segmenter
    inputs = seen_by_network(segmenter, example(segmenter, size))
    net, name, channels = network_of(segmenter), segmenter.name, inputs[0].shape[1]
    function: Model
    if backend == "compile":
        function, runtime = compiled(net, name=name), Runtime("compile")
    elif backend == "onnx":
        function, runtime = onnx_network(net, channels=channels, name=name)
    else:
        function, runtime = openvino_network(net, channels=channels, name=name)
    one_of_each_size = {tuple(batch.shape): batch for batch in inputs}.values()
    for batch in one_of_each_size:
        check_same_scores(segmenter, function, batch, backend)
    return replace(segmenter, model=function, runtime=runtime)


def example(segmenter: Segmenter, size: tuple[int, int], *, draws: int = 2) -> Tensor:
    """Images of noise, the same every time; no stream of a certificate is touched."""
    generator = torch.Generator().manual_seed(0)
    channels = len(segmenter.mean) or 3
    return torch.rand(draws, channels, *size, generator=generator).to(device_of(segmenter))


def check_same_scores(segmenter: Segmenter, function: Model, batch: Tensor, backend: str) -> None:
    """Refuse a function that is not the network up to rounding.

    Raises:
        ModelError: With the gap.
    """
    with torch.inference_mode():
        mine, theirs = (
            tensor_of(call(batch), batch=len(batch), name=segmenter.name)
            for call in (segmenter.model, function)
        )
    same_shape = mine.shape == theirs.shape
    gap = float((mine.double() - theirs.double()).abs().max()) if same_shape else float("inf")
    if not gap <= TOLERANCE[batch.is_cuda] * float(mine.abs().max()):
        raise ModelError(
            f"model {segmenter.name} gives other scores with --backend {backend} (gap {gap:.3g}, "
            f"shapes {tuple(mine.shape)} and {tuple(theirs.shape)}): use --backend torch"
        )


def choose(segmenter: Segmenter, size: tuple[int, int]) -> Segmenter:
    """The fastest of the programs that compute the same network, of those that can."""

    def candidate(backend: str) -> Candidate:
        return lambda: exact(segmenter, backend, size)

    batch = example(segmenter, size, draws=4)
    return fastest({backend: candidate(backend) for backend in EXACT}, batch)
