"""The records of ``certificate.json``, and how certificates become records and back."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, model_serializer

from segcert.certificates.family import Family
from segcert.certificates.result import Certificate
from segcert.errors import InputError
from segcert.models.adapter import component_shape
from segcert.models.resizing import resizing_record, resizing_text
from segcert.noise.base import AbstractNoise
from segcert.noise.kinds import NOISES
from segcert.sampling.counts import Counts, Provenance
from segcert.sampling.tally import Run
from segcert.stats.class_tree import ClassTree
from segcert.stats.correction import AbstractCorrection
from segcert.stats.corrections import CORRECTIONS
from segcert.stats.looks import Looks
from segcert.stats.regions import Blocks
from segcert.stats.sequential import Anytime, Sequential

Value = str | int | float | None


class Strict(BaseModel):
    """A part of the file: nothing missing, nothing more, no guessing of types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


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


class ProvenanceRecord(Strict):
    """Where the counts come from; the seed as text because JSON readers lose large integers."""

    input_sha256: str
    input_shape: list[int]
    input_dtype: str
    model: str
    weights_sha256: str
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
    backend: str = "torch"  # left out of the file if it is this, as before there was more

    @model_serializer(mode="wrap")
    def without_default(self, handler: Callable[..., dict[str, object]]) -> dict[str, object]:
        """Write all but the backend that has no name in older files."""
        found = handler(self)
        if self.backend == "torch":
            del found["backend"]
        return found


class CertificateRecord(Strict):
    """The file ``certificate.json``, format version 2; a file that names no version is none."""

    format: Literal["segcert certificate"]
    version: Literal[2]
    statement: str
    parameters: ParameterRecord
    result: ResultRecord
    model: ModelRecord
    provenance: ProvenanceRecord
    counts_sha256: str
    digest: str = ""

    def sealed(self) -> "CertificateRecord":
        """Return the record with the hash of everything else in it."""
        content = self.model_copy(update={"digest": ""}).model_dump(mode="json")
        text = json.dumps(content, sort_keys=True)
        return self.model_copy(update={"digest": hashlib.sha256(text.encode()).hexdigest()})


def arrays(counts: Counts, family: Family) -> dict[str, np.ndarray]:
    """The arrays of counts.npz, in the smallest types that hold them."""
    found = {
        "labels": counts.labels.astype(np.min_scalar_type(max(counts.classes - 1, 0))),
        "hits": counts.hits.astype(np.min_scalar_type(counts.n)),
        "pilot_fingerprints": counts.pilot_fingerprints,
        "test_fingerprints": counts.test_fingerprints,
    }
    if counts.class_counts is not None:
        found["class_counts"] = counts.class_counts.astype(np.min_scalar_type(counts.n))
    if counts.pilot_hits is not None:
        found["pilot_hits"] = counts.pilot_hits.astype(np.min_scalar_type(counts.n0))
    if counts.promise is not None:
        found["promise"] = counts.promise
    if family.ignore is not None:
        found["ignore"] = family.ignore
    if isinstance(family.regions, np.ndarray):
        found["regions"] = family.regions
    return found


def hash_arrays(counts: Counts, family: Family) -> str:
    """Hash names, types, shapes and values of the arrays."""
    return hash_stored(arrays(counts, family))


