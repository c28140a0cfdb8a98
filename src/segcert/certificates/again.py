"""Decide again: the plan of a certificate, applied to other counts."""

from segcert.certificates.hierarchical import certify_tree
from segcert.certificates.result import Certificate
from segcert.certificates.segcertify import certify
from segcert.sampling.counts import Counts


def decided_again(certificate: Certificate, counts: Counts) -> Certificate:
    """Certify other counts by everything that a certificate says was chosen beforehand.

    Args:
        certificate: Its threshold, alpha, correction, family and tree are taken.
        counts: Of the same components and number of draws.

    Raises:
        InputError: If the plan cannot certify these counts at all.
    """
    family, tau, alpha = certificate.family, certificate.tau, certificate.alpha
    if certificate.tree is not None:
        return certify_tree(counts, certificate.tree, tau=tau, alpha=alpha, ignore=family.ignore)
    return certify(
        counts,
        tau=tau,
        alpha=alpha,
        correction=certificate.correction,
        ignore=family.ignore,
        drop_below=family.drop_below,
        regions=family.regions,
    )


def certified_in_both(certificate: Certificate, again: Certificate) -> int:
    """Count the components that both certify, with the same label."""
    both = certificate.certified & again.certified & (certificate.labels == again.labels)
    return int(both.sum())
