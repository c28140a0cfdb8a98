"""How programs of others are opened, by kind; both in a confined process and, without, here."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from segcert.models.confined.exported_loading import load_exported
from segcert.models.confined.onnx_loading import load_onnx
from segcert.models.confined.onnx_parts import load_onnx_parts

Loaded = tuple[dict[str, Any], Callable[..., Tensor]]
LOADERS: dict[str, Callable[..., Loaded]] = {
    "exported": load_exported, "onnx": load_onnx, "onnx-parts": load_onnx_parts,
}  # fmt: skip
