"""How much of alpha goes where, and how many draws it takes to certify anything at all."""

import math
from bisect import bisect_left
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float64

from segcert.errors import InputError
from segcert.stats.binomial import tails
from segcert.stats.correction import AbstractCorrection
from segcert.stats.correction_names import as_correction
from segcert.stats.e_process import e_process_p_values
from segcert.stats.holm import holm
from segcert.stats.looks import Looks
from segcert.stats.p_values import no_pilot_p_values, pilot_p_values
from segcert.stats.sequential import Anytime, Sequential

RESERVE = 1 / 3  # largest share of alpha that the no-pilot test sets aside
MOST_DRAWS = 10**7  # where the search for the smallest n gives up


@dataclass(frozen=True)
class Levels:
    """What a correction is given: p-values of the counts and the level for all tests together.

    Args:
        p_values: p-value of each count 0, ..., n; 1 for counts that must not be rejected.
        alpha: Level that is left for the correction.
        any_time: Whether the p-values hold at any time at which the draws may stop.
    """

    p_values: Float64[np.ndarray, " counts"]
    alpha: float
    any_time: bool = False


def check_tau_alpha(*, tau: float, alpha: float) -> None:
    """Refuse a threshold or an error rate out of range.

    Raises:
        InputError: If ``tau`` is not in [1/2, 1) or ``alpha`` not in (0, 1).
    """
    if not 0.5 <= tau < 1:
        raise InputError(f"tau must be in [1/2, 1), got {tau}")
    if not 0 < alpha < 1:
        raise InputError(f"alpha must be in (0, 1), got {alpha}")


def levels(
    components: int,
    n: int,
    *,
    tau: float,
    alpha: float,
    pilot: bool,
    sequential: Sequential | None = None,
) -> Levels:
    """Choose p-values and level; they depend on nothing that was sampled but the final ``n``.

    Without pilot, a component can be wrong in a second way: some class has a probability above
    ``tau``, so that rejecting is right, but the most frequent class is another one. That other
    class has at most ``1 - tau``, so this has a probability of at most
    ``N P(Bin(n, 1 - tau) >= k_min)`` over all components, where ``k_min`` is the smallest count
    that can be rejected; this much of ``alpha`` is reserved.

    Args:
        components: Number of components that are tested, N.
        n: Draws that are counted.
        tau: Probability threshold, in [1/2, 1).
        alpha: Allowed probability that the whole statement is wrong, in (0, 1).
        pilot: Whether other draws chose the class.
        sequential: How sampling was allowed to stop early.

    Raises:
        InputError: If an e-process is asked for without pilot.

    Source:
        docs/guarantees.md, section 2; proofs in docs/decisions/0004 and 0009.
    """
    if isinstance(sequential, Looks):
        alpha = sequential.level(alpha=alpha)
    if isinstance(sequential, Anytime):
        if not pilot:
            raise InputError("stopping at any time needs a pilot: use n0 >= 1, or planned looks")
        return Levels(e_process_p_values(n, tau=tau), alpha, any_time=True)
    if pilot:
        return Levels(pilot_p_values(n, tau=tau), alpha)
    p_values = no_pilot_p_values(n, tau=tau)
    wrong_class = components * tails(n, 1 - tau)
    possible = (p_values <= alpha) & (wrong_class <= alpha * RESERVE)
    if not possible.any():
        return Levels(np.ones(n + 1), alpha)
    k_min = int(np.flatnonzero(possible)[0])
    p_values[:k_min] = 1.0
    return Levels(p_values, math.nextafter(alpha - float(wrong_class[k_min]), 0))  # not rounded up


def can_certify(
    components: int,
    n: int,
    *,
    tau: float,
    alpha: float,
    pilot: bool,
    correction: AbstractCorrection = holm,
    sequential: Sequential | None = None,
    tests: int | None = None,
) -> bool:
    """Tell whether n hits out of n suffice for the first test: if not, nothing is certified.

    Args:
        components: Number of components, N.
        n: Draws that are counted, at most.
        tau: Probability threshold, in [1/2, 1).
        alpha: Allowed probability that the whole statement is wrong, in (0, 1).
        pilot: Whether other draws chose the class.
        correction: The correction for many tests.
        sequential: How sampling may stop early.
        tests: Number of tests if it is another one than ``components``: regions.
    """
    given = levels(components, n, tau=tau, alpha=alpha, pilot=pilot, sequential=sequential)
    first = correction.first_level(tests or components, alpha=given.alpha)
    return bool(given.p_values[n] <= first)


def smallest_n(
    components: int,
    *,
    tau: float,
    alpha: float,
    pilot: bool = True,
    correction: AbstractCorrection | str = holm,
    sequential: Sequential | None = None,
    tests: int | None = None,
) -> int:
    """Smallest number of draws with which anything can be certified.

    Args:
        components: Number of components, N.
        tau: Probability threshold, in [1/2, 1).
        alpha: Allowed probability that the whole statement is wrong, in (0, 1).
        pilot: Whether other draws choose the class.
        correction: The correction for many tests, or its text, such as "ordered".
        sequential: How sampling may stop early.
        tests: Number of tests if it is another one than ``components``: regions.

    Returns:
        The smallest n with ``tau^n <= alpha / N`` (its like for other procedures).

    Raises:
        InputError: If ``tau`` or ``alpha`` is out of range, or n would exceed ten million.
    """
    check_tau_alpha(tau=tau, alpha=alpha)
    correction = as_correction(correction)
    enough = partial(
        can_certify, components, tau=tau, alpha=alpha, pilot=pilot, correction=correction,
        sequential=sequential, tests=tests,
    )  # fmt: skip
    out_of_reach = InputError(f"tau = {tau} would need more than {MOST_DRAWS} draws: lower tau")
    # no p-value is below tau^n, and no level above this one
    if MOST_DRAWS * math.log(tau) > math.log(
        correction.first_level(tests or components, alpha=alpha)
    ):
        raise out_of_reach
    high = 1
    while not enough(high):
        high *= 2
        if high > MOST_DRAWS:
            raise out_of_reach
    return bisect_left(range(high), True, key=enough)


def check_enough_draws(
    components: int,
    n: int,
    *,
    tau: float,
    alpha: float,
    pilot: bool = True,
    correction: AbstractCorrection = holm,
    sequential: Sequential | None = None,
    tests: int | None = None,
) -> None:
    """Refuse a number of draws with which nothing can be certified; see `smallest_n`.

    Raises:
        InputError: With the smallest n that works.
    """
    check_tau_alpha(tau=tau, alpha=alpha)
    enough = partial(
        can_certify, components, tau=tau, alpha=alpha, pilot=pilot, correction=correction,
        sequential=sequential, tests=tests,
    )  # fmt: skip
    if enough(n):
        return
    needed = smallest_n(
        components, tau=tau, alpha=alpha, pilot=pilot, correction=correction,
        sequential=sequential, tests=tests,
    )  # fmt: skip
    raise InputError(
        f"n = {n} draws cannot certify any of {components} components at tau = {tau}, "
        f"alpha = {alpha} with {correction} (even {n} hits of {n} are no proof): "
        f"use n >= {needed}, or a smaller tau"
    )
