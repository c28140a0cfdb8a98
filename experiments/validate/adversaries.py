"""Models made to bring each procedure as close to alpha as we know how."""

from segcert.stats.bonferroni import bonferroni
from segcert.stats.capped import Capped
from segcert.stats.holm import holm
from segcert.stats.k_fwer import KFwer
from segcert.stats.ordered import Ordered
from segcert.stats.regions import Blocks
from segcert.stats.sequential import Anytime

from .cases import ALPHA, EACH, LEVEL, LOOKS, TAU, M, sharp
from .harness import Case, measured
from .models import INDEPENDENT, LAWS, TOGETHER, Law, Truth, blocks, everywhere, in_part, spaced
from .models import of_class_0 as two
from .procedures import (
    HOLM,
    Procedure,
    class_tree,
    indiv,
    joint,
    radii,
    segcertify,
    until_wrong,
)

ADVERSARIES = "adversaries"
CERTAIN = 0.9999
EVERY = two(f"{M} at {TAU:g}", (M, TAU))
FEW = two(f"4 at {TAU:g}, 12 certain", (4, TAU), (12, CERTAIN))
PAIRS = two(f"8 pairs: {TAU:g} and certain", *([(1, TAU), (1, CERTAIN)] * 8))
EVEN = everywhere("8 at 0.5, 0.5", 8, 0.5, 0.5)
THIRD = everywhere("2 at 0.5, 0.25, 0.25", 2, 0.5, 0.25, 0.25)
MANY = two(f"32 at {TAU:g}, 32 certain", (32, TAU), (32, CERTAIN))
EXCLUDE = spaced(4)  # at tau = 0.75 exactly one of four misses in each draw


def against(
    procedure: Procedure, law: Law, truth: Truth, repetitions: int, *, alpha: float = ALPHA
) -> Case:
    """A procedure against an adversary of its own."""
    measure = measured(procedure, law, truth, alpha=alpha)
    return Case(ADVERSARIES, procedure.name, law.name, truth.name, alpha, repetitions, measure)


def adversaries(repetitions: int) -> list[Case]:
    """All of them."""
    return [
        *one_by_one(repetitions),
        *allowing_errors(repetitions),
        *by_the_pilot(repetitions),
        *stopped(repetitions // 2),
        *other_statements(repetitions),
        *joint_classes(repetitions),
    ]


def one_by_one(r: int) -> list[Case]:
    """Bonferroni and Holm where errors exclude each other; without pilot, either class may win."""
    bon = Procedure("Bonferroni", segcertify(bonferroni), sharp(ALPHA / 2, 0.5), n0=51, tau=0.5)
    step_down = Procedure("Holm", HOLM, sharp(ALPHA / 4))
    no_pilot = Procedure("Holm, no pilot", HOLM, sharp(ALPHA / 8, 0.5, terms=2), n0=0, tau=0.5)
    beyond = everywhere("8 at 0.51, 0.49", 8, 0.51, 0.49)
    return [
        against(bon, spaced(2), THIRD, r),
        against(step_down, EXCLUDE, FEW, r),
        against(step_down, TOGETHER, FEW, r),
        against(no_pilot, INDEPENDENT, EVEN, r),
        against(no_pilot, INDEPENDENT, beyond, r),
    ]


def allowing_errors(r: int) -> list[Case]:
    """Blocks of k components that err together: k errors are as probable as one."""
    cases = []
    for k in (2, 4):
        for n0, words in ((11, ""), (0, ", no pilot")):
            test = segcertify(KFwer(k))
            name, n = f"k-FWER, k = {k}{words}", sharp(k * LEVEL)
            cases.append(
                against(Procedure(name, test, n, n0=n0, allowed=k - 1), blocks(k), EVERY, r)
            )
    liberal = Procedure("k-FWER, k = 32", segcertify(KFwer(32)), 100, n0=51, allowed=31)
    capped = Procedure("capped, cap = 3", segcertify(Capped(3)), sharp(0.9 * ALPHA / 4))
    capped2 = Procedure(
        "capped, cap = 2, k = 2", segcertify(Capped(2, k=2)), sharp(0.9 * ALPHA / 2), allowed=1
    )
    return [
        *cases,
        against(liberal, in_part(0.5), MANY, r // 4, alpha=0.25),
        against(capped, EXCLUDE, FEW, r),
        against(capped2, blocks(2), FEW, r),
    ]


def by_the_pilot(r: int) -> list[Case]:
    """Orders, regions and families by a pilot that is wrong on purpose."""
    mild = sharp(0.9 * ALPHA / 2)
    doubtful = two(f"8 at {TAU:g}, 8 at 0.9", (8, TAU), (8, 0.9))
    four, two_first = segcertify(Ordered(4)), segcertify(Ordered(2), regions=Blocks(2))
    pairs = segcertify(holm, regions=Blocks(2))
    left = segcertify(holm, drop_below=2.0)
    return [
        against(
            Procedure("ordered, misled", segcertify(Ordered()), mild, misled=True),
            INDEPENDENT, doubtful, r,
        ),
        against(
            Procedure("ordered, budget 4, misled", four, sharp(0.9 * ALPHA / 4), misled=True),
            EXCLUDE, FEW, r,
        ),
        against(Procedure("regions of 2, Holm", pairs, sharp(ALPHA / 8)), INDEPENDENT, PAIRS, r),
        against(
            Procedure("regions of 2, ordered, misled", two_first, mild, misled=True),
            INDEPENDENT, PAIRS, r,
        ),
        against(
            Procedure("drop below 2, Holm, misled", left, sharp(ALPHA / 4), misled=True),
            EXCLUDE, FEW, r,
        ),
    ]  # fmt: skip


def stopped(r: int) -> list[Case]:
    """Looks and the e-process, stopped as soon as something false is certified."""
    every_draw = until_wrong(Anytime(100, every=1))
    return [
        against(Procedure("4 looks, Holm", until_wrong(LOOKS), LOOKS.n), EXCLUDE, FEW, r),
        against(Procedure("e-process each draw, Holm", every_draw, 100), EXCLUDE, FEW, r),
    ]


def other_statements(r: int) -> list[Case]:
    """Class trees, radius maps and IndivClass."""
    one = two(f"1 at {TAU:g}, 15 certain", (1, TAU), (15, CERTAIN))
    two_terms = sharp(ALPHA / 8, 0.5, terms=2)
    tree = Procedure("class tree", class_tree, two_terms, n0=0, tau=0.5, splits=True)
    radius = Procedure("radius map, no pilot", radii(), sharp(ALPHA / 16, 0.5), n0=0, tau=0.5)
    individual = Procedure("IndivClass", indiv, EACH, tau=0.5)
    return [
        against(tree, INDEPENDENT, EVEN, r),
        against(radius, INDEPENDENT, EVEN, r),
        against(Procedure("radius map", radii(), EACH), INDEPENDENT, EVERY, r),
        against(individual, INDEPENDENT, one, r),
    ]


def joint_classes(r: int) -> list[Case]:
    """JointClass, where the whole segmentation has a probability of 0.75 under each law."""
    chances = (TAU ** (1 / M), TAU ** (4 / M), TAU, 1 - (1 - TAU) / M)
    return [
        against(
            Procedure("JointClass", joint(TAU), sharp(ALPHA), n0=101, tau=0.5),
            law, two(f"the whole at {TAU:g}", (M, p)), r,
        )
        for law, p in zip(LAWS, chances, strict=True)
    ]  # fmt: skip
