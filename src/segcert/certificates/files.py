"""Certificates as files: certificate.json for people and machines, counts.npz for the proof.

Reading one recomputes it from its counts: a file that does not follow from them is refused.
"""

import math
import textwrap
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from segcert.arrays import MOST_BYTES, read_arrays
from segcert.certificates.family import Family
from segcert.certificates.hierarchical import certify_tree
from segcert.certificates.records import (
    CertificateRecord,
    arrays,
    hash_arrays,
    hash_stored,
    to_correction,
    to_counts,
    to_family,
    to_record,
    to_tree,
)
from segcert.certificates.result import Certificate
from segcert.certificates.segcertify import certify
from segcert.errors import InputError, SegcertError, VerificationError
from segcert.files import atomic_write
from segcert.models.adapter import component_shape
from segcert.sampling.counts import Counts
from segcert.text import one_line

CERTIFICATE, COUNTS = "certificate.json", "counts.npz"
WIDEST = 2 + 4 + 2 + 2 + 1 + 8  # bytes per component: labels, hits, pilot, promise, masks, regions
HEADERS = 1 << 14  # bytes


def save_certificate(certificate: Certificate, folder: Path) -> None:
    """Write both files, each atomically, the counts first."""
    with atomic_write(folder / COUNTS) as file:
        proof = arrays(certificate.counts, certificate.family)
        np.savez_compressed(file, allow_pickle=False, **proof)
    with atomic_write(folder / CERTIFICATE) as file:
        file.write(to_json(certificate).encode())


def to_json(certificate: Certificate) -> str:
    """The text of ``certificate.json``."""
    return to_record(certificate).model_dump_json(indent=2) + "\n"


def load_certificate(path: str | Path) -> Certificate:
    """Read a certificate and prove again that it follows from its counts.

    Args:
        path: The folder with ``certificate.json`` and ``counts.npz``, or the former.

    Raises:
        InputError: If a file is missing or cannot be read.
        VerificationError: If anything in it does not follow from the counts.
    """
    folder = Path(path).parent if Path(path).name == CERTIFICATE else Path(path)
    record = read_record(folder / CERTIFICATE)
    counts, family = read_counts(folder / COUNTS, record)
    try:
        certificate = recomputed(counts, family, record)
    except SegcertError as error:
        raise VerificationError(f"{folder / CERTIFICATE} cannot hold: {error}") from error
    compare(record, to_record(certificate), folder / CERTIFICATE)
    return certificate


def recomputed(counts: Counts, family: Family, record: CertificateRecord) -> Certificate:
    """Certify again, with everything that was chosen before the counts were seen."""
    chosen = record.parameters
    tree = to_tree(chosen.tree)
    if tree:
        return certify_tree(counts, tree, tau=chosen.tau, alpha=chosen.alpha, ignore=family.ignore)
    return certify(
        counts,
        tau=chosen.tau,
        alpha=chosen.alpha,
        correction=to_correction(chosen.correction),
        ignore=family.ignore,
        drop_below=family.drop_below,
        regions=family.regions,
    )


def compare(read: CertificateRecord, recomputed: CertificateRecord, path: Path) -> None:
    """Refuse a record that is not, to the letter, the one that the counts give."""
    if read == recomputed:
        return
    was, now = flat(read.model_dump(mode="json")), flat(recomputed.model_dump(mode="json"))
    wrong = [key for key in sorted(was | now) if was.get(key) != now.get(key)]
    first = next((key for key in wrong if key != "digest"), "digest")
    raise VerificationError(
        f"{path} was changed after it was made: {first} is {shortened(was.get(first))}, "
        f"but the counts give {shortened(now.get(first))}"
    )


def shortened(value: object) -> str:
    """Print a value in at most 60 characters."""
    return textwrap.shorten(repr(value), 60, placeholder=" ...")


def flat(tree: object, prefix: str = "") -> dict[str, object]:
    """Flatten nested mappings into dotted keys."""
    if not isinstance(tree, dict):
        return {prefix: tree}
    return {
        key: value
        for name, branch in tree.items()
        for key, value in flat(branch, f"{prefix}.{name}" if prefix else name).items()
    }


def read_record(path: Path) -> CertificateRecord:
    """Read ``certificate.json`` strictly."""
    if not path.is_file():
        raise InputError(f"no certificate at {path}: give the folder that segcert certify wrote")
    try:
        return CertificateRecord.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise VerificationError(
            f"{path} is no valid certificate: {where}: {first['msg']}"
        ) from error


def read_counts(path: Path, record: CertificateRecord) -> tuple[Counts, Family]:
    """Read ``counts.npz``, check its hash, and join it with the record."""
    if not path.is_file():
        raise InputError(f"{path} is missing: a certificate is verified from its counts")
    try:
        stored = read_arrays(path, most=most_bytes(record))
        counts = to_counts(stored, record)
        family = to_family(record.parameters.family, stored)
        hashes = {hash_stored(stored), hash_arrays(counts, family)}
    except Exception as error:  # readers of zip files raise anything on damaged bytes
        raise VerificationError(f"{path} is damaged: {one_line(error)}") from error
    if hashes != {record.counts_sha256}:
        raise VerificationError(f"{path} was changed after it was made: its hash is another one")
    return counts, family


def most_bytes(record: CertificateRecord) -> int:
    """Bytes that the arrays of a certificate can take at most, headers included."""
    parameters, source = record.parameters, record.provenance
    components = math.prod(component_shape(tuple(source.input_shape)))
    each = WIDEST + (0 if parameters.n0 else 4 * record.model.classes)
    draws = parameters.n0 + parameters.n
    return min(components * each + 8 * draws + HEADERS, MOST_BYTES)
