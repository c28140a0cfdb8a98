"""A self-test of what certificates rest on: a few seconds, no network, against exact arithmetic.

It does not replace the test suite. It finds a broken numerical library, random numbers that differ
from those of other machines, and files that can be changed unnoticed.
"""

import hashlib
import json
import math
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, combinations_with_replacement
from pathlib import Path

import numpy as np
from torch import Tensor

from segcert.certificates.claim_files import CERTIFICATE, COUNTS
from segcert.certificates.replay import replay
from segcert.certificates.result import Certificate, load_certificate
from segcert.certificates.segcertify import certify
from segcert.errors import VerificationError
from segcert.models.adapter import Segmenter
from segcert.models.wrapping import as_segmenter
from segcert.noise.gaussian import LatticeGaussianNoise
from segcert.sampling.sampler import sample
from segcert.stats import binomial
from segcert.stats.correction import Evidence
from segcert.stats.holm import holm

TRIALS, PROBABILITIES = (1, 7, 100), (0.25, 0.5, 0.75, 0.9)
ROUNDED_OUTWARD = (Fraction(1 + 1e-9), Fraction(1e-190))  # factor and summand that are allowed
TESTS, DRAWS, LEVELS = 4, 8, (0.05, 0.3)  # of the family on which Holm's procedure is checked
SEED = 2026
NOISE_SHA256 = "c1dd6f551e9cd7da14dc842246019b1c7759008a9220d17669f739be86282e15"


@dataclass(frozen=True)
class Check:
    """One check.

    Args:
        name: What was checked against what.
        passed: Whether it is right.
        finding: What was found, in one line.
        seconds: What it took.
    """

    name: str
    passed: bool
    finding: str
    seconds: float


def run_checks() -> tuple[Check, ...]:
    """Run all checks; a check that raises has failed."""
    return tuple(run_check(name, check) for name, check in CHECKS.items())


def run_check(name: str, check: Callable[[], str]) -> Check:
    """Run one check and measure its time."""
    start = time.monotonic()
    try:
        passed, finding = True, check()
    except Exception as error:  # whatever is broken, it is to be said, and the others are to run
        passed, finding = False, f"{type(error).__name__}: {' '.join(str(error).split())}"
    return Check(name, passed, finding, time.monotonic() - start)


def check_tails() -> str:
    """Compare binomial tails with sums of fractions: never too small, hardly too large.

    Raises:
        VerificationError: At the first that is.
    """
    factor, summand = ROUNDED_OUTWARD
    for n in TRIALS:
        for p in PROBABILITIES:
            for k, (tail, exact) in enumerate(
                zip(binomial.tails(n, p).tolist(), exact_tails(n, p), strict=True)
            ):
                if not exact <= Fraction(tail) <= exact * factor + summand:
                    raise VerificationError(
                        f"P(Bin({n}, {p}) >= {k}) is {float(exact)!r}, computed was {tail!r}"
                    )
    return f"{len(PROBABILITIES) * sum(n + 1 for n in TRIALS)} tails, none too small"


def exact_tails(n: int, p: float) -> list[Fraction]:
    """``P(Bin(n, p) >= k)`` for k = 0, ..., n, in exact arithmetic."""
    q = Fraction(p)
    terms = [math.comb(n, k) * q**k * (1 - q) ** (n - k) for k in range(n + 1)]
    return [sum(terms[k:], Fraction(0)) for k in range(n + 1)]


def check_holm() -> str:
    """Compare Holm's procedure with the closure of Bonferroni's, on every outcome of few tests.

    Raises:
        VerificationError: At the first difference.
    """
    p_values = binomial.tails(DRAWS, 0.6)
    rejected = families = 0
    for hits in combinations_with_replacement(range(DRAWS + 1), TESTS):
        histogram = np.bincount(hits, minlength=DRAWS + 1).astype(np.int64)
        evidence = Evidence(p_values, histogram, np.array(hits))
        for alpha in LEVELS:
            found = holm.decide(evidence, alpha=alpha).mask(np.array(hits)).tolist()
            if found != closed_bonferroni([float(p_values[k]) for k in hits], alpha):
                raise VerificationError(f"counts {hits} of {DRAWS} at level {alpha}: got {found}")
            rejected, families = rejected + sum(found), families + 1
    return f"{families} families of {TESTS} tests, {rejected} rejections, all the same"


