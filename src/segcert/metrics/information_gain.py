"""Certified information gain: how much certified nodes of a class tree say, if they are right."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64, Integer

from segcert.errors import InputError
from segcert.metrics.label_checks import labelled
from segcert.stats.class_tree import ClassTree


@dataclass(frozen=True, eq=False)
class InformationGain:
    """Labelled components of one or more inputs, by true class and certified node.

    Args:
        tree: The classes and their groups.
        outcomes: Components by true class (row) and node (column); those of the root are not
            certified.
    """

    tree: ClassTree
    outcomes: Int64[np.ndarray, " k nodes"]

    def plus(self, other: "InformationGain") -> "InformationGain":
        """Add another input.

        Raises:
            InputError: If its classes or groups are others.
        """
        if self.tree != other.tree:
            raise InputError("information gains of different class trees cannot be added")
        return InformationGain(self.tree, self.outcomes + other.outcomes)

    @property
    def correct(self) -> Int64[np.ndarray, " k nodes"]:
        """The components whose node holds the true class; with the root, which always does."""
        return np.where(self.tree.covers.T, self.outcomes, 0)

    @property
    def gain(self) -> float:
        """Certified information gain (CIG), in [0, 1].

        A component whose certified node holds the true class counts ``1 - log(size) / log(K)``,
        where size is the number of classes of the node: 1 for a class, 0 for the root. Any other
        component counts 0. The mean is over the labelled components. With classes and root alone
        it is the certified accuracy.

        Source:
            Anani, Lorenz, Schiele, Fritz (2024), "Adaptive hierarchical certification for
            segmentation using randomized smoothing", definition of CIG.
        """
        return float((self.correct @ worth(self.tree)).sum()) / max(int(self.outcomes.sum()), 1)

    @property
    def class_gain(self) -> float:
        """Mean over the true classes that occur of the gain of their components (cCIG).

        Source:
            As `gain`; there the mean is over all classes.
        """
        components = self.outcomes.sum(1)
        occurs = components > 0
        gains = (self.correct @ worth(self.tree))[occurs] / components[occurs]
        return float(gains.mean()) if gains.size else 0.0

    @property
    def certified_accuracy(self) -> float:
        """Share of the labelled components with a certified node that holds the true class."""
        right = self.correct[:, : self.tree.root].sum()
        return float(right) / max(int(self.outcomes.sum()), 1)

    @property
    def abstention(self) -> float:
        """Share of the labelled components at which nothing is certified."""
        certified = self.outcomes[:, : self.tree.root].sum()
        return 1 - float(certified) / max(int(self.outcomes.sum()), 1)


def worth(tree: ClassTree) -> Float64[np.ndarray, " nodes"]:
    """What a right node is worth: ``1 - log(size) / log(K)``."""
    gains: np.ndarray = 1 - np.log(tree.covers.sum(1)) / np.log(tree.classes)
    return gains


def information_gain(
    nodes: Integer[np.ndarray, " *components"],
    truth: Integer[np.ndarray, " *components"],
    *,
    tree: ClassTree,
) -> InformationGain:
    """Compare the certified nodes of one input with the truth.

    Args:
        nodes: Certified node of each component, from `deepest_node`; the root where nothing is.
        truth: True classes; 255 is ignored.
        tree: The classes and their groups.

    Raises:
        InputError: If the shapes differ, or a class or a node does not exist.
    """
    if nodes.size and not 0 <= int(nodes.min()) <= int(nodes.max()) <= tree.root:
        raise InputError(f"nodes must be 0 to {tree.root}, got {nodes.min()} to {nodes.max()}")
    if nodes.shape != truth.shape:
        raise InputError(f"nodes have shape {nodes.shape}, the truth has {truth.shape}")
    known = labelled(truth, classes=tree.classes)
    size = tree.root + 1
    pairs = truth[known].astype(np.int64) * size + nodes[known]
    outcomes = np.bincount(pairs, minlength=tree.classes * size).reshape(tree.classes, size)
    return InformationGain(tree, outcomes.astype(np.int64))
