"""What may depend on what: the tested draws decide nothing but which tests pass.

The hits of the tested draws are permuted, or replaced. Which components are tested, which of them
together, in which order, with which levels and budget must stay as the input and the pilot said.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import pytest
import torch

import segcert as sc
from segcert.certificates import family as families
from segcert.certificates.family import Family, decide, fewest_tests
from segcert.stats.correction import AbstractCorrection, Decision, Evidence
from segcert.stats.levels import levels
from segcert.stats.ordered import Ordered
from segcert.stats.regions import Blocks
from segcert.stats.sequential import Anytime, Sequential

TAU, ALPHA, SHAPE = 0.6, 0.1, (9, 14)
MASK = np.zeros(SHAPE, dtype=bool)
MASK[6:, :5] = True
STRIPES = np.indices(SHAPE)[0]
FAMILIES = {
    "whole": Family(),
    "ignore": Family(ignore=MASK),
    "drop": Family(drop_below=1.5),
    "blocks": Family(regions=Blocks(3)),
    "numbers": Family(regions=STRIPES),
    "ignore drop": Family(ignore=MASK, drop_below=0.5),
    "drop blocks": Family(drop_below=1.0, regions=Blocks(2)),
    "all": Family(ignore=MASK, drop_below=0.5, regions=Blocks(2)),
}
WAYS: dict[str, Sequential | None] = {
    "fixed n": None, "looks": sc.Looks((20, 40, 60)), "any time": Anytime(90)
}  # fmt: skip


@dataclass(frozen=True)
class Spy(AbstractCorrection):
    """Rejects one chosen test, and keeps what it was given."""

    name: ClassVar[str] = "spy"

    rejects: int = 0
    seen: list[Evidence] = field(default_factory=list)

    def decide(self, evidence: Evidence, *, alpha: float) -> Decision:  # noqa: ARG002
        self.seen.append(evidence)
        return Decision(0, np.arange(evidence.tests) == self.rejects)

    def first_level(self, tests: int, *, alpha: float) -> float:  # noqa: ARG002
        return alpha


@dataclass(frozen=True)
class OrderedSpy(Ordered):
    """Ordered testing that keeps what it was given."""

    seen: list[Evidence] = field(default_factory=list)

    def decide(self, evidence: Evidence, *, alpha: float) -> Decision:
        self.seen.append(evidence)
        return super().decide(evidence, alpha=alpha)


def soft(x: torch.Tensor) -> torch.Tensor:
    """Scores of two classes; class 1 above grey level 127."""
    red = (x[:, 0] * 255).round()
    return torch.stack([(127.5 - red) / 64, (red - 127.5) / 64], 1)


@pytest.fixture(scope="module")
def drawn() -> sc.Counts:
    """Counts of a smooth image, all shades of probability, after a pilot."""
    image = np.linspace(20, 235, 126).astype(np.uint8).reshape(1, *SHAPE)
    noise = sc.LatticeGaussianNoise(0.25)
    return sc.sample(soft, image, noise=noise, n0=9, n=60, seed=4, device="cpu")


def permuted(counts: sc.Counts, seed: int) -> sc.Counts:
    """The same pilot, with the tested hits of other components."""
    shuffled = np.random.default_rng(seed).permutation(counts.hits.ravel())
    return replace(counts, hits=shuffled.reshape(SHAPE))


def emptied(counts: sc.Counts) -> sc.Counts:
    """The same pilot, with no tested hit at all."""
    return replace(counts, hits=np.zeros_like(counts.hits))


CHANGES: dict[str, Callable[[sc.Counts], sc.Counts]] = {
    "permuted": lambda counts: permuted(counts, 1),
    "permuted again": lambda counts: permuted(counts, 2),
    "no hits": emptied,
    "all hits": lambda counts: replace(counts, hits=np.full_like(counts.hits, counts.n)),
}


def structure(counts: sc.Counts, family: Family) -> dict[str, object]:
    """Everything that is fixed before the tested draws, read off from outside."""
    given = levels(
        families.tested_components(family, counts), counts.n, tau=TAU, alpha=ALPHA, pilot=True,
        sequential=counts.sequential,
    )  # fmt: skip
    found: dict[str, object] = {"p_values": given.p_values.tolist(), "alpha": given.alpha}
    for by in ("margin", "agreement"):
        spy = OrderedSpy(by=by)  # type: ignore[arg-type]
        decide(counts, family, spy, given)
        (evidence,) = spy.seen
        assert evidence.promise is not None
        found[f"order by {by}"] = evidence.promise.tolist()
        found[f"any time {by}"] = evidence.any_time
    tests = len(evidence.promise)
    found["tests"] = [
        np.flatnonzero(decide(counts, family, Spy(rejects=test), given)[0]).tolist()
        for test in range(tests)
    ]
    found["at least"] = fewest_tests(family, SHAPE)
    return found


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", FAMILIES)
def test_tested_hits_decide_nothing_but_who_passes(
    drawn: sc.Counts, name: str, change: str
) -> None:
    for way in WAYS.values():
        counts = replace(drawn, sequential=way)
        family = FAMILIES[name]
        assert structure(counts, family) == structure(CHANGES[change](counts), family)


def test_the_pilot_does_decide(drawn: sc.Counts) -> None:
    """The same comparison sees a change of the pilot: it can fail."""
    assert drawn.promise is not None
    assert drawn.pilot_hits is not None
    turned = replace(
        drawn, promise=drawn.promise[::-1].copy(), pilot_hits=drawn.pilot_hits[::-1].copy()
    )
    for name in ("whole", "drop", "blocks", "all"):
        before, after = (structure(counts, FAMILIES[name]) for counts in (drawn, turned))
        assert before != after


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("correction", [Ordered(), Ordered(7), Ordered(by="agreement")], ids=str)
def test_levels_and_budget_of_an_order_come_before_the_hits(
    drawn: sc.Counts, correction: Ordered, way: str
) -> None:
    """Whatever passes: the smallest count that can be certified is one for all hits.

    And so is m: with p failures in front, what comes after them is reached for p < m alone.
    """
    counts = replace(drawn, sequential=WAYS[way])
    limits = {reach(change(counts), correction) for change in CHANGES.values()}
    assert len(limits) == 1


def reach(counts: sc.Counts, correction: Ordered) -> tuple[int, int]:
    """Threshold, and how many failures in front of all others an order pays for."""
    given = levels(
        counts.components, counts.n, tau=TAU, alpha=ALPHA, pilot=True, sequential=counts.sequential
    )
    _, threshold = decide(counts, Family(), correction, given)
    spy = OrderedSpy(correction.budget, correction.by)
    decide(counts, Family(), spy, given)
    (evidence,) = spy.seen
    assert evidence.promise is not None
    order = np.argsort(-evidence.promise.astype(np.int64), kind="stable")
    for failures in range(counts.components):
        hits = np.full(counts.components, threshold, dtype=np.int32)
        hits[order[:failures]] = 0
        again = decide(replace(counts, hits=hits.reshape(SHAPE)), Family(), correction, given)
        if not again[0].ravel()[order[failures]]:
            return threshold, failures
    return threshold, counts.components


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, ""),
        ({"drop_below": 1.0}, ""),
        ({"regions": Blocks(3)}, ""),
        ({"ignore": MASK}, "The mask of components that are not tested came from outside"),
        ({"regions": STRIPES}, "The regions came from outside"),
        ({"ignore": MASK, "regions": STRIPES}, "not tested and the regions came from outside"),
    ],
)
def test_what_comes_from_outside_is_said_in_the_statement(
    drawn: sc.Counts, given: dict[str, object], words: str
) -> None:
    """A mask may be made of the counts that it selects from; nothing shows that it was not."""
    said = sc.certify(drawn, tau=TAU, alpha=ALPHA, **given).statement
    assert ("came from outside" in said) == bool(words)
    assert words in said
    assert not words or "without the counts that are tested" in said


def test_a_mask_for_a_class_tree_is_said_too() -> None:
    image = np.linspace(20, 235, 126).astype(np.uint8).reshape(1, *SHAPE)
    noise = sc.LatticeGaussianNoise(0.25)
    model = sc.as_segmenter(soft, class_names=("a", "b"))
    counts = sc.sample(model, image, noise=noise, n0=0, n=60, seed=4, device="cpu")
    tree = sc.ClassTree(("a", "b", "any"), (2, 2, 2))
    for ignore, said in ((None, False), (MASK, True)):
        found = sc.certify_tree(counts, tree, tau=TAU, alpha=ALPHA, ignore=ignore)
        assert ("came from outside" in found.statement) == said
