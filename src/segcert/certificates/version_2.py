"""Certificates of format version 2: read as those of today, written back as they were.

What version 2 does not say is in ``NEW``, with what is taken for it. Certificates that were made by
procedures found to be wrong are refused here, with the reason.
"""

from collections.abc import Mapping
from pathlib import Path

from segcert.certificates.records import CertificateRecord, sealed
from segcert.certificates.records_2 import CertificateRecord2
from segcert.certificates.words_2 import in_words
from segcert.errors import VerificationError

Content = dict[str, object]

NEW: dict[
    str, Content
] = {  # part of the record -> fields that version 3 added -> value in files of 2
    "parameters": {},
    "result": {},
    "model": {},
    "provenance": {"earlier": [], "identity_sha256": "", "stream_version": 1},
}
NEW_NOISE: dict[str, dict[str, float]] = {  # likewise of parameters of noises, by kind
    kind: {"step": 0.0}  # no grid but that of float32
    for kind in (
        "gaussian", "uniform", "laplace", "brightness", "contrast", "rotation", "axis-rotation",
        "pose",
    )
}  # fmt: skip


def upgraded(old: CertificateRecord2) -> CertificateRecord:
    """Write a record of version 2 as one of version 3, with the values of ``NEW``."""
    content = old.model_dump(mode="json")
    for part, fields in NEW.items():
        content[part] |= fields
    content["provenance"]["backend"] = old.provenance.backend
    noise = content["parameters"]["noise"]
    noise["parameters"] |= NEW_NOISE.get(noise["kind"], {})
    return CertificateRecord.model_validate(content | {"version": 3, "digest": ""})


def downgraded(new: CertificateRecord) -> CertificateRecord2:
    """Write a record as version 2 had it, with its statement in the words of then."""
    content = new.model_dump(mode="json")
    for part, fields in NEW.items():
        content[part] = without(content[part], fields)
    noise = content["parameters"]["noise"]
    noise["parameters"] = without(noise["parameters"], NEW_NOISE.get(noise["kind"], {}))
    old = CertificateRecord2.model_validate(content | {"version": 2, "digest": ""})
    return sealed(old.model_copy(update={"statement": in_words(old)}))


def without(content: Content, fields: Mapping[str, object]) -> Content:
    """Leave out fields."""
    return {key: value for key, value in content.items() if key not in fields}


def check_procedure(old: CertificateRecord2, path: Path) -> None:
    """Refuse what was made by a procedure that breaks alpha.

    Raises:
        VerificationError: If so, with the reason.

    Source:
        docs/decisions/0009.
    """
    chosen = old.parameters
    ordered = chosen.correction.name == "ordered"
    if ordered and chosen.sequential is not None and chosen.sequential.kind == "anytime":
        raise VerificationError(
            f"{path} does not hold: ordered testing with an e-process (correction ordered, looks "
            "at any time) chose a level in format version 2 by the tested draws, so that it was "
            f"wrong more often than alpha = {chosen.alpha!r} (three times as often, measured): "
            "certify the input again"
        )
