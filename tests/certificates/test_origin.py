"""What a certificate says of where its counts come from must be possible."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import segcert as sc
from segcert.certificates.origin import check_origin
from segcert.certificates.result import Certificate

VERSIONS = (("segcert", "0.1.0"), ("python", "3.11.7"), ("torch", "2.13.0+cpu"), ("numpy", "2.4.6"))


def changed(certificate: Certificate, **change: Any) -> Certificate:
    source = dataclasses.replace(certificate.provenance, **change)
    counts = dataclasses.replace(certificate.counts, provenance=source)
    return dataclasses.replace(certificate, counts=counts)


def test_what_is_possible_passes(cert: Certificate) -> None:
    onnx = (*VERSIONS, ("onnxruntime", "1.26.0"))
    int8 = (*VERSIONS, ("openvino", "2026.1.0"), ("nncf", "3.0.0"))
    possible: tuple[dict[str, Any], ...] = (
        {},
        {"device": "cuda", "streams": "cuda", "precision": "float32 (tf32 convolutions)"},
        {"backend": "onnx", "versions": onnx},
        {"backend": "compile", "precision": "bfloat16 autocast"},
        {"backend": "openvino-int8", "precision": "int8", "versions": int8},
    )
    for change in possible:
        check_origin(changed(cert, **change))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"device": "tpu", "streams": "tpu"}, "not on 'tpu' from tpu"),
        ({"streams": "cuda"}, "not on 'cpu' from cuda"),
        ({"device": "cuda"}, "not on 'cuda' from cpu"),
        ({"backend": "onnx"}, "onnxruntime runs models with backend onnx, but has no version"),
        (
            {
                "backend": "onnx", "precision": "float16 autocast",
                "versions": (*VERSIONS, ("onnxruntime", "1.26.0")),
            },
            "of PyTorch, not of onnx",
        ),
        ({"precision": "float32 (tf32 convolutions)"}, "is of CUDA devices, not of cpu"),
        ({"versions": (*VERSIONS, ("onnxruntime", "1.0"))}, "'onnxruntime' does not run models"),
    ],
)  # fmt: skip
def test_what_is_not_is_refused_when_it_is_replayed_and_loaded(
    cert: Certificate, segmenter: sc.Segmenter, image: np.ndarray, tmp_path: Path,
    change: dict[str, Any], words: str,
) -> None:  # fmt: skip
    forged = changed(cert, **change)
    with pytest.raises(sc.VerificationError, match="no such certificate can be") as found:
        sc.replay(forged, segmenter, image)
    assert words in str(found.value)
    if forged.provenance.streams != "tpu":  # which no file can say
        forged.save(tmp_path)
        with pytest.raises(sc.VerificationError, match="cannot hold"):
            sc.load_certificate(tmp_path)
