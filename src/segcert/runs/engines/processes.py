"""The engine of this machine: worker processes, each with the model on its own device."""

import contextlib
import multiprocessing
import os
import pickle
import queue
import signal
import threading
import time
from collections import Counter as Tallied
from collections import deque
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
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
from segcert.runs.engines.counter import Counter, ModelSource
from segcert.runs.engines.units import CountedUnit, Unit, answered, packed, to_bytes, unpacked
from segcert.signals import INTERRUPTING

BEAT_SECONDS = 1.0  # a process that lives says so, however long its model takes
SILENCE_SECONDS = 120.0  # a process that is up and silent so long is stopped, or lost
START_SECONDS = 900.0  # until a process is up: it reads its libraries first


@dataclass(eq=False)
class ProcessWorker:
    """A process, seen from outside.

    Args:
        process: The process.
        device: Of its model.
        outbox: Messages to it.
        units: Handed to it, oldest first.
        known: Keys of the values that it has.
        up: Whether it was heard.
        silent: Seconds of waiting since it was heard last.
    """

    process: SpawnProcess
    device: str
    outbox: "queue.SimpleQueue[bytes | None]" = field(default_factory=queue.SimpleQueue)
    units: deque[Unit] = field(default_factory=deque)
    known: set[str] = field(default_factory=set)
    up: bool = False
    silent: float = 0.0

    @property
    def lost(self) -> bool:
        """Whether it was silent for too long."""
        return self.silent > (SILENCE_SECONDS if self.up else START_SECONDS)


Inbox = queue.SimpleQueue[tuple[ProcessWorker, bytes | None]]


class ProcessEngine(AbstractEngine):
    """N processes on this machine; one that dies or is stopped is replaced.

    Its units are drawn again, with the same noise. Threads of this process send and receive, so
    that no process that stops listening or stops within a message can stop this one.

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
        self._inbox: Inbox = queue.SimpleQueue()
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
                worker.outbox.put(to_bytes((None, {}, key)))

    def submit(self, unit: Unit) -> None:
        """Hand a unit to the process with the fewest."""
        worker = min(self._workers, key=lambda one: len(one.units))
        news = {key: self._shared[key] for key in unit.keys if key not in worker.known}
        worker.known.update(news)
        worker.units.append(unit)
        worker.outbox.put(to_bytes((unit, news, "")))

    def collect(self) -> CountedUnit:
        """Wait for a result; replace the processes that died, or that are silent.

        Raises:
            SegcertError: If a process refuses its unit.
            SamplingError: If the processes are lost again and again.
        """
        while True:
            worker, message = self._hear()
            if worker not in self._workers:
                continue  # nobody was heard, or one that was replaced
            if message is None:
                self._replace(worker)
            elif message:
                found = pickle.loads(message)
                if isinstance(found, Exception):
                    raise found
                arrays, seconds = found
                return answered(worker.units.popleft(), unpacked(arrays), seconds)

    def close(self) -> None:
        """End all processes: what they had in the making is drawn again."""
        for worker in self._workers:
            worker.process.kill()  # a stopped one would not hear anything milder
            worker.outbox.put(None)
        for worker in self._workers:
            worker.process.join()
        self._workers = []

    def _hear(self) -> tuple[ProcessWorker | None, bytes | None]:
        """Wait a moment for any message, and replace the processes that are silent for too long.

        The silence of a process is what this one spent waiting for it, so that a time in which
        this process itself was stopped or busy does not count.

        Returns:
            Who was heard, if anybody, and the message: empty if it only lives, None if it died.
        """
        began = time.monotonic()
        heard: ProcessWorker | None = None
        message: bytes | None = b""
        with contextlib.suppress(queue.Empty):
            heard, message = self._inbox.get(timeout=BEAT_SECONDS)
        waited = min(time.monotonic() - began, 2 * BEAT_SECONDS)
        for worker in tuple(self._workers):
            worker.silent = 0.0 if worker is heard else worker.silent + waited
            if worker is heard:
                worker.up = True
            elif worker.lost:
                self._replace(worker)
        return heard, message

    def _start(self, device: str) -> ProcessWorker:
        """Start a process, and the threads that talk to it."""
        ours, theirs = multiprocessing.Pipe()
        share = max(1, len(os.sched_getaffinity(0)) // len(self._devices))
        threads = min(share, torch.get_num_threads())
        process = multiprocessing.get_context("spawn").Process(
            target=work, args=(theirs, self._message, device, threads, BEAT_SECONDS), daemon=True
        )
        process.start()
        theirs.close()
        worker = ProcessWorker(process, device)
        sender = threading.Thread(target=deliver, args=(ours, worker.outbox), daemon=True)
        sender.start()
        threading.Thread(
            target=listen, args=(ours, worker, self._inbox, sender), daemon=True
        ).start()
        return worker

    def _replace(self, dead: ProcessWorker) -> None:
        """Put a new process in place of a dead or silent one, and hand its units out again.

        Raises:
            SamplingError: If a unit was lost too often.
        """
        dead.process.kill()
        dead.outbox.put(None)
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


def deliver(pipe: Connection, outbox: "queue.SimpleQueue[bytes | None]") -> None:
    """Send what is in the outbox; a process that does not read holds up this thread alone."""
    while (message := outbox.get()) is not None:
        try:
            pipe.send_bytes(message)
        except OSError:  # it is gone, which is found by `listen`
            return


def listen(pipe: Connection, worker: ProcessWorker, inbox: Inbox, sender: threading.Thread) -> None:
    """Put all messages of a process into the inbox, and None when it is gone.

    The pipe is closed when the other thread has stopped sending, too: until then its number must
    not become that of another file.
    """
    with pipe:
        try:
            while True:
                inbox.put((worker, pipe.recv_bytes()))
        except (EOFError, OSError):
            inbox.put((worker, None))
        worker.outbox.put(None)
        sender.join()


def work(pipe: Connection, source: bytes, device: str, threads: int, beat_seconds: float) -> None:
    """Count what comes through the pipe, until it is closed: the whole life of a process."""
    for number in INTERRUPTING:
        signal.signal(number, signal.SIG_IGN)  # they are for the parent, which ends this process
    torch.set_num_threads(threads)
    inbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    sending = threading.Lock()
    threading.Thread(target=receive, args=(pipe, inbox), daemon=True).start()
    threading.Thread(target=beat, args=(pipe, sending, beat_seconds), daemon=True).start()
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
            with sending:
                pipe.send_bytes(to_bytes(answer))
        except OSError:
            return  # the parent is gone


def beat(pipe: Connection, sending: threading.Lock, seconds: float) -> None:
    """Say at all times that this process lives; a stopped one does not."""
    while True:
        try:
            with sending:
                pipe.send_bytes(b"")
        except OSError:
            return
        time.sleep(seconds)


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
