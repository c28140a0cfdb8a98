"""Stop sampling by what is certified so far."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from segcert.certificates.result import Certificate
from segcert.sampling.counts import Counts
from segcert.stats.stop_rules import Look, StopRule


@dataclass
class StopWhen:
    """Certify at each look, and ask a rule; to be given to `sample` as ``stop``.

    Whether and when it stops cannot make a certificate wrong: planned looks share alpha, and an
    e-process may stop at any time.

    Args:
        rule: `Stalls`, `Target` or `TimeLimit`.
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
            share = 1 - self.certify(counts).abstain_rate
            look = Look(counts.n, share, self.clock() - self._start)
            self.history = (*self.history, look)
        return self.rule.should_stop(self.history)