def closed_bonferroni(p_values: list[float], alpha: float) -> list[bool]:
    """Reject what every intersection that holds it rejects by Bonferroni's correction.

    Source:
        Marcus, Peritz, Gabriel (1976), Biometrika 63(3):655-660; Holm's procedure is this one.
    """
    numbers = range(len(p_values))
    subsets: list[tuple[int, ...]] = [
        one for size in range(1, len(p_values) + 1) for one in combinations(numbers, size)
    ]
    accepted = [s for s in subsets if min(p_values[i] for i in s) > alpha / len(s)]
    return [not any(i in s for s in accepted) for i in numbers]


def check_streams() -> str:
    """Compare the noise of a few draws with a fixed value: that of every machine and version.

    Raises:
        VerificationError: If it is another.
    """
    prints = tiny_certificate().counts
    found = digest([*prints.pilot_fingerprints.tolist(), *prints.test_fingerprints.tolist()])
    if found != NOISE_SHA256:
        raise VerificationError(f"the noise hashes to {found}, on other machines to {NOISE_SHA256}")
    return f"{prints.n0 + prints.n} draws, bit for bit"


def digest(values: Iterable[int]) -> str:
    """Hash integers."""
    return hashlib.sha256(",".join(map(str, values)).encode()).hexdigest()


def check_round_trip() -> str:
    """Certify, save, load and replay; then change each file, which must be refused.

    Raises:
        VerificationError: If a step goes wrong.
    """
    certificate = tiny_certificate()
    if not (certificate.certified.all() and (certificate.labels == (PIXELS[0] > 127)).all()):
        raise VerificationError("an image of black and white was not certified as such")
    with tempfile.TemporaryDirectory(prefix="segcert-doctor-") as name:
        folder = Path(name)
        certificate.save(folder)
        again = load_certificate(folder)
        if again.statement != certificate.statement:
            raise VerificationError("the certificate was read back as another one")
        if not replay(again, segmenter(), PIXELS).identical:
            raise VerificationError("the same seed gave other counts")
        for change in (change_record, change_counts):
            certificate.save(folder)
            change(folder)
            check_refused(folder, change.__name__)
    return "saved, verified, replayed; two forgeries were refused"


def check_refused(folder: Path, what: str) -> None:
    """Refuse to go on if a changed certificate is accepted.

    Raises:
        VerificationError: If it is.
    """
    try:
        load_certificate(folder)
    except VerificationError:
        return
    raise VerificationError(f"a forged certificate was accepted ({what})")


def change_record(folder: Path) -> None:
    """Claim a larger radius."""
    path = folder / CERTIFICATE
    record = json.loads(path.read_text("utf-8"))
    record["result"]["radius"] *= 2
    path.write_text(json.dumps(record, indent=2) + "\n", "utf-8")


def change_counts(folder: Path) -> None:
    """Claim that one draw less agreed."""
    with np.load(folder / COUNTS, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    arrays["hits"].flat[0] -= 1
    np.savez_compressed(folder / COUNTS, allow_pickle=False, **arrays)


PIXELS = 255 * (np.indices((1, 6, 8)).sum(0) % 2).astype(np.uint8)  # a chessboard


def segmenter() -> Segmenter:
    """Class 1 where a pixel is brighter than a half."""

    def bright(batch: Tensor) -> Tensor:
        return (batch[:, 0] > 0.5).long()

    return as_segmenter(bright, classes=2, name="bright")


def tiny_certificate() -> Certificate:
    """Certify a chessboard, each pixel of which is five standard deviations from the border."""
    counts = sample(
        segmenter(), PIXELS, noise=LatticeGaussianNoise(0.1), n0=3, n=50, seed=SEED, device="cpu"
    )
    return certify(counts, tau=0.75, alpha=1e-3)


CHECKS: dict[str, Callable[[], str]] = {
    "binomial tails against exact fractions": check_tails,
    "Holm's procedure against brute force": check_holm,
    "random numbers against a fixed value": check_streams,
    "a certificate through its files": check_round_trip,
}
