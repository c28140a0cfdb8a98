"""Stop sampling by what is certified so far."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from segcert.certificates.result import Certificate
from segcert.sampling.counts import Counts
from segcert.stats.sequential import Anytime
from segcert.stats.stop_rules import Look, Open, StopRule


@dataclass
class StopWhen:
    """Certify at each look, and ask a rule; to be given to `sample` as ``stop``.

    Whether and when it stops cannot make a certificate wrong: planned looks share alpha, and an
    e-process may stop at any time.

    Args:
        rule: `Stalls`, `Target`, `TimeLimit` or `Open`.
        certify: Makes the certificate of some counts, as it will be made in the end.
        history: Looks before these, if work is resumed.
        clock: Seconds; for tests.
    """

    rule: StopRule
    certify: Callable[[Counts], Certificate]
    history: tuple[Look, ...] = ()
    clock: Callable[[], float] = time.monotonic
    _start: float = field(init=False)

    def __post_init__(self) -> None:
        """Start the clock, at the last look if work is resumed."""
        self._start = self.clock() - (self.history[-1].seconds if self.history else 0)

    @property
    def name(self) -> str:
        """The rule, for the certificate."""
        return str(self.rule)

    def __call__(self, counts: Counts) -> bool:
        """Tell whether to stop after these draws."""
        if not self.history or self.history[-1].draws < counts.n:
            certificate = self.certify(counts)
            gain = self.gain(certificate) if isinstance(self.rule, Open) else None
            share = 1 - certificate.abstain_rate
            look = Look(counts.n, share, self.clock() - self._start, gain)
            self.history = (*self.history, look)
        return self.rule.should_stop(self.history)

    def gain(self, now: Certificate) -> float:
        """By how much the certified share could grow at a later look, were all draws hits.

        Source:
            docs/decisions/0027, claim 4.
        """
        counts = now.counts
        certified = int(now.certified.sum())
        best = max(
            (int(self.certify(all_hits(counts, n)).certified.sum()) for n in later_looks(counts)),
            default=certified,
        )
        return max(best - certified, 0) / counts.components


def later_looks(counts: Counts) -> tuple[int, ...]:
    """Numbers of draws at which the best case is largest: all looks, or the last of an e-process.

    Hits never lower the wealth of an e-process, so its best case is the last one.
    """
    assert counts.sequential is not None
    later = tuple(n for n in counts.sequential.at if n > counts.n)
    return later[-1:] if isinstance(counts.sequential, Anytime) else later


def all_hits(counts: Counts, n: int) -> Counts:
    """Counts as they would be after ``n`` draws if all that are left were hits."""
    return replace(counts, hits=counts.hits + (n - counts.n), n=n)
