"""One way in a process of its own: processor time of its parts, peak memory, what it certified."""

import multiprocessing
import os
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection

import torch

from benchmarks.memory import peak

from .setting import Found, Setting

Way = Callable[[Setting], Found]


@dataclass(frozen=True)
class Row:
    """What one way took and gave.

    Args:
        name: Of the way.
        draws: Processor seconds of noise, network, labels and counts.
        statistics: Processor seconds of what follows.
        memory: Bytes by which the peak rose.
        answered: Components that it answers for.
        certified: Components that it proves.
    """

    name: str
    draws: float
    statistics: float
    memory: int
    answered: int
    certified: int

    @property
    def seconds(self) -> float:
        """Of all."""
        return self.draws + self.statistics


def measured(name: str, way: Way, setting: Setting) -> Row:
    """Measure one way here; memory counts only in a fresh process."""
    torch.manual_seed(0)
    before = peak()
    found = way(setting)
    return Row(
        name,
        setting.spent.get("draws", 0.0),
        setting.spent.get("statistics", 0.0),
        peak() - before,
        found.certified.size,
        int(found.certified.sum()),
    )


def measured_apart(name: str, way: Way, setting: Setting) -> Row:
    """Measure one way in a process of its own, with one thread.

    Raises:
        RuntimeError: If it fails there.
    """
    os.environ["MALLOC_MMAP_THRESHOLD_"] = str(2**20)  # large blocks are given back at once
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=answer, args=(name, way, setting, there))
    process.start()
    there.close()
    try:
        row: Row = here.recv()
    except EOFError as error:
        raise RuntimeError(f"{name} ended before it had an answer") from error
    finally:
        process.join()
    return row


def answer(name: str, way: Way, setting: Setting, there: Connection) -> None:
    """Measure, and send what was found."""
    torch.set_num_threads(1)
    there.send(measured(name, way, setting))
