"""Networks run by ONNX Runtime, without a file in between."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache

import torch
from torch import Tensor, nn

from segcert.errors import InputError
from segcert.models.backends.programs import free_program, quietly
from segcert.models.confined.onnx_loading import load_onnx, usable_providers
from segcert.models.files.onnx_files import Session
from segcert.models.identity.runtime import Runtime
from segcert.text import reason

EXTRA = "--backend onnx needs ONNX Runtime and the exporter: pip install 'segcert[onnx]'"


def onnx_network(net: nn.Module, *, channels: int, name: str) -> tuple[Session, Runtime]:
    """Hand a network to ONNX Runtime, in float32.

    Args:
        net: The network.
        channels: Of the images.
        name: For errors.

    Returns:
        The network as a plain function, and what runs it.

    Raises:
        InputError: If a package is missing, or the network cannot be exported.
    """
    try:
        import onnx  # noqa: F401  # the exporter needs both
        import onnxruntime
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise InputError(EXTRA) from error
    program = free_program(net, channels=channels, name=name)
    try:
        with quietly(), no_log():
            content = torch.onnx.export(program, dynamo=True, verbose=False)
            assert content is not None
            text = content.model_proto.SerializeToString()
    except Exception as error:  # exporting fails in every way
        why = reason(error)
        raise InputError(
            f"model {name} cannot be written as ONNX ({why}): use --backend torch"
        ) from error
    providers = usable_providers(onnxruntime)
    _, call = load_onnx(text, providers)

    @lru_cache(maxsize=1)
    def in_one_thread() -> Callable[..., Tensor]:
        return load_onnx(text, providers, threads=1)[1]

    function = Session(
        call, name, (None, channels, None, None), torch.float32, in_one_thread=in_one_thread
    )
    return function, Runtime("onnx", versions=(("onnxruntime", onnxruntime.__version__),))


@contextmanager
def no_log() -> Iterator[None]:
    """Drop what the exporter logs about operators of packages that are not there."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)
