"""SegCertify: one claim about all components of an input, each with a class."""

from segcert.certificates.chosen import Chosen
from segcert.certificates.claim import Claim
from segcert.certificates.family import decide, fewest_tests, tested_components
from segcert.certificates.variation import check_variation_of
from segcert.certificates.words import in_words
from segcert.sampling.counts import Counts
from segcert.stats.correction_names import check_correction, claim_in_words
from segcert.stats.levels import check_enough_draws, check_tau_alpha, levels


def claim_components(counts: Counts, chosen: Chosen) -> Claim:
    """Claim the class of each component where it provably has a probability above ``tau``.

    The guarantee is that of `segcert.certificates.segcertify.certify`.

    Args:
        counts: What was drawn.
        chosen: Without a tree.

    Raises:
        InputError: If what was chosen is out of range or does not fit the counts, or ``n`` is too
            small to certify anything.

    Source:
        Fischer, Baader, Vechev (2021), Algorithm 2 and section 5; docs/guarantees.md.
    """
    tau, alpha, correction, family = chosen.tau, chosen.alpha, chosen.correction, chosen.family
    check_tau_alpha(tau=tau, alpha=alpha)
    check_correction(correction)
    check_variation_of(counts, alpha=alpha)
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
        family=family, said=claim_in_words(correction),
    )  # fmt: skip
    return Claim(
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
