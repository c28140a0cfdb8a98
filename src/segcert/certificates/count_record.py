"""How counts of components become records, and what any claim is written as."""

from segcert.certificates.claim import Claim
from segcert.certificates.count import CountClaim
from segcert.certificates.count_chosen import CountChosen
from segcert.certificates.records import (
    CountParameterRecord,
    CountPartRecord,
    CountRecord,
    CountResultRecord,
    TodaysRecord,
    sealed,
)
from segcert.certificates.writing import (
    family_record,
    hash_arrays,
    histogram_record,
    model_record,
    noise_record,
    provenance_record,
    to_record,
)


def record_of(claim: Claim) -> TodaysRecord:
    """Write a claim down, as named components or as a count."""
    return count_record(claim) if isinstance(claim, CountClaim) else to_record(claim)


def count_record(claim: CountClaim) -> CountRecord:
    """Write a count down."""
    counts = claim.counts
    record = CountRecord(
        format="segcert certificate",
        version=4,
        statement=claim.statement,
        parameters=CountParameterRecord(
            tau=claim.tau,
            alpha=claim.alpha,
            parts=claim.count.parts,
            k=claim.count.k,
            family=family_record(claim.family),
            n0=counts.n0,
            n=counts.n,
            sequential=None,
            noise=noise_record(counts.noise),
        ),
        result=CountResultRecord(
            method=claim.method,
            components=counts.components,
            tested=claim.tested,
            at_least=claim.number,
            parts=[
                CountPartRecord(
                    label=part.label, tested=part.tested, k=part.bound.k, passed=part.passed,
                    wrong=part.wrong, at_least=part.at_least,
                )
                for part in claim.of_parts
            ],
            radius=claim.radius,
            invalid=counts.invalid,
            histogram=histogram_record(counts),
        ),
        model=model_record(counts),
        provenance=provenance_record(counts),
        counts_sha256=hash_arrays(counts, claim.family),
    )  # fmt: skip
    return sealed(record)


def to_count(record: CountRecord) -> CountChosen:
    """Read what a count needs to be chosen."""
    return CountChosen(record.parameters.k, record.parameters.parts)
