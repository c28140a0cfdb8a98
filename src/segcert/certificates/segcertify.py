"""SegCertify as users call it: the certificate of one input, a class at each component."""

import numpy as np
from jaxtyping import Bool, Integer

from segcert.certificates.chosen import Chosen
from segcert.certificates.components import claim_components
from segcert.certificates.family import Family
from segcert.certificates.result import Certificate
from segcert.sampling.counts import Counts
from segcert.stats.correction import AbstractCorrection
from segcert.stats.correction_names import as_correction
from segcert.stats.holm import holm
from segcert.stats.regions import Blocks


def certify(
    counts: Counts,
    *,
    tau: float,
    alpha: float = 1e-3,
    correction: AbstractCorrection | str = holm,
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
        correction: `holm`, `bonferroni`, `Ordered`, `Capped` or `KFwer`, one of your own (see
            `AbstractCorrection`), or a text as on the command line, such as "ordered".
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
    chosen = Chosen(tau, alpha, as_correction(correction), Family(ignore, drop_below, regions))
    return Certificate.of(claim_components(counts, chosen))
