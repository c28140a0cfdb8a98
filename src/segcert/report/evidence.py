"""What each count proves: its p-value, and the largest radius that the radius map gives it."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

import numpy as np
from jaxtyping import Float64, Int64, Integer, UInt8

from segcert.certificates.family import tested_components
from segcert.certificates.radius_map import radius_map
from segcert.certificates.result import Certificate
from segcert.report.pictures import colour_radii, stretch
from segcert.stats.levels import levels
from segcert.stats.p_values import no_pilot_p_values
from segcert.stats.sequential import Anytime
from segcert.text import floor_text

MOST_COUNTS = 2048  # that a page lists; those between get the bounds of the next one below
DIGITS = 2  # of a printed p-value


@dataclass(frozen=True, eq=False)
class CountEvidence:
    """What counts prove, for the counts that occur.

    p-values fall and radii grow with the count, so that the entry of the next count below is a
    bound for one that is not listed.

    Args:
        counts: Some counts, ascending, 0 first.
        p_values: Of each count; never too small.
        needed: p-value of the smallest count that can be certified, or 0 if there is none.
        radii: Largest radius proved at each count, by the radius map; None if there is no map.
        radius_statement: What the radius map states, at an alpha of its own; or empty.
    """

    counts: Int64[np.ndarray, " m"]
    p_values: Float64[np.ndarray, " m"]
    needed: float
    radii: Float64[np.ndarray, " m"] | None
    radius_statement: str

    def radius_of(self, counts: Integer[np.ndarray, " *some"]) -> Float64[np.ndarray, " *some"]:
        """Radius that is proved at each of some counts; 0 everywhere if there is no map."""
        if self.radii is None:
            return np.zeros(counts.shape)
        found: np.ndarray = self.radii[np.searchsorted(self.counts, counts, side="right") - 1]
        return found


def make_evidence(
    certificate: Certificate, hits: Integer[np.ndarray, " *components"]
) -> CountEvidence:
    """Collect what the counts of a certificate prove.

    Args:
        certificate: The certificate.
        hits: Draws that gave the label of each component.
    """
    counts, k = certificate.counts, certificate.threshold
    listed = listed_counts(hits, k, counts.n)
    p_values = p_values_of(certificate)
    radii, statement = None, ""
    if certificate.tree is None and not isinstance(counts.sequential, Anytime):
        found = radius_map(counts, alpha=certificate.alpha)
        statement = found.statement
        radii = radii_at(listed, counts.hits, found.radius)
    return CountEvidence(
        counts=listed,
        p_values=p_values[listed],
        needed=float(p_values[k]) if k <= counts.n else 0.0,
        radii=radii,
        radius_statement=statement,
    )


def listed_counts(
    hits: Integer[np.ndarray, " *components"], threshold: int, n: int
) -> Int64[np.ndarray, " m"]:
    """The counts that occur, 0 and the threshold; evenly thinned out if they are too many."""
    found = np.unique(hits).astype(np.int64)
    if len(found) > MOST_COUNTS:
        found = found[np.linspace(0, len(found) - 1, MOST_COUNTS).astype(int)]
    return np.union1d(found, [0, threshold] if threshold <= n else [0]).astype(np.int64)


def p_values_of(certificate: Certificate) -> Float64[np.ndarray, " counts"]:
    """p-value of each count 0, ..., n, as it was tested.

    Of a class tree those of a node; its corrections are in the threshold alone.
    """
    counts, tau = certificate.counts, certificate.tau
    if certificate.tree is not None:
        return no_pilot_p_values(counts.n, tau=tau)
    return levels(
        tested_components(certificate.family, counts), counts.n,
        tau=tau, alpha=certificate.alpha, pilot=counts.n0 > 0, sequential=counts.sequential,
    ).p_values  # fmt: skip


def radii_at(
    listed: Int64[np.ndarray, " m"],
    hits: Integer[np.ndarray, " *components"],
    radius: Float64[np.ndarray, " *components"],
) -> Float64[np.ndarray, " m"]:
    """Radius at each listed count: that of the largest count below it that occurs, or 0."""
    occur, first = np.unique(hits, return_index=True)
    at = np.searchsorted(occur, listed, side="right") - 1
    found: np.ndarray = np.where(at < 0, 0.0, radius.ravel()[first][np.maximum(at, 0)])
    return found


def radius_colours(
    evidence: CountEvidence, counts: Sequence[int] | Integer[np.ndarray, " m"]
) -> UInt8[np.ndarray, " m 3"]:
    """Colour of the radius at each of some counts: as `radius_image`, white where there is none."""
    return colour_radii(evidence.radius_of(np.asarray(counts)), *radius_range(evidence))


def radius_range(evidence: CountEvidence) -> tuple[float, float]:
    """Smallest and largest radius above 0 of the listed counts; 0 and 0 if there is none."""
    return stretch(np.zeros(1) if evidence.radii is None else evidence.radii)


def p_text(p_value: float) -> str:
    """Print a p-value with two significant digits, rounded up: ``0.043``, ``3.2e-9``."""
    exact = Decimal(p_value)
    rounded = exact.quantize(Decimal(1).scaleb(exact.adjusted() - DIGITS + 1), ROUND_CEILING)
    if rounded >= 1:
        return "1"
    if rounded >= Decimal("0.001"):
        return f"{rounded:f}"
    mantissa, _, exponent = f"{rounded:.1e}".partition("e")
    return f"{mantissa}e{int(exponent)}"


def evidence_data(evidence: CountEvidence) -> dict[str, object]:
    """What the script of a page needs; numbers are printed here, where their rounding is known."""
    radii = evidence.radii
    return {
        "counts": evidence.counts.tolist(),
        "pValues": [p_text(p) for p in evidence.p_values.tolist()],
        "needed": p_text(evidence.needed) if evidence.needed else "",
        "radii": None
        if radii is None
        else [floor_text(radius) if radius else "" for radius in radii.tolist()],
    }
