"""The records of ``certificate.json`` in format version 2. Frozen: nothing here changes."""

from collections.abc import Callable
from typing import Literal

from pydantic import model_serializer

from segcert.certificates.records import Strict

Value = str | int | float | None


class NoiseRecord2(Strict):
    """The noise and what it certifies."""

    kind: str
    parameters: dict[str, float]
    norm: str
    unit: str


class CorrectionRecord2(Strict):
    """A correction for many tests."""

    name: str
    parameters: dict[str, Value]


class FamilyRecord2(Strict):
    """What is tested."""

    ignored: int
    drop_below: float | None
    block_side: int | None
    regions_given: bool


class SequentialRecord2(Strict):
    """How sampling was allowed to stop early."""

    kind: Literal["looks", "anytime"]
    at: list[int]


class TreeRecord2(Strict):
    """A tree of classes."""

    names: list[str]
    parents: list[int]


class ParameterRecord2(Strict):
    """What was chosen before the counts were seen."""

    tau: float
    alpha: float
    correction: CorrectionRecord2
    family: FamilyRecord2
    tree: TreeRecord2 | None
    n0: int
    n: int
    sequential: SequentialRecord2 | None
    noise: NoiseRecord2


class ResultRecord2(Strict):
    """What follows from the counts."""

    method: str
    components: int
    certified: int
    abstain_rate: float
    threshold: int
    radius: float
    invalid: int
    histogram: dict[str, int]


class ModelRecord2(Strict):
    """The classes of the model."""

    classes: int
    class_names: list[str]
    palette: list[list[int]]


class ProvenanceRecord2(Strict):
    """Where the counts come from."""

    input_sha256: str
    input_shape: list[int]
    input_dtype: str
    model: str
    weights_sha256: str
    scale: float | str
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
    backend: str = "torch"  # left out of the file if it is this

    @model_serializer(mode="wrap")
    def without_default(self, handler: Callable[..., dict[str, object]]) -> dict[str, object]:
        """Write all but the backend that has no name in the first files."""
        found = handler(self)
        if self.backend == "torch":
            del found["backend"]
        return found


class CertificateRecord2(Strict):
    """The file ``certificate.json``, format version 2."""

    format: Literal["segcert certificate"]
    version: Literal[2]
    statement: str
    parameters: ParameterRecord2
    result: ResultRecord2
    model: ModelRecord2
    provenance: ProvenanceRecord2
    counts_sha256: str
    digest: str = ""
