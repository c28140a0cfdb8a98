"""The records of ``certificate.json``: what the file holds, field by field."""

import hashlib
import json
from collections.abc import Callable
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, model_serializer

Value = str | int | float | None
Whole = TypeVar("Whole", bound=BaseModel)  # the record of a file, with a field ``digest``


class Strict(BaseModel):
    """A part of the file: nothing missing, nothing more, no guessing of types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class NoiseRecord(Strict):
    """The noise and what it certifies."""

    kind: str
    parameters: dict[str, float]
    norm: str
    unit: str


class CorrectionRecord(Strict):
    """A correction for many tests."""

    name: str
    parameters: dict[str, Value]


class FamilyRecord(Strict):
    """What is tested; masks and numbers of regions themselves are in counts.npz."""

    ignored: int  # components left out by a mask; 0 if there is none
    drop_below: float | None
    block_side: int | None
    regions_given: bool


class SequentialRecord(Strict):
    """How sampling was allowed to stop early."""

    kind: Literal["looks", "anytime"]
    at: list[int]  # the looks; [n, every] of an e-process


class TreeRecord(Strict):
    """A tree of classes."""

    names: list[str]
    parents: list[int]


class ParameterRecord(Strict):
    """What was chosen before the counts were seen."""

    tau: float
    alpha: float
    correction: CorrectionRecord
    family: FamilyRecord
    tree: TreeRecord | None
    n0: int
    n: int
    sequential: SequentialRecord | None
    noise: NoiseRecord


class ResultRecord(Strict):
    """What follows from the counts."""

    method: str
    components: int
    certified: int
    abstain_rate: float
    threshold: int
    radius: float
    invalid: int
    histogram: dict[str, int]  # hits -> components, where there are any


class ModelRecord(Strict):
    """The classes of the model."""

    classes: int
    class_names: list[str]
    palette: list[list[int]]


class EarlierRecord(Strict):
    """A certificate that was replaced by this one; what it said, if it did verify."""

    file_sha256: str
    seed: str | None
    input_sha256: str | None
    weights_sha256: str | None
    settings: str | None
    components: int | None
    certified: int | None


class ProvenanceRecord(Strict):
    """Where the counts come from; the seed as text because JSON readers lose large integers."""

    input_sha256: str
    input_shape: list[int]
    input_dtype: str
    model: str
    weights_sha256: str
    identity_sha256: str  # empty if the counts come from a file of version 2
    scale: float | str  # a number for one factor, as before there was more
    seed: str
    stop_rule: str
    streams: Literal["cpu", "cuda"]
    device: str
    device_name: str
    precision: str
    pilot_runs: list[list[int]]
    test_runs: list[list[int]]
    noise_sha256: str
    versions: dict[str, str]
    backend: str
    earlier: list[EarlierRecord]
    stream_version: int = 1  # not written if it is 1: the first files do not say it

    @model_serializer(mode="wrap")
    def written(self, usual: Callable[["ProvenanceRecord"], dict[str, Any]]) -> dict[str, Any]:
        """Leave out the version of the streams where it is 1."""
        return {
            name: value
            for name, value in usual(self).items()
            if (name, value) != ("stream_version", 1)
        }


class CertificateRecord(Strict):
    """The file ``certificate.json``, format version 3; a file that names no version is none.

    A field that is added here is one that version 2 does not say: `segcert.certificates.version_2`
    lists it in ``NEW``, with what is taken for files of version 2.
    """

    format: Literal["segcert certificate"]
    version: Literal[3]
    statement: str
    parameters: ParameterRecord
    result: ResultRecord
    model: ModelRecord
    provenance: ProvenanceRecord
    counts_sha256: str
    digest: str = ""


class CountParameterRecord(Strict):
    """What was chosen before the counts were seen, where components are counted."""

    tau: float
    alpha: float
    parts: Literal["whole", "classes"]
    k: int | None  # fewest hits of a component that passes; null if the pilot chose
    family: FamilyRecord
    n0: int
    n: int
    sequential: None
    noise: NoiseRecord


class CountPartRecord(Strict):
    """A family that is counted by itself."""

    label: int | None  # its class; null if it is all that is tested
    tested: int
    k: int
    passed: int
    wrong: int
    at_least: int


class CountResultRecord(Strict):
    """How many components are robust."""

    method: str
    components: int
    tested: int
    at_least: int
    parts: list[CountPartRecord]
    radius: float
    invalid: int
    histogram: dict[str, int]


class CountRecord(Strict):
    """The file ``certificate.json``, format version 4: a count, which names no component."""

    format: Literal["segcert certificate"]
    version: Literal[4]
    statement: str
    parameters: CountParameterRecord
    result: CountResultRecord
    model: ModelRecord
    provenance: ProvenanceRecord
    counts_sha256: str
    digest: str = ""


TodaysRecord = CertificateRecord | CountRecord


def sealed(record: Whole) -> Whole:
    """Return the record of a file with the hash of everything else in it."""
    return record.model_copy(update={"digest": digest_of(record)})


def digest_of(record: BaseModel) -> str:
    """Hash everything in the record of a certificate but its digest."""
    content = record.model_copy(update={"digest": ""}).model_dump(mode="json")
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
