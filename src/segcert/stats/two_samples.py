"""Do two independent samples of counts contradict each other, whatever depends on what?

A certificate says that component i had ``k_i`` hits in ``n`` draws. A fresh run of other draws
finds ``f_i`` in ``m``. If both are honest, ``k_i`` and ``f_i`` are independent binomial counts of
one probability, which nobody knows; between components anything may depend on anything.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Integer
from scipy.special import gammaln

from segcert.errors import InputError

FAR = 4.0  # standard deviations; nearer counts are no evidence at any level that is used
OUTWARD = 1 + 1e-6  # far more than the relative error of the sums below; the tests measure it


@dataclass(frozen=True)
class Contradiction:
    """Why two samples cannot both be honest.

    Args:
        tests: How many tests have a small p-value.
        p_value: None of theirs is larger.
        of: Number of tests in all.
    """

    tests: int
    p_value: float
    of: int

    def __str__(self) -> str:
        """Say it in words."""
        return f"{self.tests} of {self.of} have p-values of at most {self.p_value:.2g}"


def fisher_p_values(
    first: Integer[np.ndarray, " m"], second: Integer[np.ndarray, " m"], *, n: int, m: int
) -> Float64[np.ndarray, " m"]:
    """Test for each component whether two counts are of one probability.

    Given the sum of the two, the first is hypergeometric, whatever the probability is; the tail on
    its side is doubled. To save time, counts within four standard deviations get the p-value 1,
    which is valid, too.

    Args:
        first: Hits in ``n`` draws.
        second: Hits in ``m`` other draws, of the same components.
        n: Draws of the first sample, at least 1.
        m: Draws of the second, at least 1.

    Returns:
        Valid p-values, never too small.

    Raises:
        InputError: If a count is negative or above its number of draws.

    Source:
        Fisher (1935), "The logic of inductive inference", J. R. Statist. Soc. 98(1):39-82.
    """
    for counts, draws in ((first, n), (second, m)):
        if draws < 1 or counts.min(initial=0) < 0 or counts.max(initial=0) > draws:
            raise InputError(f"hits must be in 0..{draws}, the number of draws, which is positive")
    first, second = first.astype(np.int64), second.astype(np.int64)
    sums, draws = first + second, n + m
    mean = sums * (n / draws)
    deviation = np.sqrt(mean * (m / draws) * (draws - sums) / max(draws - 1, 1))
    far = np.abs(first - mean) > FAR * deviation
    p_values = np.ones(first.shape)
    if far.any():
        codes, inverse = np.unique(sums[far] * (n + 1) + first[far], return_inverse=True)
        pairs = [divmod(code, n + 1) for code in codes.tolist()]
        found = np.array([tail_of(total, hits, n, m) for total, hits in pairs])
        p_values[far] = found[inverse]
    return p_values


def tail_of(total: int, hits: int, n: int, m: int) -> float:
    """Twice the tail from ``hits`` on, away from the mean, of a hypergeometric law.

    Args:
        total: Hits of both samples.
        hits: Of the first.
        n: Draws of the first.
        m: Draws of the second.
    """
    above = hits * (n + m) > total * n
    k = np.arange(hits, min(n, total) + 1) if above else np.arange(max(0, total - m), hits + 1)
    logs = log_choose(n, k) + log_choose(m, total - k) - log_choose(n + m, np.array([total]))
    return min(1.0, 2 * float(np.exp(logs).sum()) * OUTWARD)


def log_choose(n: int, k: Integer[np.ndarray, " ks"]) -> Float64[np.ndarray, " ks"]:
    """Logarithm of the number of ways to choose k of n."""
    found: np.ndarray = gammaln(n + 1) - gammaln(k + 1.0) - gammaln(n - k + 1.0)
    return found


def contradiction(p_values: Float64[np.ndarray, " m"], *, level: float) -> Contradiction | None:
    """Look for more small p-values than honest samples give, whatever their dependence.

    With J powers of two 1, 2, 4, ... up to the number of tests N, the samples contradict if for
    one of them, t, at least t p-values are at most ``level t / (N J)``. For t = 1 that is
    Bonferroni's test, for the largest t one of the tests as a whole.

    Guarantee: honest samples contradict with a probability of at most ``level``. Proof: on average
    at most ``N u`` of N valid p-values are at most ``u``, whatever their dependence, so that there
    are t or more with a probability of at most ``N u / t`` (Markov), which is ``level / J`` here;
    add up over t.

    Args:
        p_values: One per test.
        level: Probability of a false alarm, in (0, 1).

    Returns:
        The power of two with the smallest p-value in relation to its bound; None if there is none.

    Source:
        Rueger (1978), Metrika 25:171-178, for one t; the union over powers of two is ours.
    """
    tests = p_values.size
    if not tests:
        return None
    powers = 2 ** np.arange(tests.bit_length())
    sorted_ = np.sort(p_values, axis=None)[powers - 1]
    relative = sorted_ / (level * powers / (tests * len(powers)))
    best = int(relative.argmin())
    if relative[best] > 1:
        return None
    return Contradiction(int(powers[best]), float(sorted_[best]), tests)


def means_contradict(first: float, second: float, *, n: int, m: int, level: float) -> bool:
    """Test whether the means of two samples of values in [0, 1] can be of one law.

    Guarantee: independent values of one law give a contradiction with a probability of at most
    ``level``; what a draw holds may depend on itself in any way, so one value per draw is enough.

    Args:
        first: Mean of ``n`` values.
        second: Mean of ``m`` others.
        n: How many there are.
        m: How many others.
        level: Probability of a false alarm, in (0, 1).

    Source:
        Hoeffding (1963), J. Am. Statist. Assoc. 58:13-30, Theorem 2 and its corollary for the
        difference of two means.
    """
    bound = math.sqrt((1 / n + 1 / m) * math.log(2 / level) / 2)
    return abs(first - second) > bound
