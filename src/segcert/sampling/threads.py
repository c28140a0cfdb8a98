"""Work on several items in several threads: no result depends on it.

What runs here must leave the interpreter free, as NumPy and torch do in their loops. Torch itself
works with few threads inside, mostly one: several would compete.
"""

import os
import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from functools import lru_cache
from threading import Barrier
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")
Member = TypeVar("Member")


def in_threads(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Apply a function to each item, in as many threads as torch may use; results in order.

    One item alone is left to torch's own threads.
    """
    items, threads = list(items), torch.get_num_threads()
    if len(items) == 1 or threads == 1:
        return [function(item) for item in items]
    return list(workers(threads).map(function, items))


@lru_cache(maxsize=4)
def workers(threads: int, inside: int = 1) -> ThreadPoolExecutor:
    """Start threads, and tell torch how many to use in each of them."""
    started, before = Barrier(threads + 1), torch.get_num_threads()

    def start() -> None:
        torch.get_num_threads()  # the first call of a thread would undo the next line
        torch.set_num_threads(inside)
        started.wait()

    pool = ThreadPoolExecutor(threads, initializer=start, thread_name_prefix="segcert")
    for _ in range(threads):
        pool.submit(int)
    started.wait()
    torch.set_num_threads(before)  # what later threads of others begin with
    return pool


class Line:
    """Hands out numbers in order, until it is closed."""

    def __init__(self, length: int) -> None:
        self._lock, self._next, self._length = threading.Lock(), 0, length

    def take(self) -> int | None:
        """The next number; None if there is none."""
        with self._lock:
            number = self._next
            self._next += number < self._length
            return number if number < self._length else None

    def close(self) -> None:
        """Hand out no further number."""
        with self._lock:
            self._length = min(self._length, self._next)


def side_by_side(
    work: Callable[[Member, Item], None],
    members: Sequence[Member],
    items: Sequence[Item],
    *,
    inside: int = 1,
    after: Callable[[Item], bool] = lambda _: False,
) -> None:
    """Let each member work on one item at a time, in a thread of its own; items begin in order.

    Args:
        work: Called with a member and an item.
        members: What works; one call at a time for each.
        items: What is worked on.
        inside: Threads that torch uses within a call.
        after: Called in the thread of the caller with each item that is done, in their order; once
            it is true no further item is begun. So those that are done are the first ones.

    Raises:
        Exception: That of the first item that failed, or of ``after``, when no call runs any more.
    """
    line, told = Line(len(items)), queue.SimpleQueue[tuple[int | None, BaseException | None]]()
    flushing = flushes()

    def working(member: Member) -> None:
        torch.set_flush_denormal(flushing)
        while (number := line.take()) is not None:
            error: BaseException | None = None
            try:
                work(member, items[number])
            except BaseException as caught:
                error = caught
                line.close()
            told.put((number, error))
        told.put((None, None))

    pool = workers(len(members), inside)
    running = [pool.submit(copy_context().run, working, member) for member in members]
    try:
        raise_first(follow(told, len(members), items, after, line))
    finally:
        line.close()
        wait(running)


def follow(
    told: "queue.SimpleQueue[tuple[int | None, BaseException | None]]",
    members: int,
    items: Sequence[Item],
    after: Callable[[Item], bool],
    line: Line,
) -> dict[int, BaseException]:
    """Hear of each item that is done, and tell of them in their order; the errors, by number."""
    done, errors, passed = set[int](), dict[int, BaseException](), 0
    while members:
        number, error = told.get()
        if number is None:
            members -= 1
        elif error is not None:
            errors[number] = error
        else:
            done.add(number)
        while passed in done:
            if after(items[passed]):
                line.close()
            passed += 1
    return errors


def raise_first(errors: dict[int, BaseException]) -> None:
    """Raise the error of the first item that failed, if any did."""
    if errors:
        raise errors[min(errors)]


def flushes() -> bool:
    """Tell whether torch takes denormal numbers for 0 in this thread: each has its own setting."""
    return not bool(torch.full((1,), 1e-40) * 1)


os.register_at_fork(after_in_child=workers.cache_clear)  # threads do not survive a fork
