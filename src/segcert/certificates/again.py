"""Decide by what was chosen beforehand, and decide again, on other counts."""

from segcert.certificates.chosen import Chosen
from segcert.certificates.claim import Claim
from segcert.certificates.components import claim_components
from segcert.certificates.count import claim_count
from segcert.certificates.groups import claim_groups
from segcert.sampling.counts import Counts


def claim_as_chosen(counts: Counts, chosen: Chosen) -> Claim:
    """Claim classes, groups of classes where a tree was chosen, or a count.

    Raises:
        InputError: If what was chosen cannot certify these counts at all.
    """
    if chosen.count is not None:
        return claim_count(counts, chosen, chosen.count)
    if chosen.tree is not None:
        return claim_groups(counts, chosen, chosen.tree)
    return claim_components(counts, chosen)


def decided_again(claim: Claim, counts: Counts) -> Claim:
    """Decide on other counts by everything that was chosen beforehand for a claim.

    Args:
        claim: Its threshold, alpha, correction, family and tree are taken.
        counts: Of the same components and number of draws.

    Raises:
        InputError: If what was chosen cannot certify these counts at all.
    """
    return claim_as_chosen(counts, claim.chosen)


def certified_in_both(claim: Claim, again: Claim) -> int:
    """Count the components that both certify, with the same label."""
    both = claim.certified & again.certified & (claim.labels == again.labels)
    return int(both.sum())
