"""How records and arrays become counts, and what was chosen before them."""

import numpy as np

from segcert.certificates.declared import check_counts, check_prints
from segcert.certificates.family import Family
from segcert.certificates.records import (
    CorrectionRecord,
    EarlierRecord,
    FamilyRecord,
    SequentialRecord,
    TodaysRecord,
    TreeRecord,
)
from segcert.errors import InputError
from segcert.models.resizing.scale import resizing_text
from segcert.noise.registry import noises
from segcert.sampling.counts import Counts, Earlier, EarlierDraw, Provenance
from segcert.sampling.tally import Run
from segcert.stats.class_tree import ClassTree
from segcert.stats.correction import AbstractCorrection
from segcert.stats.correction_names import corrections
from segcert.stats.looks import Looks
from segcert.stats.regions import Blocks
from segcert.stats.sequential import Anytime, Sequential


def to_correction(record: CorrectionRecord) -> AbstractCorrection:
    """Read a correction; wrong names and parameters are refused."""
    try:
        return corrections()[record.name](**record.parameters)
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


def to_counts(stored: dict[str, np.ndarray], record: TodaysRecord) -> Counts:
    """Join arrays, which fit the record by shape and type, with the record.

    Raises:
        InputError: If they cannot be counts of so many draws.
    """
    source, parameters = record.provenance, record.parameters
    check_counts(stored, record)
    check_prints(stored, noises()[parameters.noise.kind])
    pilot = parameters.n0 > 0
    return Counts(
        labels=stored["labels"].astype(np.int16),
        hits=stored["hits"].astype(np.int32),
        pilot_hits=stored["pilot_hits"].astype(np.uint16) if pilot else None,
        promise=stored.get("promise"),
        class_counts=None if pilot else stored["class_counts"].astype(np.int32),
        n0=parameters.n0,
        n=parameters.n,
        sequential=to_sequential(parameters.sequential, n=parameters.n),
        classes=record.model.classes,
        class_names=tuple(record.model.class_names),
        palette=tuple((r, g, b) for r, g, b in record.model.palette),
        noise=noises()[parameters.noise.kind](**parameters.noise.parameters),
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
            identity_sha256=source.identity_sha256,
            stream_version=source.stream_version,
        ),
    )


def to_earlier(record: EarlierRecord) -> Earlier:
    """Read what is said about a certificate that was replaced."""
    if record.seed is None:
        return Earlier(record.file_sha256, None)
    said = record.model_dump(exclude={"file_sha256"}) | {"seed": int(record.seed)}
    return Earlier(record.file_sha256, EarlierDraw(**said))


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
