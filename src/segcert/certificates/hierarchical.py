"""Class trees as users call them: the finest group that can be certified at each component."""

import numpy as np
from jaxtyping import Bool

from segcert.certificates.chosen import Chosen
from segcert.certificates.family import Family
from segcert.certificates.groups import claim_groups
from segcert.certificates.result import Certificate
from segcert.sampling.counts import Counts
from segcert.stats.class_tree import ClassTree


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
    chosen = Chosen(tau, alpha, family=Family(ignore))
    return Certificate.of(claim_groups(counts, chosen, tree))
