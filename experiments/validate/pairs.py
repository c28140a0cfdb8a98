"""Every correction, with every way of stopping, with a pilot and without: one table of all pairs.

The table is a product, so that no pair can be left out: of all corrections by name, all ways of
stopping and both ways to choose the class. A pair that the code refuses is in it as refused. Where
sampling may stop, an adversary who knows the truth stops it as soon as more is wrong than the
statement allows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import ClassVar, get_args
from unittest.mock import patch

import numpy as np

from segcert.certificates import components
from segcert.certificates.radius_map import radius_map
from segcert.certificates.segcertify import certify
from segcert.errors import InputError
from segcert.stats.bonferroni import bonferroni
from segcert.stats.capped import Capped
from segcert.stats.correction import AbstractCorrection, Decision, Evidence
from segcert.stats.correction_names import corrections
from segcert.stats.holm import holm
from segcert.stats.k_fwer import KFwer
from segcert.stats.looks import Looks
from segcert.stats.ordered import Ordered
from segcert.stats.regions import Blocks
from segcert.stats.sequential import Anytime, Sequential

from .cases import ALPHA, TAU, M
from .controls import CONTROLS
from .drawn import Answer, Drawn
from .harness import Case, measured
from .models import INDEPENDENT, LAWS, Law
from .models import of_class_0 as two
from .procedures import Judge, Procedure, exceeds_truth, stopped_at_worst

PAIRS = "pairs"
MOST = 100
NULLS = two(f"all at {TAU:g}", (M, TAU))
MANY_NULLS = two(f"256 at {TAU:g}", (256, TAU))
HALF = two(f"half at {TAU:g}, half at 0.97", (M // 2, TAU), (M // 2, 0.97))

OF_EACH: Mapping[str, AbstractCorrection] = {
    "holm": holm,
    "bonferroni": bonferroni,
    "k-fwer": KFwer(2),
    "capped": Capped(8),
    "ordered": Ordered(),
}
WAYS: Mapping[type | None, Sequential | None] = {
    None: None,
    Looks: Looks(tuple(range(40, MOST + 1, 20))),
    Anytime: Anytime(MOST, every=1),
}
IN_WORDS: Mapping[type | None, str] = {
    None: "fixed n",
    Looks: "4 looks",
    Anytime: "e-process each draw",
}
FAMILIES: Mapping[str, Mapping[str, object]] = {
    "": {},
    ", regions of 2": {"regions": Blocks(2)},
    ", drop below 1": {"drop_below": 1.0},
}


@dataclass(frozen=True)
class Pair:
    """One cell of the product.

    Args:
        name: Of the correction.
        way: Type of the way of stopping; None for a fixed n.
        pilot: Whether pilot draws choose the class.
        family: What is tested, in words.
    """

    name: str
    way: type | None
    pilot: bool
    family: str = ""

    @property
    def correction(self) -> AbstractCorrection:
        """The correction, with the parameters of this table."""
        return OF_EACH[self.name]

    @property
    def sequential(self) -> Sequential | None:
        """How sampling may stop."""
        return WAYS[self.way]

    def __str__(self) -> str:
        """The row of the table."""
        return f"{self.name}, {IN_WORDS[self.way]}{self.family}{'' if self.pilot else ', no pilot'}"


def all_pairs() -> list[Pair]:
    """The product; what a correction or way of stopping lacks here raises."""
    ways = (None, *get_args(Sequential))
    assert set(OF_EACH) == set(corrections()), "give each correction its parameters in OF_EACH"
    assert set(WAYS) == set(ways), "give each way of stopping its draws in WAYS"
    return [Pair(*cell) for cell in product(corrections(), ways, (True, False), FAMILIES)]


def refusal(pair: Pair) -> str:
    """Why the code refuses a pair, or nothing."""
    rng = np.random.default_rng(0)
    (labels,) = HALF.draw(INDEPENDENT, rng, 1, 11 + MOST)
    drawn = Drawn(labels, 11 if pair.pilot else 0, HALF, TAU, ALPHA)
    try:
        stated(pair, drawn, drawn.n)
    except InputError as error:
        return str(error)
    return ""


def stated(pair: Pair, drawn: Drawn, n: int) -> Answer:
    """What is certified after n draws."""
    found = certify(
        drawn.counts(n, pair.sequential), tau=drawn.tau, alpha=drawn.alpha,
        correction=pair.correction, **FAMILIES[pair.family],  # type: ignore[arg-type]  # parts by name
    )  # fmt: skip
    return drawn.judge(found.certified, found.labels)


def pairs(repetitions: int, laws: tuple[Law, ...] = LAWS) -> list[Case]:
    """Every pair that is not refused, with all components at tau; families under one law."""
    return [
        case(pair, law, repetitions)
        for pair in all_pairs()
        if not refusal(pair)
        for law in (laws if not pair.family else laws[:1])
    ]


def case(pair: Pair, law: Law, repetitions: int) -> Case:
    """One pair under one law, the order against it."""
    judge = stopped_at_worst(
        lambda drawn, n: stated(pair, drawn, n), pair.sequential,
        allowed=pair.correction.errors_allowed,
    )  # fmt: skip
    procedure = Procedure(
        str(pair), judge, MOST, n0=11 if pair.pilot else 0,
        allowed=pair.correction.errors_allowed * (2 if "regions" in pair.family else 1),
        misled=pair.pilot and "drop" not in pair.family,
    )  # fmt: skip
    measure = measured(procedure, law, HALF, alpha=ALPHA)
    return Case(PAIRS, str(pair), law.name, HALF.name, ALPHA, repetitions, measure)


def stopped_orders(kept: int, broken: int, every_so_many: tuple[int, ...]) -> list[Case]:
    """Ordered testing with the e-process where many are at tau: certificates and maps of radii.

    And the defect that this table is for: the mild level taken from the table of the final count.

    Args:
        kept: How often what is shipped is measured.
        broken: How often the defect is.
        every_so_many: Draws between two looks.
    """
    found = [maps_at_any_time(kept)]
    for every in every_so_many:
        words = f"e-process at every {'draw' if every == 1 else f'{every}th draw'}"
        right = Procedure(f"ordered, {words}", by_order(Ordered(), every), MOST)
        defect = unchecked(by_order(Snapped(), every))
        wrong = Procedure(f"ordered, level of the final count, {words}", defect, MOST)
        found += [order_case(PAIRS, right, kept), order_case(CONTROLS, wrong, broken)]
    return found


def by_order(correction: Ordered, every: int) -> Judge:
    """Ordered testing with an e-process that is asked every so many draws."""
    way = Anytime(MOST, every=every)

    def state(drawn: Drawn, n: int) -> Answer:
        counts = drawn.counts(n, way)
        found = certify(counts, tau=drawn.tau, alpha=drawn.alpha, correction=correction)
        return drawn.judge(found.certified, found.labels)

    return stopped_at_worst(state, way)


def order_case(table: str, procedure: Procedure, repetitions: int) -> Case:
    """A kept one or a defect, where 256 components are at tau."""
    measure = measured(procedure, INDEPENDENT, MANY_NULLS, alpha=ALPHA)
    return Case(
        table, procedure.name, INDEPENDENT.name, MANY_NULLS.name, ALPHA, repetitions, measure,
        defect=table == CONTROLS,
    )  # fmt: skip


def maps_at_any_time(repetitions: int) -> Case:
    """A grid of taus with ordered testing and the e-process."""
    way = Anytime(MOST, every=2)

    def state(drawn: Drawn, n: int) -> Answer:
        counts = drawn.counts(n, way)
        found = radius_map(
            counts, alpha=drawn.alpha, taus=(0.6, drawn.tau), correction=OF_EACH["ordered"]
        )
        p = drawn.of_label(found.labels)
        wrong = exceeds_truth(found, p)
        return Answer(int(wrong.sum()), int(((found.radius > 0) & ~wrong).sum()))

    procedure = Procedure(
        "radius map, 2 taus, ordered, e-process", stopped_at_worst(state, way), MOST
    )
    truth = two("half at 0.6, half at 0.75", (M // 2, 0.6), (M // 2, TAU))
    measure = measured(procedure, INDEPENDENT, truth, alpha=ALPHA)
    return Case(PAIRS, procedure.name, INDEPENDENT.name, truth.name, ALPHA, repetitions, measure)


@dataclass(frozen=True)
class Snapped(Ordered):
    """Levels from the table of the final count at any time, as if n had been fixed: not valid."""

    name: ClassVar[str] = "snapped"

    def decide(self, evidence: Evidence, *, alpha: float) -> Decision:
        """Decide as if the draws had not chosen when to stop."""
        return super().decide(replace(evidence, any_time=False), alpha=alpha)


def unchecked(judge: Judge) -> Judge:
    """The same, with the check off that refuses corrections which are not ours."""

    def defect(drawn: Drawn) -> Answer:
        with patch.object(components, "check_correction", lambda _: None):
            return judge(drawn)

    return defect


def refusals() -> list[tuple[Pair, str]]:
    """Every pair that the code refuses, with its reason."""
    return [(pair, reason) for pair in all_pairs() if (reason := refusal(pair))]