def hash_stored(stored: dict[str, np.ndarray]) -> str:
    """Hash arrays as they are in the file; another type of number is another hash."""
    digest = hashlib.sha256()
    for name, array in sorted(stored.items()):
        digest.update(f"{name}|{array.dtype}|{array.shape}|".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def to_record(certificate: Certificate) -> CertificateRecord:
    """Write a certificate down."""
    counts = certificate.counts
    record = CertificateRecord(
        format="segcert certificate",
        version=2,
        statement=certificate.statement,
        parameters=ParameterRecord(
            tau=certificate.tau,
            alpha=certificate.alpha,
            correction=CorrectionRecord(
                name=certificate.correction.name, parameters=asdict(certificate.correction)
            ),
            family=family_record(certificate.family),
            tree=None if certificate.tree is None else tree_record(certificate.tree),
            n0=counts.n0,
            n=counts.n,
            sequential=sequential_record(counts.sequential),
            noise=noise_record(counts.noise),
        ),
        result=ResultRecord(
            method=certificate.method,
            components=counts.components,
            certified=int(certificate.certified.sum()),
            abstain_rate=certificate.abstain_rate,
            threshold=certificate.threshold,
            radius=certificate.radius,
            invalid=counts.invalid,
            histogram={str(k): int(m) for k, m in enumerate(counts.histogram) if m},
        ),
        model=ModelRecord(
            classes=counts.classes,
            class_names=list(counts.class_names),
            palette=[list(colour) for colour in counts.palette],
        ),
        provenance=provenance_record(counts),
        counts_sha256=hash_arrays(counts, certificate.family),
    )
    return record.sealed()


def noise_record(noise: AbstractNoise) -> NoiseRecord:
    """Write a noise down.

    Raises:
        InputError: If it is none of ours.
    """
    if not is_dataclass(noise) or NOISES.get(noise.kind) is not type(noise):
        raise InputError(
            f"certificates with {noise!r} cannot be saved: noise must be one of {', '.join(NOISES)}"
        )
    return NoiseRecord(kind=noise.kind, parameters=asdict(noise), norm=noise.norm, unit=noise.unit)


def family_record(family: Family) -> FamilyRecord:
    """Write down what is tested."""
    return FamilyRecord(
        ignored=0 if family.ignore is None else int(family.ignore.sum()),
        drop_below=family.drop_below,
        block_side=family.regions.side if isinstance(family.regions, Blocks) else None,
        regions_given=isinstance(family.regions, np.ndarray),
    )


def tree_record(tree: ClassTree) -> TreeRecord:
    """Write a class tree down."""
    return TreeRecord(names=list(tree.names), parents=list(tree.parents))


def sequential_record(sequential: Sequential | None) -> SequentialRecord | None:
    """Write down how sampling was allowed to stop."""
    if isinstance(sequential, Looks):
        return SequentialRecord(kind="looks", at=list(sequential.at))
    if isinstance(sequential, Anytime):
        return SequentialRecord(kind="anytime", at=[sequential.n, sequential.every])
    return None


def to_correction(record: CorrectionRecord) -> AbstractCorrection:
    """Read a correction; wrong names and parameters are refused."""
    try:
        return CORRECTIONS[record.name](**record.parameters)
    except (KeyError, TypeError) as error:
        raise InputError(f"no correction {record.name!r} with {record.parameters}") from error


def to_family(record: FamilyRecord, stored: dict[str, np.ndarray]) -> Family:
    """Read what is tested."""
    blocks = None if record.block_side is None else Blocks(record.block_side)
    return Family(stored.get("ignore"), record.drop_below, stored.get("regions", blocks))


def to_tree(record: TreeRecord | None) -> ClassTree | None:
    """Read a class tree."""
    return None if record is None else ClassTree(tuple(record.names), tuple(record.parents))


def to_sequential(record: SequentialRecord | None, *, n: int) -> Sequential | None:
    """Read how sampling was allowed to stop; it must have stopped at a look."""
    if record is None:
        return None
    found = Looks(tuple(record.at)) if record.kind == "looks" else Anytime(*record.at)
    if n not in found.at:
        raise InputError(f"sampling stopped after {n} draws, which is no look")
    return found


def provenance_record(counts: Counts) -> ProvenanceRecord:
    """Write down where counts come from."""
    source = counts.provenance
    prints = np.concatenate([counts.pilot_fingerprints, counts.test_fingerprints])
    return ProvenanceRecord(
        input_sha256=source.input_sha256,
        input_shape=list(source.input_shape),
        input_dtype=source.input_dtype,
        model=source.model,
        weights_sha256=source.weights_sha256,
        scale=resizing_record(source.scale),
        seed=str(source.seed),
        stop_rule=source.stop_rule,
        streams=source.streams,  # type: ignore[arg-type]  # checked by pydantic
        device=source.device,
        device_name=source.device_name,
        precision=source.precision,
        pilot_runs=[[r.start, r.stop, r.batch_size] for r in source.pilot_runs],
        test_runs=[[r.start, r.stop, r.batch_size] for r in source.test_runs],
        noise_sha256=hashlib.sha256(prints.astype("<u8").tobytes()).hexdigest(),
        versions=dict(source.versions),
        backend=source.backend,
    )


def to_counts(stored: dict[str, np.ndarray], record: CertificateRecord) -> Counts:
    """Join arrays and record; arrays that do not fit each other are refused."""
    source, parameters = record.provenance, record.parameters
    if stored["labels"].shape != component_shape(tuple(source.input_shape)):
        raise InputError("labels do not fit the shape of the input")
    class_counts, shape = stored.get("class_counts"), stored["labels"].shape
    for name in ("pilot_hits", "promise", "ignore", "regions"):
        if name in stored and stored[name].shape != shape:
            raise InputError(f"labels and {name} do not fit each other")
    pilot = parameters.n0 > 0
    if ("pilot_hits" in stored) != pilot or ("promise" in stored and not pilot):
        raise InputError("what the pilot found belongs to the test with pilot, and only there")
    if pilot and stored["pilot_hits"].max(initial=0) > parameters.n0:
        raise InputError("a component has more pilot hits than there are pilot draws")
    if stored["labels"].max(initial=0) >= record.model.classes:
        raise InputError(f"labels are not below the number of classes, {record.model.classes}")
    hits = stored["hits"].astype(np.int32)
    if hits.shape != stored["labels"].shape or (hits.size and hits.max() > parameters.n):
        raise InputError("labels and hits do not fit each other or n")
    if (class_counts is None) != (parameters.n0 > 0):
        raise InputError("counts of every class belong to the test without pilot, and only there")
    if class_counts is not None:
        class_counts = class_counts.astype(np.int32)
        labels = stored["labels"].astype(np.int64)
        if (class_counts.argmax(0) != labels).any() or (class_counts.max(0) != hits).any():
            raise InputError("labels and hits do not follow from the counts of the classes")
    if (
        len(stored["pilot_fingerprints"]) != parameters.n0
        or len(stored["test_fingerprints"]) != parameters.n
    ):
        raise InputError("there must be one fingerprint per draw")
    return Counts(
        labels=stored["labels"].astype(np.int16),
        hits=hits,
        pilot_hits=stored["pilot_hits"].astype(np.uint16) if parameters.n0 else None,
        promise=stored["promise"].astype(np.uint16) if "promise" in stored else None,
        class_counts=class_counts,
        n0=parameters.n0,
        n=parameters.n,
        sequential=to_sequential(parameters.sequential, n=parameters.n),
        classes=record.model.classes,
        class_names=tuple(record.model.class_names),
        palette=tuple((r, g, b) for r, g, b in record.model.palette),
        noise=NOISES[parameters.noise.kind](**parameters.noise.parameters),
        invalid=record.result.invalid,
        pilot_fingerprints=stored["pilot_fingerprints"],
        test_fingerprints=stored["test_fingerprints"],
        provenance=Provenance(
            input_sha256=source.input_sha256,
            input_shape=tuple(source.input_shape),
            input_dtype=source.input_dtype,
            model=source.model,
            weights_sha256=source.weights_sha256,
            scale=resizing_text(source.scale),
            seed=int(source.seed),
            stop_rule=source.stop_rule,
            streams=source.streams,
            device=source.device,
            device_name=source.device_name,
            precision=source.precision,
            pilot_runs=to_runs(source.pilot_runs, draws=parameters.n0),
            test_runs=to_runs(source.test_runs, draws=parameters.n),
            versions=tuple(source.versions.items()),
            backend=source.backend,
        ),
    )


def to_runs(rows: list[list[int]], *, draws: int) -> tuple[Run, ...]:
    """Read the batches of a stage; they must be its draws, each once, in order."""
    runs = tuple(Run(*row) for row in rows)
    starts = [0, *(run.stop for run in runs)]
    fitting = all(
        start == run.start < run.stop and run.batch_size >= 1
        for start, run in zip(starts, runs, strict=False)
    )
    if not fitting or starts[-1] != draws:
        raise InputError(f"the batches must be {draws} draws, each once, in order")
    return runs
