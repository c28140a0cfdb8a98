"""SIGTERM and SIGHUP end a command as Ctrl-C does, so that what is done is kept."""

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

Handler = Callable[[int, FrameType | None], None]
ENDING = (signal.SIGTERM, signal.SIGHUP)  # from time limits, batch systems, closed terminals
INTERRUPTING = (signal.SIGINT, *ENDING)
SHELL = 128  # what shells add to the number of a signal


@dataclass
class Heard:
    """The signal that ended the work; Ctrl-C, if no other one came."""

    number: int = signal.SIGINT

    @property
    def status(self) -> int:
        """Exit status by the convention of shells: 130, 143 or 129."""
        return SHELL + self.number


@contextmanager
def as_interrupts() -> Iterator[Heard]:
    """Let SIGTERM and SIGHUP raise KeyboardInterrupt within the block.

    Only the first of them does: batch systems send both, and what the first one has begun to save
    must not be interrupted by the second. One that was ignored before (``nohup``) stays ignored.
    Outside of the main thread, where Python has no handlers, nothing changes.
    """
    heard, before = Heard(), dict[int, Any]()

    def interrupt(number: int, _: FrameType | None) -> None:
        heard.number = number
        for other in before:
            signal.signal(other, signal.SIG_IGN)
        raise KeyboardInterrupt

    before |= installed(interrupt, ENDING)
    try:
        yield heard
    finally:
        put_back(before)


@dataclass
class Deferred:
    """A signal that is held back until it suits."""

    waiting: list[int] = field(default_factory=list)
    before: dict[int, Any] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether one came."""
        return bool(self.waiting)

    def hold(self, number: int, _: FrameType | None) -> None:
        """Take the first signal; a second one does at once what it did before."""
        self.waiting.append(number)
        put_back(self.before)

    def go(self) -> None:
        """Do what the signal would have done, usually raise KeyboardInterrupt."""
        put_back(self.before)
        for number in self.waiting:
            signal.raise_signal(number)


@contextmanager
def deferred() -> Iterator[Deferred]:
    """Hold back SIGINT, SIGTERM and SIGHUP, if they would raise; who works asks, and lets go.

    What was held back until the end of the block is forgotten: the work is done.
    """
    found = Deferred()
    handled = [number for number in INTERRUPTING if callable(signal.getsignal(number))]
    found.before = installed(found.hold, handled, default_only=False)
    try:
        yield found
    finally:
        put_back(found.before)


def installed(
    handler: Handler, numbers: Iterable[int], *, default_only: bool = True
) -> dict[int, Any]:
    """Install a handler of signals; the handlers that were there before."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    return {
        int(number): signal.signal(number, handler)
        for number in numbers
        if not default_only or signal.getsignal(number) is signal.SIG_DFL
    }


def put_back(before: dict[int, Any]) -> None:
    """Install the earlier handlers."""
    for number, handler in before.items():
        signal.signal(number, handler)
