"""SegCertify: one statement about all components of an input."""

import numpy as np
from jaxtyping import Bool, Integer

from segcert.certificates.family import Family, decide, fewest_tests, tested_components
from segcert.certificates.result import Certificate
from segcert.certificates.variation import check_variation_of
from segcert.certificates.words import in_words
from segcert.sampling.counts import Counts
from segcert.stats.correction import AbstractCorrection
from segcert.stats.corrections import check_correction
from segcert.stats.holm import holm
from segcert.stats.levels import check_enough_draws, check_tau_alpha, levels
from segcert.stats.regions import Blocks


def certify(
    counts: Counts,
    *,
    tau: float,
    alpha: float = 1e-3,
    correction: AbstractCorrection = holm,
    ignore: Bool[np.ndarray, " *components"] | None = None,
    drop_below: float | None = None,
    regions: Blocks | Integer[np.ndarray, " *components"] | None = None,
) -> Certificate:
    """Certify the components whose class provably has a probability above ``tau``.

    The whole statement is wrong with a probability of at most ``alpha``, over the draws,
    whatever the dependence between the components. Every argument must be chosen before the
    counts are seen; ``ignore`` and ``regions`` may depend on the input and the pilot draws, never
    on the counts that are tested (without pilot, these are all): the statement says so.

    Args:
        counts: What `sample` returned.
        tau: Probability threshold, in [1/2, 1); the radius grows with it.
        alpha: Allowed probability that the whole statement is wrong, in (0, 1).
        correction: `holm`, `bonferroni`, `Ordered`, `Capped` or `KFwer`.
        ignore: Components that are not tested.
        drop_below: Components whose pilot promises less (mean softmax margin over its spread) are
            not tested.
        regions: Components that are certified together or not at all: `Blocks` or a number each.

    Returns:
        The certificate.

    Raises:
        InputError: If an argument is out of range or not valid, or ``n`` too small to certify
            anything.

    Source:
        Fischer, Baader, Vechev (2021), Algorithm 2 and section 5; docs/guarantees.md.
    """
    check_tau_alpha(tau=tau, alpha=alpha)
    check_correction(correction)
    check_variation_of(counts, alpha=alpha)
    family = Family(ignore, drop_below, regions)
    family.check(counts)
    pilot, sequential = counts.n0 > 0, counts.sequential
    tested = tested_components(family, counts)
    check_enough_draws(
        tested, largest_n(counts), tau=tau, alpha=alpha, pilot=pilot, correction=correction,
        sequential=sequential, tests=fewest_tests(family, counts.labels.shape),
    )  # fmt: skip
    given = levels(tested, counts.n, tau=tau, alpha=alpha, pilot=pilot, sequential=sequential)
    certified, threshold = decide(counts, family, correction, given)
    radius = counts.noise.radius(tau)
    statement = in_words(
        counts, certified, radius=radius, alpha=alpha, errors=correction.errors_allowed,
        family=family,
    )  # fmt: skip
    return Certificate(
        counts=counts,
        labels=counts.labels,
        certified=certified,
        tau=tau,
        alpha=alpha,
        correction=correction,
        family=family,
        tree=None,
        threshold=threshold,
        radius=radius,
        statement=statement,
    )


def largest_n(counts: Counts) -> int:
    """Draws that could have been counted: more than were, if sampling stopped early."""
    return counts.n if counts.sequential is None else counts.sequential.at[-1]
