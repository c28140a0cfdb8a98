"""The engine of this machine: worker processes, each with the model on its own device."""

import contextlib
import multiprocessing
import os
import pickle
import queue
import signal
import threading
from collections import Counter as Tallied
from collections import deque
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import ClassVar

import torch

from segcert.errors import InputError, SamplingError, SegcertError
from segcert.runs.engines.abstract import (
    MOST_ATTEMPTS,
    UNITS_PER_WORKER,
    AbstractEngine,
    lost_too_often,
)
from segcert.runs.engines.counter import Counter
from segcert.runs.engines.sources import ModelSource
from segcert.runs.engines.units import Done, Unit, packed, to_bytes, unpacked


@dataclass(eq=False)
class Worker:
    """A process, seen from outside.

    Args:
        process: The process.
        pipe: To it.
        device: Of its model.
        units: Handed to it, oldest first.
        known: Keys of the values that it has.
    """

    process: SpawnProcess
    pipe: Connection
    device: str
    units: deque[Unit] = field(default_factory=deque)
    known: set[str] = field(default_factory=set)


class ProcessEngine(AbstractEngine):
    """N processes on this machine; a process that dies is replaced, and its units drawn again.

    Args:
        source: Opens the model in each process; it must be picklable.
        workers: How many; None for one for each CUDA device, or each CPU core.
        device: "auto", "cpu", "cuda" (all CUDA devices in turn) or one CUDA device.

    Raises:
        InputError: If the number or the device is impossible.
    """

    name: ClassVar[str] = "processes"

    def __init__(
        self, source: ModelSource, *, workers: int | None = None, device: str = "auto"
    ) -> None:
        self._devices = devices_of(device, workers)
        self._message = to_bytes(source)
        self._shared: dict[str, object] = {}
        self._waiting: deque[Unit] = deque()
        self._lost: Tallied[Unit] = Tallied()
        self._workers = [self._start(where) for where in self._devices]

    @property
    def device_type(self) -> str:
        """Type of the devices."""
        return torch.device(self._devices[0]).type

    @property
    def capacity(self) -> int:
        """Twice the processes, so that none waits."""
        return UNITS_PER_WORKER * len(self._devices)

    def put(self, key: str, value: object) -> None:
        """Keep a value, to be sent to each process that needs it, once."""
        self._shared[key] = value

    def drop(self, key: str) -> None:
        """Forget a value, here and there."""
        self._shared.pop(key, None)
        for worker in self._workers:
            if key in worker.known:
                worker.known.remove(key)
                with contextlib.suppress(OSError):  # a dead one is found by collect
                    worker.pipe.send_bytes(to_bytes((None, {}, key)))

    def submit(self, unit: Unit) -> None:
        """Hand a unit to the process with the fewest."""
        worker = min(self._workers, key=lambda one: len(one.units))
        news = {key: self._shared[key] for key in unit.keys if key not in worker.known}
        worker.known.update(news)
        worker.units.append(unit)
        with contextlib.suppress(OSError):  # a dead one is found by collect
            worker.pipe.send_bytes(to_bytes((unit, news, "")))

    def collect(self) -> Done:
        """Wait for a result; replace the processes that died.

        Raises:
            SegcertError: If a process refuses its unit.
            SamplingError: If the processes die again and again.
        """
        while True:
            by_pipe: dict[object, Worker] = {worker.pipe: worker for worker in self._workers}
            for pipe in wait(list(by_pipe)):  # type: ignore[arg-type]  # pipes, all of them
                worker = by_pipe[pipe]
                try:
                    found = pickle.loads(worker.pipe.recv_bytes())
                except (EOFError, OSError):
                    self._replace(worker)
                    continue
                if isinstance(found, Exception):
                    raise found
                arrays, seconds = found
                return Done(worker.units.popleft(), unpacked(arrays), seconds)

    def close(self) -> None:
        """End all processes."""
        for worker in self._workers:
            worker.pipe.close()
            worker.process.terminate()
        for worker in self._workers:
            worker.process.join()
        self._workers = []

    def _start(self, device: str) -> Worker:
        """Start a process."""
        ours, theirs = multiprocessing.Pipe()
        share = max(1, len(os.sched_getaffinity(0)) // len(self._devices))
        threads = min(share, torch.get_num_threads())
        process = multiprocessing.get_context("spawn").Process(
            target=work, args=(theirs, self._message, device, threads), daemon=True
        )
        process.start()
        theirs.close()
        return Worker(process, ours, device)

    def _replace(self, dead: Worker) -> None:
        """Put a new process in place of a dead one, and hand its units out again.

        Raises:
            SamplingError: If a unit was lost too often.
        """
        dead.pipe.close()
        dead.process.kill()
        dead.process.join()
        if dead.units:
            first = dead.units[0]  # the others only waited
            self._lost[first] += 1
            if self._lost[first] >= MOST_ATTEMPTS:
                raise lost_too_often(self, first)
        self._workers[self._workers.index(dead)] = self._start(dead.device)
        for unit in dead.units:
            self.submit(unit)


def devices_of(device: str, workers: int | None) -> tuple[str, ...]:
    """One device for each process.

    Raises:
        InputError: If there is no such device, or the number of processes is not positive.
    """
    if workers is not None and workers < 1:
        raise InputError(f"workers must be at least 1, got {workers}")
    cards = torch.cuda.device_count() if torch.cuda.is_available() else 0
    kind = ("cuda" if cards else "cpu") if device == "auto" else device
    if kind == "cpu":
        return ("cpu",) * (workers or len(os.sched_getaffinity(0)))
    known = {"cuda": tuple(f"cuda:{k}" for k in range(cards))}
    known |= {name: (name,) for name in known["cuda"]}
    if not known.get(kind):
        raise InputError(
            f"device must be 'auto', 'cpu' or a CUDA device of this machine, got {device!r}"
        )
    chosen = known[kind]
    return tuple(chosen[k % len(chosen)] for k in range(workers or len(chosen)))


def work(pipe: Connection, source: bytes, device: str, threads: int) -> None:
    """Count what comes through the pipe, until it is closed: the whole life of a process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which closes the pipe
    torch.set_num_threads(threads)
    inbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    threading.Thread(target=receive, args=(pipe, inbox), daemon=True).start()
    shared: dict[str, object] = {}
    counter: Counter | None = None
    while (message := inbox.get()) is not None:
        unit, news, dropped = pickle.loads(message)
        shared.update(news)
        shared.pop(dropped, None)
        if unit is None:
            continue
        try:
            counter = counter or Counter(pickle.loads(source)(), device)
            done = counter.count(unit, shared)
            answer: object = (packed(done.tally), done.seconds)
        except Exception as error:  # the parent raises it
            answer = retold(error)
        try:
            pipe.send_bytes(to_bytes(answer))
        except OSError:
            return  # the parent is gone


def receive(pipe: Connection, inbox: "queue.SimpleQueue[bytes | None]") -> None:
    """Empty the pipe at all times: two sides that both send large messages would wait for ever."""
    while True:
        try:
            inbox.put(pipe.recv_bytes())
        except (EOFError, OSError):
            inbox.put(None)
            return


def retold(error: Exception) -> SegcertError:
    """An error that other processes can raise: ours as it is, others in words."""
    if isinstance(error, SegcertError):
        return type(error)(str(error))
    return SamplingError(f"a worker failed: {type(error).__name__}: {error}")
