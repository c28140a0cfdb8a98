"""Work on the draws of a batch in several threads, one draw each: no result depends on it.

What runs here must leave the interpreter free, as NumPy and torch do in their loops. Torch itself
works with one thread inside: several would compete.
"""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from threading import Barrier
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_threads(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Apply a function to each item, in as many threads as torch may use; results in order.

    One item alone is left to torch's own threads.
    """
    items, threads = list(items), torch.get_num_threads()
    if len(items) == 1 or threads == 1:
        return [function(item) for item in items]
    return list(workers(threads).map(function, items))


@lru_cache(maxsize=4)
def workers(threads: int) -> ThreadPoolExecutor:
    """Start threads, and tell torch to use one in each of them."""
    started = Barrier(threads + 1)

    def start() -> None:
        torch.get_num_threads()  # the first call of a thread would undo the next line
        torch.set_num_threads(1)
        started.wait()

    pool = ThreadPoolExecutor(threads, initializer=start, thread_name_prefix="segcert")
    for _ in range(threads):
        pool.submit(int)
    started.wait()
    torch.set_num_threads(threads)  # what later threads of others begin with
    return pool


os.register_at_fork(after_in_child=workers.cache_clear)  # threads do not survive a fork
