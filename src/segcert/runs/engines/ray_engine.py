"""The engine of a Ray cluster: actors that hold the model, on as many machines as there are."""

import logging
import os
import socket
from collections import Counter as Tallied
from collections import deque
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch

from segcert.errors import InputError, SamplingError
from segcert.runs.engines.abstract import (
    MOST_ATTEMPTS,
    UNITS_PER_WORKER,
    AbstractEngine,
    lost_too_often,
)
from segcert.runs.engines.counter import Counter, ModelSource
from segcert.runs.engines.processes import retold
from segcert.runs.engines.units import CountedUnit, Unit, answered, packed, unpacked

START_SECONDS = 300.0  # that no worker at all may be up
KNOCK_SECONDS = 10.0
HERE = "local"  # an address: a cluster of its own, on this machine


class Actor:
    """The worker inside the cluster."""

    def __init__(self, source: ModelSource, device: str) -> None:
        self._source, self._device = source, device
        self._counter: Counter | None = None
        if device == "cpu":
            torch.set_num_threads(1)  # Ray counts one core for it

    def up(self) -> bool:
        """Answer, as soon as it is up."""
        return True

    def count(self, unit: Unit, *values: object) -> object:
        """Count a unit; ``values`` are what its keys stand for. Errors are values, too."""
        try:
            self._counter = self._counter or Counter(self._source(), self._device)
            done = self._counter.count(unit, dict(zip(unit.keys, values, strict=True)))
            return packed(done.tally), done.seconds
        except Exception as error:  # the driver raises it
            return retold(error)


@dataclass(eq=False)
class ActorWorker:
    """An actor, seen from the driver.

    Args:
        actor: Its handle.
        starting: Answers when it is up; None from then on.
        flying: Its units, by the reference to their results.
    """

    actor: Any
    starting: Any
    flying: dict[Any, Unit] = field(default_factory=dict)


class RayEngine(AbstractEngine):
    """Actors on a Ray cluster; what a lost one had is drawn again by another.

    Args:
        source: Opens the model in each actor; it must be picklable, and work on each machine.
        address: Of the cluster: "auto" for the one of this machine or of RAY_ADDRESS, HOST:PORT,
            or "local" for one of its own.
        workers: How many actors; None for one for each CUDA device, or each CPU core.
        device: "auto" (CUDA if the cluster has any), "cpu" or "cuda".

    Raises:
        InputError: If Ray is not installed, there is no cluster, or it has no such device.
    """

    name: ClassVar[str] = "ray"

    def __init__(
        self,
        source: ModelSource,
        *,
        address: str = "auto",
        workers: int | None = None,
        device: str = "auto",
    ) -> None:
        if workers is not None and workers < 1:
            raise InputError(f"workers must be at least 1, got {workers}")
        self._ray = connect(address)
        try:
            self._device, there = device_of(device, self._ray.cluster_resources())
            self._share = {"num_gpus": 1} if self._device == "cuda" else {"num_cpus": 1}
            self._source = self._ray.put(source)
            self._shared: dict[str, Any] = {}
            self._orphans: deque[Unit] = deque()
            self._lost: Tallied[Unit] = Tallied()
            self._stillborn = 0
            self._workers = [self._start() for _ in range(workers or there)]
            self._wait_for_a_worker()
        except BaseException:
            self._ray.shutdown()
            raise

    @property
    def device_type(self) -> str:
        """Type of the devices."""
        return self._device

    @property
    def capacity(self) -> int:
        """Twice the actors that are up."""
        return UNITS_PER_WORKER * max(1, len(self._up))

    def put(self, key: str, value: object) -> None:
        """Put a value into the object store, from which each machine takes it once."""
        self._shared[key] = self._ray.put(value)

    def drop(self, key: str) -> None:
        """Forget a value."""
        self._shared.pop(key, None)

    def submit(self, unit: Unit) -> None:
        """Hand a unit to the actor with the fewest; keep it where none is up."""
        if not self._up:
            self._orphans.append(unit)
            return
        worker = min(self._up, key=lambda one: len(one.flying))
        values = [self._shared[key] for key in unit.keys]
        worker.flying[worker.actor.count.remote(unit, *values)] = unit

    def collect(self) -> CountedUnit:
        """Wait for a result, and for actors that start; replace those that are lost.

        Raises:
            SegcertError: If an actor refuses its unit.
            SamplingError: If units are lost again and again, or no actor is left for long.
        """
        while True:
            waited = {ref: worker for worker in self._workers for ref in worker.flying}
            waited |= {one.starting: one for one in self._workers if one.starting is not None}
            limit = None if any(one.flying for one in self._workers) else START_SECONDS
            finished, _ = self._ray.wait(list(waited), num_returns=1, timeout=limit)
            if not finished:
                raise no_worker()
            worker = waited[finished[0]]
            found = self._result(worker, finished[0])
            if isinstance(found, Exception):
                raise found
            if found is not None:
                return found

    def close(self) -> None:
        """End the actors and leave the cluster."""
        for worker in self._workers:
            self._ray.kill(worker.actor)
        self._workers = []
        self._ray.shutdown()

    @property
    def _up(self) -> list[ActorWorker]:
        """The actors that are up."""
        return [worker for worker in self._workers if worker.starting is None]

    def _start(self) -> ActorWorker:
        """Ask the cluster for an actor; it comes when there is room."""
        made = self._ray.remote(Actor).options(scheduling_strategy="SPREAD", **self._share)
        actor = made.remote(self._source, self._device)
        return ActorWorker(actor, actor.up.remote())

    def _wait_for_a_worker(self) -> None:
        """Wait until an actor is up.

        Raises:
            SamplingError: If none comes for long.
        """
        starting = [worker.starting for worker in self._workers]
        finished, _ = self._ray.wait(starting, num_returns=1, timeout=START_SECONDS)
        if not finished:
            raise no_worker()
        for worker in self._workers:
            if worker.starting in finished:
                self._result(worker, worker.starting)

    def _result(self, worker: ActorWorker, ref: Any) -> CountedUnit | Exception | None:
        """Take what an actor answers; None if it says that it is up, or is lost."""
        try:
            found = self._ray.get(ref)
        except self._ray.exceptions.RayTaskError as error:
            return retold(error)
        except self._ray.exceptions.RayError:
            self._lose(worker, ref)
            return None
        if ref == worker.starting:
            worker.starting, self._stillborn = None, 0
            while self._orphans:
                self.submit(self._orphans.popleft())
            return None
        unit = worker.flying.pop(ref)
        if isinstance(found, Exception):
            return found
        arrays, seconds = found
        return answered(unit, unpacked(arrays), seconds)

    def _lose(self, worker: ActorWorker, ref: Any) -> None:
        """Replace a lost actor, and hand its units out again.

        Raises:
            SamplingError: If one of them was lost too often.
        """
        units = list(worker.flying.values())
        if ref in worker.flying:
            self._lost[worker.flying[ref]] += 1
            if self._lost[worker.flying[ref]] >= MOST_ATTEMPTS:
                raise lost_too_often(self, worker.flying[ref])
        elif ref == worker.starting:
            self._stillborn += 1
            if self._stillborn >= MOST_ATTEMPTS * len(self._workers):
                raise no_worker()
        self._ray.kill(worker.actor)
        self._workers.remove(worker)
        self._workers.append(self._start())
        for unit in units:
            self.submit(unit)


