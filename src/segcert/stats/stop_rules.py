"""When to stop sampling: rules on what was certified so far, as plain values.

A rule never touches a guarantee: p-values of the e-process hold at any stopping time, and looks
fixed in advance have paid for each of them. It only decides how many draws are spent. A rule may
read a clock, as long as draws that were begun are counted: see docs/decisions/0009.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from segcert.errors import InputError

POINTS = 0.005  # half a percentage point
SECONDS = {"s": 1, "m": 60, "h": 3600}  # of a unit of time


@dataclass(frozen=True)
class Look:
    """What is known after some draws.

    Args:
        draws: Draws that were counted so far.
        share: Certified share of all components, in [0, 1].
        seconds: Time since sampling began.
        gain: By how much the share could still grow at a later look; None where nobody asks.

    Raises:
        InputError: If a value is out of range.
    """

    draws: int
    share: float
    seconds: float
    gain: float | None = None

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.gain is not None and not 0 <= self.gain <= 1:
            raise InputError(f"gain must be in [0, 1], got {self.gain}")
        if self.draws < 1:
            raise InputError(f"draws must be at least 1, got {self.draws}")
        if not 0 <= self.share <= 1:
            raise InputError(f"share must be in [0, 1], got {self.share}")
        if not self.seconds >= 0:
            raise InputError(f"seconds must be at least 0, got {self.seconds}")


@dataclass(frozen=True)
class Stalls:
    """Stop when a quarter more draws have certified hardly anything more.

    The best share so far is compared with the best share at most 4/5 of the draws ago. Best
    shares, because the share falls between the draws at which one more miss is allowed; a part of
    the draws, so that looking more often changes little. A run never stops before anything is
    certified, and while less than ``points`` is certified (which is how every image begins) only
    if twice the draws did not help either.

    Args:
        points: Stop if the share grew by less than this, in (0, 1].

    Raises:
        InputError: If ``points`` is out of range.
    """

    points: float = POINTS

    def __post_init__(self) -> None:
        """Check the range."""
        if not 0 < self.points <= 1:
            raise InputError(
                f"points must be in (0, 1], got {self.points}: for example "
                "certified-share-stalls=0.01 for one percentage point"
            )

    def should_stop(self, history: tuple[Look, ...]) -> bool:
        """Decide after the last look; the history begins with the first one."""
        if not history:
            return False
        n, best = history[-1].draws, max(look.share for look in history)
        before, long_before = best_share(history, 4 * n // 5), best_share(history, n // 2)
        stalls = before >= self.points and best - before < self.points
        hopeless = long_before > 0 and best - long_before < self.points
        return stalls or hopeless

    def __str__(self) -> str:
        """Print what `parse_stop` reads."""
        return f"certified-share-stalls={self.points!r}"


@dataclass(frozen=True)
class Target:
    """Stop when a given share of the components is certified.

    Args:
        share: Of all components, in (0, 1].

    Raises:
        InputError: If ``share`` is out of range.
    """

    share: float

    def __post_init__(self) -> None:
        """Check the range."""
        if not 0 < self.share <= 1:
            raise InputError(
                f"target must be a share in (0, 1], got {self.share}: for example target=0.9"
            )

    def should_stop(self, history: tuple[Look, ...]) -> bool:
        """Decide after the last look."""
        return bool(history) and history[-1].share >= self.share

    def __str__(self) -> str:
        """Print what `parse_stop` reads."""
        return f"target={self.share!r}"


@dataclass(frozen=True)
class TimeLimit:
    """Stop at the first look after some time.

    Args:
        seconds: Since sampling began, above 0.

    Raises:
        InputError: If ``seconds`` is not a positive number.
    """

    seconds: float

    def __post_init__(self) -> None:
        """Check the range."""
        if not 0 < self.seconds < math.inf:
            raise InputError(
                f"time must be a positive number of seconds, got {self.seconds}: "
                "for example time=60s or time=2m"
            )

    def should_stop(self, history: tuple[Look, ...]) -> bool:
        """Decide after the last look."""
        return bool(history) and history[-1].seconds >= self.seconds

    def __str__(self) -> str:
        """Print what `parse_stop` reads."""
        return f"time={self.seconds!r}s"


@dataclass(frozen=True)
class Open:
    """Stop when hardly anything is open: what could still be gained is at most a share.

    A component is open if it is not certified, and would be at a later look if every draw until
    then were a hit. Nothing is guessed: going on could not have certified more than this share
    more, with the corrections of segcert (docs/decisions/0027).

    Args:
        share: Of all components, in [0, 1).

    Raises:
        InputError: If ``share`` is out of range.
    """

    share: float

    def __post_init__(self) -> None:
        """Check the range."""
        if not 0 <= self.share < 1:
            raise InputError(f"open must be a share in [0, 1), got {self.share}: try open=0.01")

    def should_stop(self, history: tuple[Look, ...]) -> bool:
        """Decide after the last look."""
        gain = history[-1].gain if history else None
        return gain is not None and gain <= self.share

    def __str__(self) -> str:
        """Print what `parse_stop` reads."""
        return f"open={self.share!r}"


def best_share(history: tuple[Look, ...], draws: int) -> float:
    """Return the largest certified share after at most so many draws; 0 before the first look."""
    return max((look.share for look in history if look.draws <= draws), default=0.0)


StopRule = Stalls | Target | TimeLimit | Open
RULES: dict[str, Callable[[float], StopRule]] = {
    "certified-share-stalls": Stalls,
    "target": Target,
    "time": TimeLimit,
    "open": Open,
}
CHOICES = (
    "use certified-share-stalls, certified-share-stalls=0.01, target=0.9, open=0.01, time=60s or "
    "time=2m"
)


def parse_stop(text: str) -> StopRule:
    """Read a rule from the command line.

    Args:
        text: ``certified-share-stalls``, ``certified-share-stalls=POINTS``, ``target=SHARE``,
            ``open=SHARE`` or ``time=SECONDS``; a time may end in ``s``, ``m`` or ``h``.

    Raises:
        InputError: With the choices, or the range of the value.
    """
    name, equals, value = text.strip().partition("=")
    if name not in RULES:
        raise InputError(f"unknown rule to stop, got {text!r}: {CHOICES}")
    if name == "certified-share-stalls" and not equals:
        return Stalls()
    read = seconds if name == "time" else float
    try:
        number = read(value)
    except ValueError:
        raise InputError(f"{name} needs a number, got {text!r}: {CHOICES}") from None
    return RULES[name](number)


def seconds(text: str) -> float:
    """Read a time such as ``90``, ``90s``, ``1.5m`` or ``2h``, in seconds."""
    unit = SECONDS.get(text[-1:])
    return float(text) if unit is None else float(text[:-1]) * unit
