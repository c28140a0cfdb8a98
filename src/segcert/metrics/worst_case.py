"""Accuracy and IoU under any attack in the certified ball, from integers that add up.

All certified components of an input hold jointly, so an attacked labelling differs from the
certified one at uncertified components only. There it may be anything. A correction that allows
errors (k-FWER) breaks the first sentence: its certificates have no such bounds.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64, Integer

from segcert.certificates.result import Certificate
from segcert.errors import InputError
from segcert.metrics.iou import iou, mean_iou
from segcert.metrics.label_checks import comparable


@dataclass(frozen=True, eq=False)
class WorstCase:
    """What an attack on one or more inputs can change, in counts of labelled components.

    ``alpha`` is per input: what is summed over M inputs is wrong with up to ``M alpha``.

    The figures hold for the smoothed model (the most probable class under the noise) and any
    perturbation in the certified ball of each input, with confidence ``1 - alpha`` *per input*;
    also if it abstains where nothing is certified. A deployment that may abstain at certified
    components, too, loses hits there, and only this holds for it: at most the share
    ``1 - accuracy`` of the labelled components gets a class that is not the true one. (Within
    `Certificate.radius_no_abstain` it does not abstain.)

    Args:
        truth: Components of each true class.
        hits: Certified ones with the true class, by class.
        false_hits: Certified ones with another class than the true one, by the certified class.
        uncertified: Uncertified ones, by true class.
    """

    truth: Int64[np.ndarray, " k"]
    hits: Int64[np.ndarray, " k"]
    false_hits: Int64[np.ndarray, " k"]
    uncertified: Int64[np.ndarray, " k"]

    def plus(self, other: "WorstCase") -> "WorstCase":
        """Add another input, which is attacked in its own ball."""
        return WorstCase(
            self.truth + other.truth,
            self.hits + other.hits,
            self.false_hits + other.false_hits,
            self.uncertified + other.uncertified,
        )

    @property
    def accuracy(self) -> float:
        """Smallest share of labelled components with the true class: the certified accuracy."""
        return float(self.hits.sum()) / max(int(self.truth.sum()), 1)

    @property
    def best_accuracy(self) -> float:
        """Largest share of labelled components with the true class."""
        possible = self.hits.sum() + self.uncertified.sum()
        return float(possible) / max(int(self.truth.sum()), 1)

    @property
    def iou(self) -> Float64[np.ndarray, " k"]:
        """Smallest IoU of each class; NaN for a class that cannot occur.

        ``TP / (GT + FP + U)``, where U counts the uncertified components of other classes: an
        attack that misses every uncertified component of the class, and gives the class to all
        others, attains it. It is attained for each class by itself, in general not for several
        at once.

        Source:
            docs/guarantees.md, section 9; proof in docs/decisions/0008.
        """
        others = self.uncertified.sum() - self.uncertified
        return iou(self.hits, self.truth + self.false_hits + others)

    @property
    def best_iou(self) -> Float64[np.ndarray, " k"]:
        """Largest IoU of each class, ``(TP + V) / (GT + FP)``; NaN for one that need not occur.

        V counts the uncertified components of the class.
        """
        return iou(self.hits + self.uncertified, self.truth + self.false_hits)

    @property
    def mean_iou(self) -> float:
        """Lower bound of the mean IoU under any attack: the mean of the smallest IoUs.

        The mean is over the classes that occur, or that an attack can make occur. It is a bound,
        in general not attained: no attack is the worst one for every class.
        """
        return mean_iou(self.iou)

    @property
    def best_mean_iou(self) -> float:
        """Upper bound of the mean IoU under any attack: the mean of the largest IoUs."""
        return mean_iou(self.best_iou)


def worst_case(certificate: Certificate, truth: Integer[np.ndarray, " *components"]) -> WorstCase:
    """Count what an attack on one input within the radius of its certificate can change.

    Right with confidence ``1 - alpha`` of the certificate, for this input: sums over M inputs
    (`WorstCase.plus`) are right with ``1 - M alpha``.

    Args:
        certificate: Of the input.
        truth: True classes; 255 is ignored.

    Raises:
        InputError: If the certificate allows errors or certifies groups of classes, the shapes
            differ, or a class does not exist.

    Source:
        docs/guarantees.md, section 9.
    """
    allowed = certificate.correction.errors_allowed
    if allowed:
        raise InputError(
            f"a worst case needs every certified component to hold, but the certificate "
            f"({certificate.correction}) allows {allowed} errors: certify with a correction that "
            "allows none, such as holm"
        )
    if certificate.tree:
        raise InputError(
            "a worst case is one of classes, and the certificate is one of groups of classes (a "
            "tree): certify without one"
        )
    return worst_of_labels(
        certificate.labels, certificate.certified, truth, classes=certificate.counts.classes
    )


def worst_of_labels(
    labels: Integer[np.ndarray, " *components"],
    certified: Bool[np.ndarray, " *components"],
    truth: Integer[np.ndarray, " *components"],
    *,
    classes: int,
) -> WorstCase:
    """Count what an attack on one input can change, where every certified label holds.

    Args:
        labels: Classes; what they are at uncertified components does not matter.
        certified: Which of them are certified.
        truth: True classes; 255 is ignored.
        classes: Number of classes.

    Raises:
        InputError: If the shapes differ or a class does not exist.

    Source:
        docs/guarantees.md, section 9.
    """
    known = comparable(labels, certified, truth, classes=classes)
    right = labels == truth

    def by_class(values: np.ndarray, where: np.ndarray) -> np.ndarray:
        return np.bincount(values[where], minlength=classes).astype(np.int64)

    return WorstCase(
        truth=by_class(truth, known),
        hits=by_class(truth, known & certified & right),
        false_hits=by_class(labels, known & certified & ~right),
        uncertified=by_class(truth, known & ~certified),
    )