def connect(address: str) -> Any:
    """Join a cluster.

    Raises:
        InputError: If Ray is not installed, or there is no cluster.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault(
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0"
    )  # CPU actors keep what they see
    try:
        import ray
    except ImportError as error:
        raise InputError("engine ray needs Ray: pip install 'segcert[ray]'") from error
    if ray.is_initialized():
        raise InputError("this process is in a Ray cluster already: ray.shutdown() first")
    if address == "auto":
        address = os.environ.get("RAY_ADDRESS", address)
    try:
        check_listens(address)
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (Exception, SystemExit) as error:  # of many kinds, with many lines
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(
            f"no Ray cluster at address {address!r} ({reason}): start one with `ray start --head`, "
            f"name its HOST:PORT with --address, or use --address {HERE}"
        ) from error
    return ray


def check_listens(address: str) -> None:
    """Knock at HOST:PORT; Ray itself would wait for minutes, and then end the process.

    Raises:
        OSError: If nobody answers.
    """
    host, colon, port = address.rpartition(":")
    if colon and port.isdecimal() and "/" not in host:
        socket.create_connection((host.strip("[]"), int(port)), KNOCK_SECONDS).close()


def device_of(device: str, resources: dict[str, float]) -> tuple[str, int]:
    """The type of the devices, and how many there are.

    Raises:
        InputError: If the cluster has none.
    """
    cards, cores = int(resources.get("GPU", 0)), int(resources.get("CPU", 0))
    kind = ("cuda" if cards else "cpu") if device == "auto" else device
    if kind not in ("cpu", "cuda"):
        raise InputError(f"device of engine ray must be 'auto', 'cpu' or 'cuda', got {device!r}")
    found = cards if kind == "cuda" else cores
    if not found:
        raise InputError(f"the Ray cluster has no {kind} device: it has {cards} GPUs, {cores} CPUs")
    return kind, found


def no_worker() -> SamplingError:
    """Say that no actor comes up: there is no room, or each one dies as it starts."""
    return SamplingError(
        "no worker comes up in the Ray cluster: look at `ray status` (is there room, and segcert "
        "on each machine?); what is done is kept, so the same command goes on"
    )
