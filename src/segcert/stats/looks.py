"""Looks fixed in advance: a whole statement at each of K numbers of draws.

At each look the whole procedure (p-values, correction over the components, reserve for a wrong
class) runs at ``alpha / K`` on all draws so far. Each look is wrong with a probability of at most
``alpha / K``, hence any of them with at most ``alpha``, whatever the dependence between looks and
between components: which look is used may depend on everything that was seen.
"""

from dataclasses import dataclass
from itertools import pairwise

from segcert.errors import InputError
from segcert.stats.correction import share_of


@dataclass(frozen=True)
class Looks:
    """Numbers of draws after which sampling may stop.

    Args:
        at: Strictly increasing, at least 1; the last is the largest number of draws.

    Raises:
        InputError: If ``at`` is empty or does not increase from 1 or more.
    """

    at: tuple[int, ...]

    def __post_init__(self) -> None:
        """Check the numbers of draws."""
        if not self.at:
            raise InputError("looks must have at least one number of draws, got none")
        if self.at[0] < 1:
            raise InputError(f"looks must be after 1 draw or more, got {self.at[0]}")
        for before, after in pairwise(self.at):
            if after <= before:
                raise InputError(
                    f"looks must increase, got {after} after {before}: list each number of draws "
                    "once, the largest last"
                )

    @property
    def n(self) -> int:
        """Largest number of draws."""
        return self.at[-1]

    def level(self, *, alpha: float) -> float:
        """Error rate of the statement at one look: ``alpha / K``, never rounded up.

        Args:
            alpha: Allowed probability that a statement at any look is wrong, in (0, 1).

        Returns:
            The largest float64 of which K times is at most ``alpha``.

        Raises:
            InputError: If ``alpha`` is not in (0, 1).

        Source:
            Union bound (Bonferroni) over the looks.
        """
        if not 0 < alpha < 1:
            raise InputError(f"alpha must be in (0, 1), got {alpha}")
        return share_of(alpha, len(self.at))


def even_looks(n: int, k: int, *, first: int | None = None) -> Looks:
    """Space looks evenly up to the largest number of draws.

    Looks at which nothing can be certified waste their part of ``alpha``: give as ``first`` the
    smallest number of draws that can (at ``alpha / k``), or a little more.

    Args:
        n: Largest number of draws, the last look.
        k: Number of looks.
        first: First look; about ``n / k`` if left out.

    Raises:
        InputError: If there is no room for ``k`` looks.
    """
    if k < 1:
        raise InputError(f"k must be at least 1, got {k}")
    if k == 1:
        return Looks((n,))
    start = -(-n // k) if first is None else first
    if n - start < k - 1:
        raise InputError(
            f"k = {k} looks do not fit between {start} and {n} draws: use fewer looks or more draws"
        )
    return Looks(tuple(start + (n - start) * j // (k - 1) for j in range(k)))
