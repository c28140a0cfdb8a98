"""Peak memory of a function, in a process of its own."""

import multiprocessing
import resource
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection

UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, bytes


def peak_over(function: Callable[[], object]) -> int:
    """Bytes that a function adds to the memory of a fresh process, at its peak."""
    here, there = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=measure, args=(function, there))
    process.start()
    there.close()
    found = int(here.recv())
    process.join()
    return found


def measure(function: Callable[[], object], answer: Connection) -> None:
    """Run, and tell by how much the peak rose."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    function()
    answer.send((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * UNIT)
