"""Where counts may come from: device, streams, program and arithmetic must fit each other.

`segcert.certificates.plausible` says what each field of a file may hold by itself.
"""

from collections.abc import Iterator

from segcert.certificates.claim import Claim
from segcert.errors import VerificationError
from segcert.models.identity.runtime import ARITHMETIC
from segcert.sampling.counts import Provenance

ALWAYS = ("segcert", "python", "torch", "numpy")
RUN_BY = {  # the first must be named, others may be
    "onnx": ("onnxruntime",),
    "openvino": ("openvino",),
    "openvino-int8": ("openvino", "nncf"),
}
AUTOCAST = (ARITHMETIC["bf16"], ARITHMETIC["fp16"])


def check_origin(claim: Claim) -> None:
    """Refuse counts that cannot come from where they say.

    Raises:
        VerificationError: With the first rule that is broken.
    """
    for broken in contradictions(claim.provenance):
        raise VerificationError(f"no such certificate can be: {broken}")


def contradictions(source: Provenance) -> Iterator[str]:
    """What cannot be of device, streams, program, arithmetic and versions."""
    if source.streams != source.device or source.device not in ("cpu", "cuda"):
        yield (
            f"draws on a cpu or cuda device come from its own streams, not on {source.device!r} "
            f"from {source.streams}"
        )
    if source.precision in AUTOCAST and source.backend not in ("torch", "compile"):
        yield f"{source.precision} is of PyTorch, not of {source.backend}"
    if "tf32" in source.precision and source.device != "cuda":
        yield f"{source.precision} is of CUDA devices, not of {source.device}"
    programs, versions = RUN_BY.get(source.backend, ()), dict(source.versions)
    if programs and programs[0] not in versions:
        yield f"{programs[0]} runs models with backend {source.backend}, but has no version"
    for name in versions:
        if name not in (*ALWAYS, *programs):
            yield f"{name!r} does not run models with backend {source.backend}"
