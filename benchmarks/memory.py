"""Peak memory of a function, in a process of its own.

What the allocator keeps of freed memory, to use it again, depends on the order of all requests: up
to hundreds of MiB. The processes are told to give large blocks back at once, so that what counts is
what is held (glibc only).
"""

import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

STATUS = Path("/proc/self/status")
UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, bytes


@dataclass(frozen=True)
class Used:
    """What a function takes."""

    memory: int  # bytes by which the peak of its process rose
    seconds: float  # of the processor


def peak_over(function: Callable[[], object]) -> int:
    """Bytes that a function adds to the memory of a fresh process, at its peak."""
    return used_by(function).memory


def used_by(function: Callable[[], object]) -> Used:
    """What a function takes in a fresh process."""
    os.environ["MALLOC_MMAP_THRESHOLD_"] = str(2**20)
    here, there = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=measure, args=(function, there))
    process.start()
    there.close()
    found: Used = here.recv()
    process.join()
    return found


def measure(function: Callable[[], object], answer: Connection) -> None:
    """Run, and tell by how much the peak rose, and how long the processor worked."""
    before, start = peak(), time.process_time()
    function()
    answer.send(Used(peak() - before, time.process_time() - start))


def peak() -> int:
    """Largest memory of this process so far, bytes.

    On Linux ``ru_maxrss`` begins with that of the parent, which would hide what a child adds.
    """
    if STATUS.exists():
        (line,) = (one for one in STATUS.read_text().splitlines() if one.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT
