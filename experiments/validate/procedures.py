"""Every procedure that is shipped, as a function from draws to what it said.

The functions called are the public ones: `certify`, `certify_tree`, `radius_map`, `joint_class`,
`indiv_class`. Where sampling may stop early, an adversary who knows the truth stops it: at the
first look at which something false is certified.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from jaxtyping import Bool, Float64, Int64, Integer

from segcert.certificates.baselines import indiv_class, joint_class
from segcert.certificates.hierarchical import certify_tree
from segcert.certificates.radius_map import RadiusMap, radius_map
from segcert.certificates.segcertify import certify
from segcert.stats.class_tree import ClassTree
from segcert.stats.correction import AbstractCorrection
from segcert.stats.holm import holm
from segcert.stats.levels import levels
from segcert.stats.regions import Blocks
from segcert.stats.sequential import Sequential

from .drawn import CLASSES, NOISE, Answer, Drawn

Judge = Callable[[Drawn], Answer]
State = Callable[[Drawn, int], Answer]  # what is said after so many draws
TREE = ClassTree((*CLASSES, "a or b", "c or d", "any"), (4, 4, 5, 5, 6, 6, 6))


@dataclass(frozen=True)
class Procedure:
    """A procedure and the draws that it is given.

    Args:
        name: In words.
        judge: From draws to what it said.
        n: Draws that are counted.
        n0: Pilot draws.
        tau: Probability threshold; what is not above it must not be certified.
        allowed: False certificates that the statement allows.
        splits: Whether class 0 is divided in two, so that only a group of classes is frequent.
        misled: Whether the pilot's promise is made against it: components at or below tau first.
    """

    name: str
    judge: Judge
    n: int
    n0: int = 11
    tau: float = 0.75
    allowed: int = 0
    splits: bool = False
    misled: bool = False


def segcertify(
    correction: AbstractCorrection,
    *,
    drop_below: float | None = None,
    regions: Blocks | Integer[np.ndarray, " m"] | None = None,
) -> Judge:
    """`certify` with a correction and a family."""

    def judge(drawn: Drawn) -> Answer:
        found = certify(
            drawn.counts(), tau=drawn.tau, alpha=drawn.alpha, correction=correction,
            drop_below=drop_below, regions=regions,
        )  # fmt: skip
        return drawn.judge(found.certified, found.labels)

    return judge


def until_wrong(way: Sequential | None, at: Sequence[int] = ()) -> Judge:
    """`certify` by Holm's procedure at each look, until something false is certified."""

    def state(drawn: Drawn, n: int) -> Answer:
        found = certify(drawn.counts(n, way), tau=drawn.tau, alpha=drawn.alpha)
        return drawn.judge(found.certified, found.labels)

    return stopped_at_worst(state, way, at=at)


def stopped_at_worst(
    state: State, way: Sequential | None, *, at: Sequence[int] = (), allowed: int = 0
) -> Judge:
    """Ask a statement at each look, until more is wrong than it allows.

    Looks at which no component at or below tau has a p-value of at most alpha are passed over, to
    save time: no level is larger.

    Args:
        state: What is said after so many draws.
        way: What the counts say about early stopping.
        at: Numbers of draws to ask after, the last always; by default the looks of ``way``.
        allowed: Wrong components that the statement allows.
    """
    looks = at or (way.at if way else ())

    def judge(drawn: Drawn) -> Answer:
        if not looks:
            return state(drawn, drawn.n)
        most = most_hits_of_nulls(drawn)
        for n in looks[:-1]:
            needed = fewest_hits(
                drawn.truth.components, n, drawn.tau, drawn.alpha, way, pilot=drawn.n0 > 0
            )
            if most[n - 1] >= needed:
                answer = state(drawn, n)
                if answer.wrong > allowed:
                    return answer
        return state(drawn, looks[-1])

    return judge


def most_hits_of_nulls(drawn: Drawn) -> Int64[np.ndarray, " n"]:
    """Largest count of a class at or below tau after each draw; of the pilot's, if there is one."""
    tested = drawn.labels[drawn.n0 :]
    classes = range(drawn.truth.classes)
    chosen = [drawn.counts().labels] if drawn.n0 else [np.full(tested.shape[1], c) for c in classes]
    most = np.zeros(len(tested), dtype=np.int64)
    for labels in chosen:
        null = drawn.of_label(labels) <= drawn.tau
        hits = (tested == labels)[:, null].cumsum(0)
        most = np.maximum(most, hits.max(1, initial=0))
    return most


@lru_cache(maxsize=1024)
def fewest_hits(
    m: int, n: int, tau: float, alpha: float, way: Sequential | None, *, pilot: bool
) -> int:
    """Smallest count whose p-value is at most the level of all tests together."""
    given = levels(m, n, tau=tau, alpha=alpha, pilot=pilot, sequential=way)
    return int((given.p_values > given.alpha).sum())


def class_tree(drawn: Drawn) -> Answer:
    """`certify_tree`: a printed node must have a probability above tau."""
    found = certify_tree(drawn.counts(), TREE, tau=drawn.tau, alpha=drawn.alpha)
    nodes = TREE.covers.astype(np.float64) @ drawn.truth.probabilities
    above = nodes[found.labels, np.arange(drawn.truth.components)] > drawn.tau
    certified = found.certified
    return Answer(int((certified & ~above).sum()), int((certified & above).sum()))


def radii(taus: tuple[float, ...] = ()) -> Judge:
    """`radius_map`: no radius may exceed the one of the true probability."""

    def judge(drawn: Drawn) -> Answer:
        found = radius_map(drawn.counts(), alpha=drawn.alpha, taus=taus)
        p = drawn.of_label(found.labels)
        too_large = exceeds_truth(found, p)
        right = (found.radius > 0) & ~too_large & (p > drawn.tau)
        return Answer(int(too_large.sum()), int(right.sum()))

    return judge


def exceeds_truth(found: RadiusMap, p: Float64[np.ndarray, " m"]) -> Bool[np.ndarray, " m"]:
    """Which radii are larger than the true one, 0 if the class has not more than 1/2."""
    largest = [
        NOISE.sigma * NormalDist().inv_cdf(chance) if chance > 0.5 else 0.0 for chance in p.tolist()
    ]
    return found.radius > np.array(largest)


def joint(true_probability: float) -> Judge:
    """`joint_class`: the bound must not exceed the probability of the pilot's segmentation.

    The law and the truth are made so that class 0 everywhere has the probability given; another
    segmentation has less than the rest.
    """

    def judge(drawn: Drawn) -> Answer:
        seen, times = np.unique(drawn.labels[: drawn.n0], axis=0, return_counts=True)
        chosen = seen[times.argmax()]
        hits = (drawn.labels[drawn.n0 :] == chosen).all(1).sum(keepdims=True)
        bound = float(joint_class(hits, n=drawn.n, alpha=drawn.alpha)[0])
        truth = 1 - true_probability if chosen.any() else true_probability
        wrong = bound > truth
        return Answer(int(wrong), drawn.truth.components * int(0.5 < bound <= truth))

    return judge


def indiv(drawn: Drawn) -> Answer:
    """`indiv_class`: the smallest bound must not exceed the smallest probability."""
    counts = drawn.counts()
    fewest = counts.hits.min(keepdims=True).astype(np.int64)
    bound = float(indiv_class(fewest, counts.components, n=drawn.n, alpha=drawn.alpha)[0])
    wrong = bound > drawn.of_label(counts.labels).min()
    return Answer(int(wrong), counts.components * int(bound > 0.5 and not wrong))


HOLM: Judge = segcertify(holm)
