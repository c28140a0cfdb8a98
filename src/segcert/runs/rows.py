"""One row of an evaluation: integers about one input at one setting, which add up exactly."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

import numpy as np
from jaxtyping import Int64, Integer

from segcert.certificates.claim import Claim
from segcert.inputs.kind import InputKind
from segcert.inputs.labels import IGNORE
from segcert.metrics.part_iou import PartIou, part_iou, shape_category, shape_iou
from segcert.metrics.score import Score, score
from segcert.metrics.worst_case import WorstCase

MOST_CLASSES = 1 << 12  # of a matrix that is read


@dataclass(frozen=True, eq=False)
class Row:
    """Counts of the components of one input at one setting.

    Args:
        number: Of the input in the data set, from 0.
        name: Of the input.
        input_sha256: Hash of the input.
        setting: Number of the setting, from 0.
        components: All components.
        certified: Certified ones among them.
        confusion: Labelled components by true (row) and predicted class (column).
        certified_confusion: The same of the certified ones only.
        threshold: Smallest count that can be certified; n + 1 if none.
        invalid: Labels lost to NaN or infinite scores, in the draws of this row.
        seconds: Time until the draws of this row were made and certified.
    """

    number: int
    name: str
    input_sha256: str
    setting: int
    components: int
    certified: int
    confusion: Int64[np.ndarray, " k k"]
    certified_confusion: Int64[np.ndarray, " k k"]
    threshold: int
    invalid: int
    seconds: float

    @property
    def score(self) -> Score:
        """What the metrics of a certified labelling are made of."""
        return Score(
            components=self.components,
            certified=self.certified,
            labelled=int(self.confusion.sum()),
            certified_labelled=int(self.certified_confusion.sum()),
            certified_correct=int(np.trace(self.certified_confusion)),
            confusion=self.confusion,
        )

    @property
    def category(self) -> int:
        """Category of a cloud, from its true parts."""
        return shape_category(self.confusion)

    @property
    def shape_iou(self) -> float:
        """Mean IoU of a cloud over the parts of its category, certified or not."""
        return shape_iou(self.confusion)

    @property
    def worst_case(self) -> WorstCase:
        """What the metrics under any attack are made of."""
        truth, hits = self.confusion.sum(1), np.diag(self.certified_confusion)
        return WorstCase(
            truth=truth,
            hits=hits,
            false_hits=self.certified_confusion.sum(0) - hits,
            uncertified=truth - self.certified_confusion.sum(1),
        )


def row_of(
    claim: Claim,
    truth: Integer[np.ndarray, " *components"],
    *,
    number: int,
    name: str,
    setting: int,
    seconds: float,
) -> Row:
    """Compare what is certified, or of a count what passed, with the truth.

    Raises:
        InputError: If the shapes differ or a class does not exist.
    """
    counts, certified = claim.counts, claim.certified
    labels, classes = claim.labels, counts.classes
    whole = score(labels, certified, truth, classes=classes)
    part = score(labels, certified, np.where(certified, truth, IGNORE), classes=classes)
    return Row(
        number=number,
        name=name,
        input_sha256=claim.provenance.input_sha256,
        setting=setting,
        components=whole.components,
        certified=whole.certified,
        confusion=whole.confusion,
        certified_confusion=part.confusion,
        threshold=claim.threshold,
        invalid=counts.invalid,
        seconds=seconds,
    )


@dataclass(frozen=True, eq=False)
class Totals:
    """All rows of one setting, added up.

    Args:
        inputs: Number of inputs.
        score: Sum of their scores.
        worst_case: Sum of what attacks can change.
        invalid: Labels lost to NaN or infinite scores.
        seconds: Time of all.
        parts: IoU of the parts of shapes, of clouds.
    """

    inputs: int
    score: Score
    worst_case: WorstCase
    invalid: int
    seconds: float
    parts: PartIou | None = None


def add_up(rows: Iterable[Row], kind: InputKind) -> Totals:
    """Add up the rows of one setting; there must be one at least.

    Args:
        rows: Of one setting.
        kind: Of the inputs.
    """
    found = list(rows)
    return Totals(
        inputs=len(found),
        score=reduce(Score.plus, (row.score for row in found)),
        worst_case=reduce(WorstCase.plus, (row.worst_case for row in found)),
        invalid=sum(row.invalid for row in found),
        seconds=sum(row.seconds for row in found),
        parts=part_iou([row.confusion for row in found]) if kind.has_categories else None,
    )


def to_json(matrix: Int64[np.ndarray, " k k"]) -> str:
    """Write a matrix as its size and its entries that are not 0: ``[k, [row, column, count]...]``.

    SQLite's own ``json_each`` reads it.
    """
    places = np.argwhere(matrix)
    entries = [[int(i), int(j), int(matrix[i, j])] for i, j in places]
    return json.dumps([len(matrix), *entries], separators=(",", ":"))


def from_json(text: str) -> Int64[np.ndarray, " k k"]:
    """Read what `to_json` wrote.

    Raises:
        ValueError: If it is something else.
        TypeError: If it is something else.
    """
    size, *entries = json.loads(text)
    if type(size) is not int or not 0 < size <= MOST_CLASSES:
        raise ValueError(f"a matrix of 1 to {MOST_CLASSES} classes, got {size!r}")
    matrix = np.zeros((size, size), dtype=np.int64)
    for i, j, count in entries:
        if not all(type(part) is int for part in (i, j, count)):
            raise TypeError(f"entries are three integers, got {(i, j, count)!r}")
        if not (0 <= i < size and 0 <= j < size and 0 < count < 1 << 63):
            raise ValueError(f"entry {(i, j, count)} lies outside of {size} classes")
        matrix[i, j] = count
    return matrix
