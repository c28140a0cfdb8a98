"""Every procedure under every law, with all components at tau, below it, or half above it."""

import numpy as np
from scipy.stats import binom

from segcert.stats.bonferroni import bonferroni
from segcert.stats.capped import Capped
from segcert.stats.holm import holm
from segcert.stats.k_fwer import KFwer
from segcert.stats.looks import Looks
from segcert.stats.ordered import Ordered
from segcert.stats.regions import Blocks
from segcert.stats.sequential import Anytime

from .harness import Case, measured
from .models import LAWS, Law
from .models import of_class_0 as two
from .procedures import (
    HOLM,
    Procedure,
    class_tree,
    indiv,
    radii,
    segcertify,
    until_wrong,
)

ALPHA, TAU, M = 0.1, 0.75, 16  # of the grid
GRID = "grid"
TRUTHS = (
    two(f"all at {TAU:g}", (M, TAU)),
    two(f"all at {TAU - 0.02:g}", (M, TAU - 0.02)),
    two(f"half at {TAU:g}, half at 0.9", (M // 2, TAU), (M // 2, 0.9)),
)


def sharp(level: float, tau: float = TAU, *, terms: int = 1, most: int = 120) -> int:
    """The number of draws, 40 or more, at which a test comes closest to its level from below."""
    return max(range(40, most + 1), key=lambda n: size(level, n, tau, terms))


def size(level: float, n: int, tau: float, terms: int = 1) -> float:
    """Probability of a rejection at p = tau; with two terms, of either class at (tau, 1 - tau)."""
    tails = binom.sf(np.arange(n + 1) - 1, n, tau)
    if terms == 2:
        tails = tails + binom.sf(np.arange(n + 1) - 1, n, 1 - tau)
    return float(tails[tails <= level].max(initial=0))


LEVEL = ALPHA / M
LOOKS = Looks(tuple(range(40, 101, 20)))
GRID_OF_TAUS = (0.6, 0.68, TAU)
EACH = sharp(LEVEL)


def procedures() -> list[Procedure]:
    """Everything that is shipped; draws are chosen so that levels are nearly used up."""
    k2, k4 = sharp(2 * LEVEL), sharp(4 * LEVEL)
    mild = {budget: sharp(0.9 * ALPHA / budget) for budget in (1, 3, 9)}
    return [
        Procedure("Bonferroni", segcertify(bonferroni), EACH),
        Procedure("Holm", HOLM, EACH),
        Procedure("Bonferroni, no pilot", segcertify(bonferroni), EACH, n0=0),
        Procedure("Holm, no pilot", HOLM, EACH, n0=0),
        Procedure("k-FWER, k = 2", segcertify(KFwer(2)), k2, allowed=1),
        Procedure("k-FWER, k = 4", segcertify(KFwer(4)), k4, allowed=3),
        Procedure("k-FWER, k = 2, no pilot", segcertify(KFwer(2)), k2, n0=0, allowed=1),
        Procedure("capped, cap = 8", segcertify(Capped(8)), mild[9]),
        Procedure("capped, cap = 8, k = 2", segcertify(Capped(8, k=2)), k2, allowed=1),
        Procedure("ordered, misled", segcertify(Ordered()), mild[1], misled=True),
        Procedure("ordered, budget 3, misled", segcertify(Ordered(3)), mild[3], misled=True),
        Procedure("ordered by agreement", segcertify(Ordered(by="agreement")), mild[1]),
        Procedure("regions of 2, Holm", segcertify(holm, regions=Blocks(2)), EACH),
        Procedure("regions of 2, ordered", segcertify(Ordered(), regions=Blocks(2)), mild[1]),
        Procedure("drop below 1, Holm", segcertify(holm, drop_below=1.0), EACH),
        Procedure("4 looks, Holm", until_wrong(LOOKS), LOOKS.n),
        Procedure("4 looks, Holm, no pilot", until_wrong(LOOKS), LOOKS.n, n0=0),
        Procedure("e-process, Holm", until_wrong(Anytime(100, every=2)), 100),
        Procedure("class tree", class_tree, EACH, n0=0, splits=True),
        Procedure("radius map", radii(), EACH),
        Procedure("radius map, no pilot", radii(), sharp(LEVEL / 2), n0=0),
        Procedure("radius map, 3 taus", radii(GRID_OF_TAUS), sharp(LEVEL / 3)),
        Procedure("IndivClass", indiv, EACH, tau=0.5),
    ]


def grid(repetitions: int, laws: tuple[Law, ...] = LAWS) -> list[Case]:
    """Every procedure under every law, at tau and around it."""
    return [
        Case(
            GRID, procedure.name, law.name, truth.name, ALPHA, repetitions,
            measured(procedure, law, truth, alpha=ALPHA),
        )
        for procedure in procedures()
        for truth in TRUTHS
        for law in laws
    ]  # fmt: skip
