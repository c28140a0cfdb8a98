"""Spread jobs over an engine: which unit goes out next, and what comes back."""

from collections.abc import Callable, Iterator

from segcert.runs.block_files import BlockFiles
from segcert.runs.engines.abstract import AbstractEngine
from segcert.runs.engines.units import CountedUnit, Unit
from segcert.runs.jobs import Job


def spread(
    engine: AbstractEngine, jobs: Iterator[Job], files: BlockFiles, report: Callable[[], None]
) -> Iterator[Job]:
    """Count all units of all jobs, each once.

    Jobs that were begun go first; another one is opened when all units of these are in flight, so
    that not more are open than the engine has room for.

    Args:
        engine: Where units are counted.
        jobs: Opened as they are asked for.
        files: What is counted is there at once, and not counted again.
        report: Called after each unit.

    Yields:
        Each job, when it is complete.
    """
    opened: list[Job] = []
    complete: list[Job] = []

    def take(job: Job, done: CountedUnit) -> None:
        job.take(done)
        if job.complete:
            opened.remove(job)
            complete.append(job)
        report()

    def next_of(job: Job) -> Unit | None:
        while unit := job.ready():
            stored = files.load(unit)
            if stored is None:
                return unit
            take(job, stored)
        return None

    def ready() -> Unit | None:
        for job in tuple(opened):
            if unit := next_of(job):
                return unit
        for job in jobs:
            opened.append(job)
            if unit := next_of(job):
                return unit
        return None

    for done in engine.run(ready):
        job = next(one for one in opened if one.key == done.unit.work)
        files.save(done)
        take(job, done)
        while complete:
            yield complete.pop(0)
    while complete:  # of stored units alone
        yield complete.pop(0)
