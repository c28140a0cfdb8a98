"""What arrays of counts may be: by their headers, and then by what draws can give.

``counts.npz`` holds exactly the arrays that its record calls for, in the smallest types that hold
them. All that is checked is what no run can give; that the draws were made is not seen here.
"""

import math
from collections.abc import Mapping

import numpy as np

from segcert.arrays import Declared
from segcert.certificates.records import TodaysRecord
from segcert.errors import InputError
from segcert.inputs.kind import components_of
from segcert.noise.base import AbstractNoise
from segcert.sampling.counts import MOST_CLASS_COUNTS
from segcert.sampling.fingerprints import check_distinct

Arrays = Mapping[str, np.ndarray]
Expected = tuple[tuple[int, ...], np.dtype]

MOST_BYTES = 4 * MOST_CLASS_COUNTS  # of all arrays
HEADERS = 1 << 14  # bytes


def expected(record: TodaysRecord) -> dict[str, Expected]:
    """Shape and type of each array that must be there."""
    chosen = record.parameters
    shape = components_of(tuple(record.provenance.input_shape))
    counted = np.min_scalar_type(chosen.n)
    found: dict[str, Expected] = {
        "labels": (shape, np.min_scalar_type(record.model.classes - 1)),
        "hits": (shape, counted),
        "pilot_fingerprints": ((chosen.n0,), np.dtype(np.uint64)),
        "test_fingerprints": ((chosen.n,), np.dtype(np.uint64)),
    }
    if chosen.n0:
        found["pilot_hits"] = (shape, np.min_scalar_type(chosen.n0))
    else:
        found["class_counts"] = ((record.model.classes, *shape), counted)
    return found


def possible(record: TodaysRecord) -> dict[str, Expected]:
    """Shape and type of each array that may be there; regions are of any type of integers."""
    shape = components_of(tuple(record.provenance.input_shape))
    found: dict[str, Expected] = {"ignore": (shape, np.dtype(bool))}
    if record.parameters.n0:
        found["promise"] = (shape, np.dtype(np.uint16))
    if record.parameters.family.regions_given:
        found["regions"] = (shape, np.dtype(np.int64))
    return found


def check_declared(declared: Mapping[str, Declared], record: TodaysRecord) -> None:
    """Refuse other arrays than those of the record, before any is unpacked.

    Raises:
        InputError: With the first that is missing, too much, or of another shape or type.
    """
    must, may = expected(record), possible(record)
    missing = [name for name in must if name not in declared]
    if missing:
        raise InputError(f"array {missing[0]!r} is missing")
    for name, found in declared.items():
        if name not in must and name not in may:
            raise InputError(f"array {name!r} does not belong to counts of this kind")
        shape, dtype = must.get(name) or may[name]
        whole = found.dtype.kind in "iu" and found.dtype.isnative
        right = whole if name == "regions" else found.dtype == dtype
        if found.shape != shape or not right or found.fortran_order:
            raise InputError(
                f"array {name!r} must be {dtype} of shape {shape}, in the order of C; got "
                f"{found.dtype} of shape {found.shape}"
            )
    cells = math.prod(declared["class_counts"].shape) if "class_counts" in declared else 0
    if cells > MOST_CLASS_COUNTS:
        raise InputError(f"it has {cells} counts of classes, at most {MOST_CLASS_COUNTS} are read")
    size = sum(found.dtype.itemsize * math.prod(found.shape) for found in declared.values())
    if size > MOST_BYTES:
        raise InputError(f"its arrays take {size} bytes, at most {MOST_BYTES} are read")


def check_counts(stored: Arrays, record: TodaysRecord) -> None:
    """Refuse counts that no draws can give.

    Raises:
        InputError: With the rule.
    """
    chosen, classes, invalid = record.parameters, record.model.classes, record.result.invalid
    labels, hits = stored["labels"], stored["hits"]
    if labels.max() >= classes:
        raise InputError(f"labels are not below the number of classes, {classes}")
    if hits.max() > chosen.n:
        raise InputError("labels and hits do not fit each other or n")
    if not chosen.n0:
        lost = check_class_counts(stored["class_counts"], labels, hits, n=chosen.n)
        if invalid != lost:
            raise InputError(
                f"the counts of the classes lack {lost} of the labels that were drawn, and "
                f"{invalid} are said to be lost"
            )
        return
    pilot_hits = stored["pilot_hits"]
    if pilot_hits.max() > chosen.n0:
        raise InputError("a component has more pilot hits than there are pilot draws")
    drawn = (chosen.n0 + chosen.n) * labels.size
    agreed = int(hits.sum(dtype=np.int64)) + int(pilot_hits.sum(dtype=np.int64))
    fewest = np.maximum(chosen.n0 - classes * pilot_hits.astype(np.int64), 0).sum()
    if not fewest <= invalid <= drawn - agreed:
        raise InputError(
            f"{invalid} labels are said to be lost: with these hits it is {fewest} to "
            f"{drawn - agreed} of {drawn}"
        )


def check_class_counts(
    class_counts: np.ndarray, labels: np.ndarray, hits: np.ndarray, *, n: int
) -> int:
    """Refuse counts of classes of which labels and hits are not the first largest.

    Returns:
        How many labels were lost.

    Raises:
        InputError: With the first class that does not fit, before the others are looked at.
    """
    wrong = "labels and hits do not follow from the counts of the classes"
    drawn = np.zeros(hits.shape, dtype=np.int64)
    for number, counts in enumerate(class_counts):
        here = labels == number
        if (counts[here] != hits[here]).any() or (counts > hits).any():
            raise InputError(wrong)
        if ((counts == hits) & (labels > number)).any():
            raise InputError(wrong)
        drawn += counts
    if drawn.max() > n:
        raise InputError("a component has more labels than there are draws")
    return n * hits.size - int(drawn.sum())


def check_prints(stored: Arrays, noise: type[AbstractNoise]) -> None:
    """Refuse noise that is used twice: in one stage, or of the pilot in the test.

    Noise of few numbers may repeat by chance, how often depends on the input; without the input a
    quarter of the draws is allowed, which is the most that is ever allowed.

    Raises:
        SamplingError: If there are too many equal fingerprints.
    """
    pilot, test = stored["pilot_fingerprints"], stored["test_fingerprints"]
    repeats = noise.repeat_probability is not AbstractNoise.repeat_probability
    for prints in (pilot, test, np.concatenate([pilot, test])):
        check_distinct(prints, float(repeats))
    both = len(np.intersect1d(pilot, test))
    if both > min(len(pilot), len(test)) // 4:
        raise InputError(
            f"{both} of {len(pilot)} pilot draws are test draws, too: a draw that chose the class "
            "cannot test it"
        )
