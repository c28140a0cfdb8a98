"""What runs a network, and in which arithmetic: part of what a certificate records."""

import hashlib
from dataclasses import dataclass
from typing import Literal, get_args

Precision = Literal["fp32", "bf16", "fp16", "int8"]
ARITHMETIC: dict[str, str] = {
    "bf16": "bfloat16 autocast",
    "fp16": "float16 autocast",
    "int8": "int8",
}
BACKENDS = ("torch", "compile", "onnx", "openvino", "openvino-int8")


@dataclass(frozen=True)
class Runtime:
    """What runs a network.

    Args:
        backend: One of `BACKENDS`.
        precision: "fp32" computes the network as it is, up to rounding; "bf16", "fp16" and "int8"
            are other networks.
        versions: Names and versions of programs besides PyTorch.
    """

    backend: str = "torch"
    precision: Precision = "fp32"
    versions: tuple[tuple[str, str], ...] = ()

    @property
    def exact(self) -> bool:
        """Whether the network is computed as it is, up to rounding."""
        return self.precision == "fp32"

    @property
    def arithmetic(self) -> str:
        """How certificates call the arithmetic; empty if it is that of the weights."""
        return ARITHMETIC.get(self.precision, "")


TORCH = Runtime()


def recorded_precision(arithmetic: str) -> Precision:
    """The precision of an arithmetic that a certificate records."""
    for precision in get_args(Precision):
        if ARITHMETIC.get(precision) == arithmetic:
            return precision  # type: ignore[no-any-return]
    return "fp32"


def joint_hash(*parts: str) -> str:
    """Hash several hashes and names to one."""
    return hashlib.sha256("|".join(parts).encode()).hexdigest()
