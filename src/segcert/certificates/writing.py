"""How certificates become records, and the arrays of ``counts.npz``."""

import hashlib
from dataclasses import asdict, fields, is_dataclass

import numpy as np

from segcert.certificates.claim import Claim
from segcert.certificates.family import Family
from segcert.certificates.records import (
    CertificateRecord,
    CorrectionRecord,
    EarlierRecord,
    FamilyRecord,
    ModelRecord,
    NoiseRecord,
    ParameterRecord,
    ProvenanceRecord,
    ResultRecord,
    SequentialRecord,
    TreeRecord,
    sealed,
)
from segcert.errors import InputError
from segcert.models.resizing.scale import resizing_record
from segcert.noise.base import AbstractNoise
from segcert.noise.registry import is_our_noise, noises
from segcert.sampling.counts import Counts, Earlier, EarlierDraw
from segcert.stats.class_tree import ClassTree
from segcert.stats.correction import AbstractCorrection
from segcert.stats.correction_names import corrections, is_ours
from segcert.stats.looks import Looks
from segcert.stats.regions import Blocks
from segcert.stats.sequential import Anytime, Sequential


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
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def to_record(claim: Claim) -> CertificateRecord:
    """Write a certificate down."""
    counts = claim.counts
    record = CertificateRecord(
        format="segcert certificate",
        version=3,
        statement=claim.statement,
        parameters=ParameterRecord(
            tau=claim.tau,
            alpha=claim.alpha,
            correction=correction_record(claim.correction),
            family=family_record(claim.family),
            tree=None if claim.tree is None else tree_record(claim.tree),
            n0=counts.n0,
            n=counts.n,
            sequential=sequential_record(counts.sequential),
            noise=noise_record(counts.noise),
        ),
        result=ResultRecord(
            method=claim.method,
            components=counts.components,
            certified=int(claim.certified.sum()),
            abstain_rate=claim.abstain_rate,
            threshold=claim.threshold,
            radius=claim.radius,
            invalid=counts.invalid,
            histogram=histogram_record(counts),
        ),
        model=model_record(counts),
        provenance=provenance_record(counts),
        counts_sha256=hash_arrays(counts, claim.family),
    )
    return sealed(record)


def model_record(counts: Counts) -> ModelRecord:
    """Write down the classes of the model."""
    return ModelRecord(
        classes=counts.classes,
        class_names=list(counts.class_names),
        palette=[list(colour) for colour in counts.palette],
    )


def histogram_record(counts: Counts) -> dict[str, int]:
    """Write down how many components have so many hits, where there are any."""
    return {str(k): int(m) for k, m in enumerate(counts.histogram) if m}


def correction_record(correction: AbstractCorrection) -> CorrectionRecord:
    """Write a correction down.

    Raises:
        InputError: If it is none of ours: who reads the file could not decide by it again.
    """
    if not is_ours(correction):
        raise InputError(
            f"certificates with {correction!r} cannot be saved: correction must be one of "
            f"{', '.join(corrections())}"
        )
    return CorrectionRecord(name=correction.name, parameters=asdict(correction))


def noise_record(noise: AbstractNoise) -> NoiseRecord:
    """Write a noise down.

    Raises:
        InputError: If it is none of ours.
    """
    if not is_dataclass(noise) or not is_our_noise(noise):
        raise InputError(
            f"certificates with {noise!r} cannot be saved: noise must be one of "
            f"{', '.join(noises())}"
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
        identity_sha256=source.identity_sha256,
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
        earlier=[earlier_record(one) for one in source.earlier],
        stream_version=source.stream_version,
    )


def earlier_record(earlier: Earlier) -> EarlierRecord:
    """Write down a certificate that was replaced."""
    names = [field.name for field in fields(EarlierDraw)]
    said = dict.fromkeys(names) if earlier.draw is None else asdict(earlier.draw)
    if earlier.draw is not None:
        said["seed"] = str(earlier.draw.seed)
    return EarlierRecord(file_sha256=earlier.file_sha256, **said)
