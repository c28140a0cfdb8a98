"""SegCertify: one statement about all components of an input."""

from segcert.certificates.result import Certificate
from segcert.errors import InputError
from segcert.sampling.counts import Counts
from segcert.stats.fwer import CORRECTIONS, Correction, holm
from segcert.stats.levels import check_enough_draws, check_tau_alpha, levels
from segcert.text import confidence_text, floor_text


def certify(
    counts: Counts, *, tau: float, alpha: float = 1e-3, correction: Correction = holm
) -> Certificate:
    """Certify the components whose class provably has a probability above ``tau``.

    The whole statement is wrong with a probability of at most ``alpha``, over the draws,
    whatever the dependence between the components. ``tau``, ``alpha``, ``n`` and the correction
    must be chosen before the counts are seen.

    Args:
        counts: What `sample` returned.
        tau: Probability threshold, in [1/2, 1); the radius grows with it.
        alpha: Allowed probability that the whole statement is wrong, in (0, 1).
        correction: `holm` or `bonferroni`.

    Returns:
        The certificate.

    Raises:
        InputError: If an argument is out of range, or ``n`` too small to certify anything.

    Source:
        Fischer, Baader, Vechev (2021), Algorithm 2 and section 5; Holm (1979).
    """
    check_tau_alpha(tau=tau, alpha=alpha)
    if correction not in CORRECTIONS.values():
        raise InputError(f"correction must be one of {', '.join(CORRECTIONS)}, got {correction!r}")
    pilot = counts.n0 > 0
    check_enough_draws(counts.components, counts.n, tau=tau, alpha=alpha, pilot=pilot)
    given = levels(counts.components, counts.n, tau=tau, alpha=alpha, pilot=pilot)
    threshold = correction(given.p_values, counts.histogram, alpha=given.alpha)
    radius = counts.noise.radius(tau)
    return Certificate(
        counts=counts,
        tau=tau,
        alpha=alpha,
        correction=correction.__name__,
        threshold=threshold,
        radius=radius,
        statement=in_words(counts, threshold=threshold, radius=radius, alpha=alpha),
    )


def in_words(counts: Counts, *, threshold: int, radius: float, alpha: float) -> str:
    """Say what is certified, no more.

    Source:
        docs/guarantees.md, section 1.
    """
    certified = int(counts.histogram[threshold:].sum())
    noise = counts.noise
    return (
        f"With confidence {confidence_text(alpha)} (for the whole statement): at each of the "
        f"{certified} certified components of {counts.components}, the class printed is the class "
        f"of the smoothed model for every perturbation of this input of {noise.norm} norm at most "
        f"{floor_text(radius)} ({noise.unit}). The smoothed model gives the most probable class of "
        f"{counts.provenance.model} under {noise.description}. A deployment that abstains returns "
        "the class printed or abstains, never another class; a fresh Monte-Carlo run of it adds "
        f"its own error {alpha!r}. Nothing is said about the other components."
    )
