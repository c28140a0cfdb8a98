"""The family of tests: which components are tested, and which of them together."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Integer, UInt16

from segcert.certificates.masks import Mask
from segcert.errors import InputError
from segcert.sampling.counts import Counts
from segcert.stats.correction import AbstractCorrection, Decision, Evidence
from segcert.stats.levels import Levels
from segcert.stats.promise import (
    LARGEST_RATIO,
    SMALLEST_RATIO,
    promise_of_agreement,
    promise_of_ratio,
)
from segcert.stats.regions import Blocks, renumbered, worst


@dataclass(frozen=True, eq=False)
class Family:
    """What is tested; fixed by the input and the pilot draws alone.

    Args:
        ignore: Components that are not tested, such as the bonnet of the own car; or None.
        drop_below: Components whose pilot promises less are not tested: mean margin over
            (its standard deviation + 0.1). None tests them all.
        regions: Components that are certified together or not at all: `Blocks`, or a number for
            each component; None tests each by itself.

    Source:
        docs/guarantees.md, section 3: dropping components and forming regions by a rule on pilot
        draws or on the input alone is valid.
    """

    ignore: Bool[np.ndarray, " *components"] | None = None
    drop_below: float | None = None
    regions: Blocks | Integer[np.ndarray, " *components"] | None = None

    @property
    def mask(self) -> Mask | None:
        """The mask, as a value that can be compared."""
        return None if self.ignore is None else Mask(self.ignore)

    @property
    def block_side(self) -> int | None:
        """Side of the blocks, if regions are made of them."""
        return self.regions.side if isinstance(self.regions, Blocks) else None

    @property
    def whole(self) -> bool:
        """Whether every component is tested, each by itself."""
        return self.ignore is None and self.drop_below is None and self.regions is None

    def check(self, counts: Counts) -> None:
        """Refuse a family that does not fit the counts.

        Raises:
            InputError: If shapes differ, everything is ignored, or a rule on the pilot lacks one.
        """
        shape = counts.labels.shape
        for name, given in (("ignore", self.ignore), ("regions", self.regions)):
            if isinstance(given, np.ndarray) and given.shape != shape:
                raise InputError(
                    f"{name} has shape {given.shape}, the components have {shape}: "
                    "it needs one value for each of them"
                )
        if self.ignore is not None and self.ignore.dtype != np.bool_:
            raise InputError(f"ignore must be a mask of booleans, got {self.ignore.dtype}")
        if self.ignore is not None and self.ignore.all():
            raise InputError("ignore leaves no component to certify: it is true everywhere")
        if isinstance(self.regions, np.ndarray) and self.regions.dtype.kind not in "iu":
            raise InputError(f"regions must be an array of integers, got {self.regions.dtype}")
        if self.drop_below is not None and not (SMALLEST_RATIO <= self.drop_below <= LARGEST_RATIO):
            raise InputError(
                f"drop_below must be in [{SMALLEST_RATIO:g}, {LARGEST_RATIO:g}], "
                f"got {self.drop_below}"
            )
        if self.drop_below is not None and not counts.n0:
            raise InputError("drop_below is a rule on the pilot draws: use n0 >= 1")

    def tested(self, counts: Counts) -> Bool[np.ndarray, " *components"]:
        """Which components are tested."""
        tested = np.ones(counts.labels.shape, dtype=bool)
        if self.ignore is not None:
            tested &= ~self.ignore
        if self.drop_below is not None:
            tested &= promise_of(counts) >= promise_of_ratio(self.drop_below)
        return tested

    def region(self, counts: Counts) -> Integer[np.ndarray, " *components"] | None:
        """Number of the region of each component."""
        if not isinstance(self.regions, Blocks):
            return self.regions
        if not counts.n0:  # the most frequent class comes from the draws that are tested
            return self.regions.partition(counts.labels.shape)
        return self.regions.partition(
            counts.labels.shape, labels=counts.labels, promise=promise_of(counts)
        )


def promise_of(counts: Counts, by: str = "margin") -> UInt16[np.ndarray, " *components"]:
    """What the pilot promises: by its margins if there are any, else by plain agreement."""
    assert counts.pilot_hits is not None
    if by == "margin" and counts.promise is not None:
        return counts.promise
    return promise_of_agreement(counts.pilot_hits, counts.n0)


def decide(
    counts: Counts, family: Family, correction: AbstractCorrection, given: Levels
) -> tuple[Bool[np.ndarray, " *components"], int]:
    """Test the family.

    Returns:
        Which components are certified, and the smallest count that can be.
    """
    promise = promise_of(counts, correction.promised_by) if counts.n0 else None
    if family.whole:
        flat = None if promise is None else promise.ravel()
        every = evidence(given, counts.hits.ravel(), flat)
        decision = correction.decide(every, alpha=given.alpha)
        return decision.mask(counts.hits.ravel()).reshape(counts.hits.shape), decision.threshold
    tested = family.tested(counts)
    hits = counts.hits[tested]
    promised = None if promise is None else promise[tested]
    region = family.region(counts)
    if region is None:
        decision = correction.decide(evidence(given, hits, promised), alpha=given.alpha)
        rejected = decision.mask(hits)
    else:
        decision, rejected = decide_regions(correction, given, hits, promised, region[tested])
    certified = np.zeros(counts.labels.shape, dtype=bool)
    certified[tested] = rejected
    return certified, decision.threshold


def decide_regions(
    correction: AbstractCorrection,
    given: Levels,
    hits: Integer[np.ndarray, " m"],
    promise: UInt16[np.ndarray, " m"] | None,
    region: Integer[np.ndarray, " m"],
) -> tuple[Decision, Bool[np.ndarray, " m"]]:
    """Test regions by their worst components; all components of a rejected one are certified."""
    number, regions = renumbered(region)
    least = worst(hits, number, regions)
    promised = None if promise is None else worst(promise, number, regions)
    decision = correction.decide(evidence(given, least, promised), alpha=given.alpha)
    return decision, decision.mask(least)[number]


def evidence(
    given: Levels,
    hits: Integer[np.ndarray, " m"],
    promise: UInt16[np.ndarray, " m"] | None,
) -> Evidence:
    """Count the tests with each number of hits."""
    histogram = np.bincount(hits, minlength=len(given.p_values)).astype(np.int64)
    return Evidence(given.p_values, histogram, hits, promise, given.any_time)


def tested_components(family: Family, counts: Counts) -> int:
    """Number of components that are tested, for the reserve of the test without pilot."""
    return counts.components if family.whole else int(family.tested(counts).sum())


def fewest_tests(family: Family, shape: tuple[int, ...]) -> int:
    """Number of tests that the family has at least, before anything is sampled."""
    if family.drop_below is not None:
        return 1
    if isinstance(family.regions, Blocks) and family.ignore is None:
        return family.regions.fewest(shape)
    if family.regions is not None:
        return 1
    ignored = 0 if family.ignore is None else int(family.ignore.sum())
    return int(np.prod(shape)) - ignored
