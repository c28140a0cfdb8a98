"""Predicted certified shares: the real procedures on simulated counts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64, Int64, UInt16

from segcert.planning.population import Population, hits_after
from segcert.stats.bonferroni import bonferroni
from segcert.stats.correction import AbstractCorrection, Evidence
from segcert.stats.holm import holm
from segcert.stats.levels import Levels, check_tau_alpha, levels
from segcert.stats.ordered import Ordered

STEPS = (10, 11, 12, 13, 14, 16, 18, 20, 22, 25, 28, 32, 36, 40, 45, 50, 56, 63, 70, 80, 90)
TOTALS = (
    *(n for n in STEPS if n >= 20),
    *(10 * n for n in STEPS),
    *(100 * n for n in STEPS),
    10**4,
)


@dataclass(frozen=True)
class Procedure:
    """One way to spend draws.

    Args:
        label: How tables call it.
        correction: The correction for many tests.
        pilot: Whether some of the draws choose the class.
    """

    label: str
    correction: AbstractCorrection
    pilot: bool = True


PROCEDURES = (  # of equally good ones the first is recommended
    Procedure("ordered", Ordered()),
    Procedure("holm", holm),
    Procedure("bonferroni", bonferroni),
    Procedure("holm, no pilot", holm, pilot=False),
)


@dataclass(frozen=True, eq=False)
class Forecast:
    """Predicted certified shares.

    Args:
        n0: Pilot draws of the procedures that have one; counted in ``totals``.
        taus: Thresholds.
        totals: Numbers of draws in all, rising.
        shares: Certified share for each threshold, each of ``PROCEDURES`` and each total.
        ideal: For each threshold, the share of components with p > tau.
    """

    n0: int
    taus: tuple[float, ...]
    totals: tuple[int, ...]
    shares: Float64[np.ndarray, " taus procedures totals"]
    ideal: Float64[np.ndarray, " taus"]


def forecast(
    population: Population,
    *,
    taus: Sequence[float],
    alpha: float,
    totals: Sequence[int] = TOTALS,
    seed: int = 0,
) -> Forecast:
    """Predict what would be certified of one image.

    Args:
        population: From `populate`.
        taus: Thresholds, in [1/2, 1).
        alpha: Allowed probability that a statement is wrong, in (0, 1).
        totals: Numbers of draws in all, pilot included, rising.
        seed: Of the simulation.

    Raises:
        InputError: If a threshold or ``alpha`` is out of range.
    """
    for tau in taus:
        check_tau_alpha(tau=tau, alpha=alpha)
    rng = np.random.default_rng(seed)
    tested = [max(total - population.n0, 0) for total in totals]
    with_pilot = hits_after(population.p, tested, rng)
    without = hits_after(population.p_modal, totals, rng)
    shares = np.zeros((len(taus), len(PROCEDURES), len(totals)))
    for t, (hits, modal) in enumerate(zip(with_pilot, without, strict=True)):
        for j, tau in enumerate(taus):
            shares[j, :, t] = shares_of(
                population, hits, modal, n=tested[t], total=totals[t], tau=tau, alpha=alpha
            )
    ideal = np.array([population.ideal(tau) for tau in taus])
    return Forecast(population.n0, tuple(taus), tuple(totals), shares, ideal)


def shares_of(
    population: Population,
    hits: Int64[np.ndarray, " runs m"],
    modal: Int64[np.ndarray, " runs m"],
    *,
    n: int,
    total: int,
    tau: float,
    alpha: float,
) -> list[float]:
    """Certified share of each procedure, on simulated counts of ``n`` draws after a pilot."""
    size = population.components
    given = {
        True: levels(size, n, tau=tau, alpha=alpha, pilot=True) if n else None,
        False: levels(size, total, tau=tau, alpha=alpha, pilot=False),
    }
    return [
        share(
            procedure.correction, given[procedure.pilot], hits if procedure.pilot else modal,
            population.promise, size,
        )
        for procedure in PROCEDURES
    ]  # fmt: skip


def share(
    correction: AbstractCorrection,
    given: Levels | None,
    hits: Int64[np.ndarray, " runs m"],
    promise: UInt16[np.ndarray, " runs m"],
    components: int,
) -> float:
    """Share that a correction rejects, over all runs; each is repeated up to N components."""
    if given is None:
        return 0.0
    found = []
    for drawn, promised in zip(hits, promise, strict=True):
        every = np.resize(drawn, components)
        counted = np.bincount(every, minlength=len(given.p_values)).astype(np.int64)
        evidence = Evidence(
            given.p_values, counted, every, np.resize(promised, components), given.any_time
        )
        found.append(correction.decide(evidence, alpha=given.alpha).mask(every).mean())
    return float(np.mean(found))


def mean_forecast(forecasts: Sequence[Forecast]) -> Forecast:
    """Average over images, each counting the same."""
    return replace(
        forecasts[0],
        shares=np.mean([one.shares for one in forecasts], 0),
        ideal=np.mean([one.ideal for one in forecasts], 0),
    )
