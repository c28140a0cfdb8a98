"""One claim about all components of an input, each with the finest group that can be certified."""

from segcert.certificates.chosen import Chosen
from segcert.certificates.claim import Claim
from segcert.certificates.components import largest_n
from segcert.certificates.family import Family, tested_components
from segcert.certificates.hierarchies import check_class_names
from segcert.certificates.variation import check_variation_of
from segcert.certificates.words import in_words
from segcert.errors import InputError
from segcert.sampling.counts import Counts
from segcert.stats.bonferroni import bonferroni
from segcert.stats.class_tree import ClassTree, deepest_node, tree_threshold
from segcert.stats.levels import check_tau_alpha
from segcert.stats.sequential import Anytime


def claim_groups(counts: Counts, chosen: Chosen, tree: ClassTree) -> Claim:
    """Claim, at each component, the deepest node of a class tree that can be certified.

    The guarantee is that of `segcert.certificates.hierarchical.certify_tree`.

    Args:
        counts: What was drawn without pilot.
        chosen: Its correction is not asked, as trees have one of their own; of its family, only
            what is ignored counts.
        tree: The classes of the model and their groups.

    Raises:
        InputError: If there was a pilot, the classes are others, or ``n`` is too small.

    Source:
        docs/guarantees.md, section 5; docs/decisions/0008.
    """
    tau, alpha, family = chosen.tau, chosen.alpha, Family(chosen.family.ignore)
    check_tau_alpha(tau=tau, alpha=alpha)
    check_variation_of(counts, alpha=alpha)
    if counts.class_counts is None:
        raise InputError("a class tree needs the counts of all classes: sample with n0 = 0")
    if isinstance(counts.sequential, Anytime):
        raise InputError("a class tree cannot stop at any time: use planned looks")
    check_class_names(tree, counts.class_names)
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
    return Claim(
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
