"""Accuracy, certified accuracy, abstention and IoU, from integers that add up over a data set."""

from dataclasses import dataclass
from typing import overload

import numpy as np
from jaxtyping import Bool, Float64, Int64, Integer, Shaped

from segcert.certificates.result import Certificate
from segcert.errors import InputError
from segcert.metrics.iou import iou, mean_iou
from segcert.metrics.label_checks import comparable


@dataclass(frozen=True, eq=False)
class Score:
    """Counts of components of one or more inputs.

    Args:
        components: All components.
        certified: Certified ones among them.
        labelled: Components with a truth (not 255).
        certified_labelled: Certified ones among them.
        certified_correct: Certified ones among them that have the true class.
        confusion: Labelled components by true (row) and predicted class (column), certified or not.
    """

    components: int
    certified: int
    labelled: int
    certified_labelled: int
    certified_correct: int
    confusion: Int64[np.ndarray, " k k"]

    def plus(self, other: "Score") -> "Score":
        """Add another input."""
        return Score(
            self.components + other.components,
            self.certified + other.certified,
            self.labelled + other.labelled,
            self.certified_labelled + other.certified_labelled,
            self.certified_correct + other.certified_correct,
            self.confusion + other.confusion,
        )

    @property
    def accuracy(self) -> float:
        """Share of the labelled components with the true class, certified or not."""
        return float(np.trace(self.confusion)) / max(self.labelled, 1)

    @property
    def certified_accuracy(self) -> float:
        """Share of the labelled components that are certified and have the true class."""
        return self.certified_correct / max(self.labelled, 1)

    @property
    def abstention(self) -> float:
        """Share of the labelled components that are not certified."""
        return 1 - self.certified_labelled / max(self.labelled, 1)

    @property
    def abstention_all(self) -> float:
        """Share of all components that are not certified, labelled or not: the paper's way."""
        return 1 - self.certified / max(self.components, 1)

    @property
    def iou(self) -> Float64[np.ndarray, " k"]:
        """IoU of each class, from the summed confusion matrix; NaN for one that does not occur.

        Certified or not makes no difference here, and abstention is no class.
        """
        hits = np.diag(self.confusion)
        union = self.confusion.sum(0) + self.confusion.sum(1) - hits
        return iou(hits, union)

    @property
    def mean_iou(self) -> float:
        """Mean IoU of the classes that occur, from the summed confusion matrix."""
        return mean_iou(self.iou)


@overload
def score(
    labels: Certificate, certified: Integer[np.ndarray, " *components"], /
) -> Score: ...  # of a certificate and the truth


@overload
def score(
    labels: Integer[np.ndarray, " *components"],
    certified: Bool[np.ndarray, " *components"],
    truth: Integer[np.ndarray, " *components"],
    *,
    classes: int,
) -> Score: ...


def score(
    labels: Certificate | Integer[np.ndarray, " *components"],
    certified: Shaped[np.ndarray, " *components"],
    truth: Integer[np.ndarray, " *components"] | None = None,
    *,
    classes: int | None = None,
) -> Score:
    """Compare a certified labelling with the truth: ``score(certificate, truth)``, or its parts.

    Args:
        labels: A certificate, which is followed by the truth alone; or predicted classes.
        certified: Which of them are certified.
        truth: True classes; 255 is ignored.
        classes: Number of classes.

    Raises:
        InputError: If the shapes differ, a class does not exist, or the certificate is one of
            groups of classes (a tree).

    Source:
        docs/guarantees.md, section 9; Fischer et al. (2021), section 6.2.
    """
    if isinstance(labels, Certificate):
        if labels.tree:
            raise InputError(
                "accuracy is one of classes, and the certificate is one of groups of classes (a "
                "tree): see information_gain, or certify without one"
            )
        found = np.asarray(certified)
        return score(labels.labels, labels.certified, found, classes=labels.counts.classes)
    if truth is None or classes is None:
        raise InputError(
            "score takes a certificate and the truth, score(certificate, truth), or "
            "score(labels, certified, truth, classes=...)"
        )
    known = comparable(labels, certified, truth, classes=classes)
    pairs = truth[known].astype(np.int64) * classes + labels[known]
    confusion = np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)
    return Score(
        components=labels.size,
        certified=int(certified.sum()),
        labelled=int(known.sum()),
        certified_labelled=int((certified & known).sum()),
        certified_correct=int((certified & known & (labels == truth)).sum()),
        confusion=confusion.astype(np.int64),
    )
