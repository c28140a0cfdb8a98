"""Trees of classes: certify the finest group of classes that can be certified.

If a class is too rare under the noise, a group that holds it may still be frequent: not "car",
but "vehicle". One count threshold serves all groups of a component at once, because the groups
that must not be certified lie inside disjoint ones (docs/decisions/0008).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int16, Int64, Integer

from segcert.errors import InputError
from segcert.stats.levels import check_tau_alpha
from segcert.stats.p_values import no_pilot_p_values

MOST_NODES = 2**15 - 1


@dataclass(frozen=True)
class ClassTree:
    """Classes, groups of classes, groups of groups, up to a root that holds them all.

    Nodes are numbered: first the leaves, which are the classes of the model in its order, then
    the groups, each after its members; the root is last.

    Args:
        names: Name of each node.
        parents: Number of the group that holds each node; the root has its own.

    Raises:
        InputError: If that is no tree in this order, a group has fewer than two members, or two
            nodes share a name.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]

    def __post_init__(self) -> None:
        """Check the tree."""
        check_tree(self.names, self.parents)

    @property
    def root(self) -> int:
        """Number of the root; a component that gets it is not certified."""
        return len(self.parents) - 1

    @property
    def classes(self) -> int:
        """Number of leaves, which are the classes of the model."""
        return min(self.parents)

    @property
    def covers(self) -> Bool[np.ndarray, " nodes k"]:
        """Which classes each node holds."""
        covers = np.zeros((self.root + 1, self.classes), dtype=bool)
        np.fill_diagonal(covers, True)
        for node, parent in enumerate(self.parents):  # members come before their group
            covers[parent] |= covers[node]
        return covers


def check_tree(names: tuple[str, ...], parents: tuple[int, ...]) -> None:
    """Refuse what is no tree of classes; see `ClassTree`.

    Raises:
        InputError: With the rule that is broken.
    """
    if len(names) != len(parents):
        raise InputError(f"a class tree has {len(names)} names, but {len(parents)} parents")
    if len(parents) > MOST_NODES:
        raise InputError(
            f"a class tree has at most {MOST_NODES} classes and groups, got {len(parents)}: their "
            "numbers are 16-bit integers"
        )
    if len(set(names)) < len(names) or not all(names):
        twice = sorted({name for name in names if names.count(name) > 1 or not name})
        raise InputError(f"names in a class tree must differ and not be empty, got {twice}")
    root = len(parents) - 1
    if root < 2 or parents[root] != root:
        raise InputError("a class tree has two classes or more, and a root as its last node")
    for node, parent in enumerate(parents[:-1]):
        if not node < parent <= root:
            raise InputError(
                f"node {node} ({names[node]!r}) of a class tree must come before the group that "
                f"holds it, and that group must exist: got parent {parent}"
            )
    members = np.bincount(parents[:-1], minlength=root + 1)
    for node in range(min(parents), root + 1):
        if members[node] < 2:
            raise InputError(
                f"node {node} ({names[node]!r}) of a class tree follows a group and has "
                f"{members[node]} members: classes come first, groups have two members or more"
            )


def tree_threshold(components: int, n: int, *, tau: float, alpha: float) -> int:
    """Smallest count that certifies a node of a class tree; it depends on nothing sampled.

    With `deepest_node`, the probability that one or more of the components get a node of
    probability at most ``tau`` is at most ``alpha``, for any tree and whatever the dependence
    between the components.

    Args:
        components: Number of components, N, at least 1.
        n: Draws, at least 1; all of them are counted, there is no pilot.
        tau: Probability threshold, in [1/2, 1).
        alpha: Allowed probability that the whole statement is wrong, in (0, 1).

    Returns:
        The smallest count whose p-value is at most ``alpha / N``; n + 1 if none.

    Raises:
        InputError: If an argument is out of range.

    Source:
        docs/guarantees.md, section 5; proof in docs/decisions/0008.
    """
    check_tau_alpha(tau=tau, alpha=alpha)
    if components < 1 or n < 1:
        raise InputError(f"components and n must be at least 1, got {components} and {n}")
    passing = np.flatnonzero(no_pilot_p_values(n, tau=tau) <= alpha / components)
    return int(passing[0]) if len(passing) else n + 1


def deepest_node(
    tree: ClassTree,
    class_counts: Integer[np.ndarray, " k *components"],
    *,
    n: int,
    threshold: int,
) -> Int16[np.ndarray, " *components"]:
    """Find the deepest node of each component that is counted often enough.

    Two nodes with more than n/2 of the draws share draws, so one holds the other: those at or
    above the threshold form a chain, and the deepest of them is the one with the smallest number.

    Args:
        tree: The classes and their groups.
        class_counts: How many of the draws gave each class, at each component.
        n: Number of draws.
        threshold: Smallest count that certifies, from `tree_threshold`; above n/2.

    Returns:
        Number of the node; that of the root where nothing is certified.

    Raises:
        InputError: If the counts do not fit the tree or n, or the threshold is not above n/2.

    Source:
        docs/guarantees.md, section 5; docs/decisions/0008.
    """
    if class_counts.shape[0] != tree.classes:
        raise InputError(f"counts of {class_counts.shape[0]} classes, the tree has {tree.classes}")
    if 2 * threshold <= n:
        raise InputError(f"threshold must be above n/2 = {n / 2:g}, got {threshold}")
    drawn = node_count(tree, class_counts, tree.root)
    if drawn.size and drawn.max() > n:
        raise InputError(f"a component has {drawn.max()} counts, but there are n = {n} draws")
    found = np.full(class_counts.shape[1:], tree.root, dtype=np.int16)
    for node in reversed(range(tree.root)):
        found[node_count(tree, class_counts, node) >= threshold] = node
    return found


def node_count(
    tree: ClassTree, class_counts: Integer[np.ndarray, " k *components"], node: int
) -> Int64[np.ndarray, " *components"]:
    """Count the draws that gave any class of a node, at each component."""
    total = np.zeros(class_counts.shape[1:], dtype=np.int64)
    for leaf in np.flatnonzero(tree.covers[node]):
        total += class_counts[leaf]
    return total
