"""How records and arrays become counts, and what was chosen before them."""

import numpy as np

from segcert.certificates.family import Family
from segcert.certificates.records import (
    CertificateRecord,
    CorrectionRecord,
    EarlierRecord,
    FamilyRecord,
    SequentialRecord,
    TreeRecord,
)
from segcert.errors import InputError
from segcert.models.adapter import component_shape
from segcert.models.resizing import resizing_text
from segcert.noise.kinds import NOISES
from segcert.sampling.counts import Counts, Earlier, EarlierDraw, Provenance
from segcert.sampling.tally import Run
from segcert.stats.class_tree import ClassTree
from segcert.stats.correction import AbstractCorrection
from segcert.stats.corrections import CORRECTIONS
from segcert.stats.looks import Looks
from segcert.stats.regions import Blocks
from segcert.stats.sequential import Anytime, Sequential


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
            earlier=tuple(to_earlier(one) for one in source.earlier),
        ),
    )


def to_earlier(record: EarlierRecord) -> Earlier:
    """Read what is said about a certificate that was replaced: all of it, or nothing."""
    said = record.model_dump(exclude={"file_sha256"})
    if set(said.values()) == {None}:
        return Earlier(record.file_sha256, None)
    if None in said.values():
        raise InputError("an earlier draw must be told with seed, hashes, settings and share")
    return Earlier(record.file_sha256, EarlierDraw(**said | {"seed": int(said["seed"])}))


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
