"""Certify the finest group of classes that can be certified, at each component."""

import numpy as np
from jaxtyping import Bool

from segcert.certificates.family import Family, tested_components
from segcert.certificates.hierarchies import check_class_names
from segcert.certificates.result import Certificate
from segcert.certificates.segcertify import largest_n
from segcert.certificates.variation import check_variation_of
from segcert.certificates.words import in_words
from segcert.errors import InputError
from segcert.sampling.counts import Counts
from segcert.stats.bonferroni import bonferroni
from segcert.stats.class_tree import ClassTree, deepest_node, tree_threshold
from segcert.stats.levels import check_tau_alpha
from segcert.stats.sequential import Anytime


def certify_tree(
    counts: Counts,
    tree: ClassTree,
    *,
    tau: float,
    alpha: float = 1e-3,
    ignore: Bool[np.ndarray, " *components"] | None = None,
) -> Certificate:
    """Certify, at each component, the deepest node of a class tree that can be certified.

    With confidence ``1 - alpha`` for the whole statement, the base model's class lies in the
    printed group with a probability above one half within the radius. Where only the root can be
    certified, which says nothing, the component abstains.

    Args:
        counts: What `sample` returned with ``n0 = 0``: the counts of all classes are needed.
        tree: The classes of the model and their groups; see `open_hierarchy`.
        tau: Probability threshold, in [1/2, 1).
        alpha: Allowed probability that the whole statement is wrong, in (0, 1).
        ignore: Components that are not tested.

    Returns:
        The certificate; its labels are nodes of the tree.

    Raises:
        InputError: If there was a pilot, the classes are others, or ``n`` is too small.

    Source:
        docs/guarantees.md, section 5; docs/decisions/0008; after Anani, Lorenz, Schiele, Fritz
        (2024), whose thresholds it needs none of.
    """
    check_tau_alpha(tau=tau, alpha=alpha)
    check_variation_of(counts, alpha=alpha)
    if counts.class_counts is None:
        raise InputError("a class tree needs the counts of all classes: sample with n0 = 0")
    if isinstance(counts.sequential, Anytime):
        raise InputError("a class tree cannot stop at any time: use planned looks")
    check_class_names(tree, counts.class_names)
    family = Family(ignore)
    family.check(counts)
    level = counts.sequential.level(alpha=alpha) if counts.sequential else alpha
    components = tested_components(family, counts)
    most = largest_n(counts)
    if tree_threshold(components, most, tau=tau, alpha=level) > most:
        raise InputError(
            f"n = {most} draws cannot certify any of {components} components at tau = {tau}, "
            f"alpha = {alpha} by a class tree: use more draws, or a smaller tau"
        )
    threshold = tree_threshold(components, counts.n, tau=tau, alpha=level)
    nodes = deepest_node(tree, counts.class_counts, n=counts.n, threshold=threshold)
    certified = (nodes != tree.root) & family.tested(counts)
    radius = counts.noise.radius(tau)
    return Certificate(
        counts=counts,
        labels=nodes,
        certified=certified,
        tau=tau,
        alpha=alpha,
        correction=bonferroni,
        family=family,
        tree=tree,
        threshold=threshold,
        radius=radius,
        statement=in_words(counts, certified, radius=radius, alpha=alpha, tree=True, family=family),
    )
