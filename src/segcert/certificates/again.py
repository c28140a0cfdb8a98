"""Decide by what was chosen beforehand, and decide again, on other counts."""

from segcert.certificates.family import Family
from segcert.certificates.hierarchical import certify_tree
from segcert.certificates.result import Certificate
from segcert.certificates.segcertify import certify
from segcert.sampling.counts import Counts
from segcert.stats.class_tree import ClassTree
from segcert.stats.correction import AbstractCorrection


def certify_as_planned(
    counts: Counts,
    *,
    tau: float,
    alpha: float,
    correction: AbstractCorrection,
    family: Family,
    tree: ClassTree | None,
) -> Certificate:
    """Certify classes, or groups of classes where a tree was chosen.

    Args:
        counts: What was drawn.
        tau: Probability threshold, in [1/2, 1).
        alpha: Allowed probability that the whole statement is wrong.
        correction: For many tests; trees have one of their own.
        family: What is tested.
        tree: Classes and their groups, or None.

    Raises:
        InputError: If the plan cannot certify these counts at all.
    """
    if tree is not None:
        return certify_tree(counts, tree, tau=tau, alpha=alpha, ignore=family.ignore)
    return certify(
        counts,
        tau=tau,
        alpha=alpha,
        correction=correction,
        ignore=family.ignore,
        drop_below=family.drop_below,
        regions=family.regions,
    )


def decided_again(certificate: Certificate, counts: Counts) -> Certificate:
    """Certify other counts by everything that a certificate says was chosen beforehand.

    Args:
        certificate: Its threshold, alpha, correction, family and tree are taken.
        counts: Of the same components and number of draws.

    Raises:
        InputError: If the plan cannot certify these counts at all.
    """
    return certify_as_planned(
        counts,
        tau=certificate.tau,
        alpha=certificate.alpha,
        correction=certificate.correction,
        family=certificate.family,
        tree=certificate.tree,
    )


def certified_in_both(certificate: Certificate, again: Certificate) -> int:
    """Count the components that both certify, with the same label."""
    both = certificate.certified & again.certified & (certificate.labels == again.labels)
    return int(both.sum())
