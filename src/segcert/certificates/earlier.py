"""Earlier draws: what a certificate says about those that it replaced.

Drawing again until the result pleases is a choice among draws, which no alpha covers. So that it
leaves a trace, a certificate that takes the place of others keeps their seeds and shares. The trace
is that of an honest program: who deletes files, or draws elsewhere, leaves none
(docs/decisions/0005).
"""

import hashlib
from dataclasses import replace

from segcert.certificates.again import decided_again
from segcert.certificates.claim import Claim
from segcert.certificates.count_record import record_of
from segcert.errors import InputError
from segcert.sampling.counts import Earlier, EarlierDraw

MOST = 1000  # certificates that one can have replaced


def replacing(claim: Claim, old: Claim | None, content: bytes) -> Claim:
    """Let a certificate say what it replaces, and what that had replaced before.

    Args:
        claim: The new one.
        old: What is replaced; None if it could not be verified.
        content: The bytes of its ``certificate.json``.

    Returns:
        The new one, with the trace; as it is if it replaces itself.

    Raises:
        InputError: If it would be the replacement of too many.
    """
    known = claim.provenance.earlier
    chain = known if old is None else known + old.provenance.earlier
    if old is None or not same_draws(old, claim):
        said = None if old is None else what_it_said(old)
        chain += (Earlier(hashlib.sha256(content).hexdigest(), said),)
    found = tuple(dict.fromkeys(chain))
    if len(found) > MOST:
        raise InputError(
            f"a certificate keeps what it replaced, at most {MOST} earlier ones: choose another "
            "folder"
        )
    return claim if found == known else with_earlier(claim, found)


def with_earlier(claim: Claim, earlier: tuple[Earlier, ...]) -> Claim:
    """Certify the same counts in the same way, and say what was drawn before."""
    source = replace(claim.provenance, earlier=earlier)
    return decided_again(claim, replace(claim.counts, provenance=source))


def same_draws(one: Claim, other: Claim) -> bool:
    """Tell whether two certificates say the same about the same draws of the same model."""
    first, second = record_of(one), record_of(other)
    sources = (first.provenance, second.provenance)
    return all(
        getattr(first, part) == getattr(second, part)
        for part in ("parameters", "result", "model", "counts_sha256")
    ) and all(
        getattr(sources[0], name) == getattr(sources[1], name)
        for name in ("input_sha256", "weights_sha256", "seed")
    )


def what_it_said(claim: Claim) -> EarlierDraw:
    """Seed, share and settings of a certificate."""
    counts, source = claim.counts, claim.provenance
    stop = f", stop when {source.stop_rule}" if source.stop_rule else ""
    return EarlierDraw(
        seed=source.seed,
        input_sha256=source.input_sha256,
        weights_sha256=source.weights_sha256,
        settings=(
            f"{counts.noise!r}, tau {claim.tau!r}, alpha {claim.alpha!r}, "
            f"n0 {counts.n0}, n {counts.n}, {claim.correction}, {claim.method}, "
            f"scale {source.scale}{stop}"
        ),
        components=counts.components,
        certified=claim.number,
    )
