"""Certificates as files: certificate.json for people and machines, counts.npz for the proof.

Reading one recomputes it from its counts: a file that does not follow from them is refused.
"""

import json
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field, TypeAdapter, ValidationError

from segcert.arrays import read_arrays
from segcert.certificates.again import claim_as_chosen
from segcert.certificates.chosen import Chosen
from segcert.certificates.claim import FORMAT, Claim
from segcert.certificates.count import COUNT_FORMAT
from segcert.certificates.count_record import record_of, to_count
from segcert.certificates.declared import HEADERS, MOST_BYTES, check_declared
from segcert.certificates.earlier import replacing
from segcert.certificates.family import Family
from segcert.certificates.origin import check_origin
from segcert.certificates.plausible import check_record
from segcert.certificates.reading import to_correction, to_counts, to_family, to_tree
from segcert.certificates.records import CertificateRecord, CountRecord, TodaysRecord
from segcert.certificates.records_2 import CertificateRecord2
from segcert.certificates.strict_json import read_strictly
from segcert.certificates.version_2 import check_procedure, downgraded, upgraded
from segcert.certificates.writing import arrays, hash_stored
from segcert.errors import InputError, SegcertError, VerificationError
from segcert.files import atomic_write
from segcert.sampling.counts import Counts
from segcert.text import one_line

AnyRecord = CertificateRecord | CertificateRecord2 | CountRecord
ANY_VERSION: TypeAdapter[AnyRecord] = TypeAdapter(
    Annotated[AnyRecord, Field(discriminator="version")]
)
VERSIONS = (2, FORMAT, COUNT_FORMAT)

CERTIFICATE, COUNTS = "certificate.json", "counts.npz"


def save_claim(claim: Claim, folder: Path) -> None:
    """Write both files, each atomically, the counts first, with a trace of what is replaced.

    Raises:
        InputError: If too many were replaced before.
    """
    claim = with_trace(claim, folder)
    with atomic_write(folder / COUNTS) as file:
        proof = arrays(claim.counts, claim.family)
        np.savez_compressed(file, allow_pickle=False, **proof)
    with atomic_write(folder / CERTIFICATE) as file:
        file.write(to_json(claim).encode())


def with_trace(claim: Claim, folder: Path) -> Claim:
    """Let a certificate keep the seed and the share of the one in a folder, which it replaces.

    Raises:
        InputError: If too many were replaced before.
    """
    path = folder / CERTIFICATE
    if not path.is_file():
        return claim
    try:
        old = read_claim(folder)
    except SegcertError:
        old = None
    return replacing(claim, old, path.read_bytes())


def to_json(claim: Claim) -> str:
    """The text of ``certificate.json``, in the format that the certificate came in."""
    return text_of(written(claim))


def text_of(record: AnyRecord) -> str:
    """Lay a record out; numbers are written by Python, which writes them in one way."""
    if isinstance(record, CertificateRecord2):
        return record.model_dump_json(indent=2) + "\n"
    return json.dumps(record.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"


def written(claim: Claim) -> AnyRecord:
    """Write a certificate down, in the format that it came in."""
    record = record_of(claim)
    if isinstance(record, CountRecord) or claim.version == FORMAT:
        return record
    return downgraded(record)


def read_claim(path: Path) -> Claim:
    """Read a claim and decide again; see `segcert.certificates.result.load_certificate`.

    Args:
        path: The folder with ``certificate.json`` and ``counts.npz``, or the former.

    Raises:
        InputError: If a file is missing or cannot be read.
        VerificationError: If anything in it does not follow from the counts, or cannot be.
    """
    folder = path.parent if path.name == CERTIFICATE else path
    read, content = read_record(folder / CERTIFICATE)
    record = upgraded(read) if isinstance(read, CertificateRecord2) else read
    try:
        check_record(record)
    except SegcertError as error:
        raise VerificationError(f"{folder / CERTIFICATE} cannot hold: {error}") from error
    counts, family = read_counts(folder / COUNTS, record)
    try:
        found = recomputed(counts, family, record)
        again = replace(found, version=read.version)
        check_origin(again)
        expected = written(again)
    except SegcertError as error:
        raise VerificationError(f"{folder / CERTIFICATE} cannot hold: {error}") from error
    compare(read, expected, content, folder / CERTIFICATE)
    return replace(again, statement=expected.statement)


def recomputed(counts: Counts, family: Family, record: TodaysRecord) -> Claim:
    """Decide again, with everything that was chosen before the counts were seen."""
    if isinstance(record, CountRecord):
        of = record.parameters
        return claim_as_chosen(
            counts, Chosen(of.tau, of.alpha, family=family, count=to_count(record))
        )
    said = record.parameters
    correction, tree = to_correction(said.correction), to_tree(said.tree)
    return claim_as_chosen(counts, Chosen(said.tau, said.alpha, correction, family, tree))


def compare(read: AnyRecord, recomputed: AnyRecord, content: bytes, path: Path) -> None:
    """Refuse a file that is not, to the letter, the one that the counts give.

    Files of version 2 may be laid out in another way, as they always could.
    """
    if read == recomputed:
        if not isinstance(read, CertificateRecord2) and content != text_of(recomputed).encode():
            raise VerificationError(
                f"{path} was changed after it was made: it is not laid out as segcert writes it"
            )
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


def read_record(path: Path) -> tuple[AnyRecord, bytes]:
    """Read ``certificate.json`` strictly, in any version of its format; also its bytes."""
    if not path.is_file():
        raise InputError(f"no certificate at {path}: give the folder that segcert certify wrote")
    try:
        content = read_strictly(path)
        record = ANY_VERSION.validate_json(content)
    except InputError as error:
        raise VerificationError(f"{path} is no valid certificate: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part not in VERSIONS) or "the file"
        raise VerificationError(
            f"{path} is no valid certificate: {where}: {first['msg']}"
        ) from error
    if isinstance(record, CertificateRecord2):
        check_procedure(record, path)
    return record, content


def read_counts(path: Path, record: TodaysRecord) -> tuple[Counts, Family]:
    """Read ``counts.npz``, check headers, hash and values, and join it with the record."""
    if not path.is_file():
        raise InputError(f"{path} is missing: a certificate is verified from its counts")
    try:
        if path.stat().st_size > MOST_BYTES + HEADERS:
            raise InputError(f"it has more than {MOST_BYTES} bytes")
        stored = read_arrays(path, check=lambda declared: check_declared(declared, record))
    except Exception as error:  # readers of zip files raise anything on damaged bytes
        raise VerificationError(f"{path} is damaged: {one_line(error)}") from error
    if hash_stored(stored) != record.counts_sha256:
        raise VerificationError(f"{path} was changed after it was made: its hash is another one")
    try:
        return to_counts(stored, record), to_family(record.parameters.family, stored)
    except Exception as error:
        raise VerificationError(f"{path} is damaged: {one_line(error)}") from error
