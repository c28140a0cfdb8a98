"""Worker processes: the results of one process, whatever dies on the way."""

import os
import pickle
import queue
import signal
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from engine_models import (
    OpenDeadly,
    evaluate_noise,
    figures_of,
    open_net,
    open_nothing,
)

from segcert.errors import InputError, ModelError, SamplingError
from segcert.runs.block_files import BLOCKS
from segcert.runs.engines import processes
from segcert.runs.engines.processes import ProcessEngine, devices_of, retold
from segcert.runs.engines.units import Unit, to_bytes
from segcert.runs.evaluate import Results
from segcert.sampling.streams import Stage
from segcert.sampling.tally import DrawBlock


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """A run of the local engine."""
    return evaluate_noise(open_net(), tmp_path_factory.mktemp("whole"))


def test_two_processes_give_what_one_gives(whole: Results, tmp_path: Path) -> None:
    calls = []
    with ProcessEngine(open_net, workers=2) as engine:
        assert (engine.device_type, engine.capacity) == ("cpu", 4)
        processes = [worker.process for worker in engine._workers]
        found = evaluate_noise(
            open_net(), tmp_path, engine=engine, progress=lambda *call: calls.append(call)
        )
    assert figures_of(found) == figures_of(whole)
    assert sum(row.invalid for row in found.rows) > 0
    assert not (tmp_path / BLOCKS).exists()
    assert not any(process.is_alive() for process in processes)
    assert calls[-1] == ("3/3 i2", 220, 220)
    names = [name for name, _, _ in calls]
    assert names == sorted(names)  # the bar stays with the first unfinished input


def test_a_process_that_dies_is_replaced_and_its_blocks_are_drawn_again(
    whole: Results, tmp_path: Path
) -> None:
    source = OpenDeadly(str(tmp_path), call=60)
    os.environ["SEGCERT_TEST_DRIVER"] = str(os.getpid())
    with ProcessEngine(source, workers=2) as engine:
        before = {worker.process.pid for worker in engine._workers}
        found = evaluate_noise(source(), tmp_path / "run", engine=engine)
        after = {worker.process.pid for worker in engine._workers}
    assert (tmp_path / "killed").exists()
    assert len(before & after) == 1
    assert [one | {"input_sha256": ""} for one in figures_of(found)] == [
        one | {"input_sha256": ""} for one in figures_of(whole)
    ]


@pytest.mark.slow
def test_a_process_that_is_stopped_is_replaced_and_its_blocks_are_drawn_again(
    whole: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGSTOP: it does not die, it only falls silent. A slow machine replaces others, too."""
    monkeypatch.setattr(processes, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(processes, "SILENCE_SECONDS", 2.0)
    monkeypatch.setattr(processes, "MOST_ATTEMPTS", 10**6)
    source = OpenDeadly(str(tmp_path), call=60, number=signal.SIGSTOP)
    monkeypatch.setenv("SEGCERT_TEST_DRIVER", str(os.getpid()))
    with ProcessEngine(source, workers=2) as engine:
        before = {worker.process.pid for worker in engine._workers}
        found = evaluate_noise(source(), tmp_path / "run", engine=engine)
        after = {worker.process.pid for worker in engine._workers}
    assert (tmp_path / "killed").exists()
    assert before - after
    assert [one | {"input_sha256": ""} for one in figures_of(found)] == [
        one | {"input_sha256": ""} for one in figures_of(whole)
    ]


def test_a_stopped_process_holds_up_no_message_and_no_end() -> None:
    """Pipes take 64 KB; and SIGTERM would wait until somebody lets the process go on."""
    with ProcessEngine(open_net, workers=1) as engine:
        (worker,) = engine._workers
        os.kill(worker.process.pid, signal.SIGSTOP)
        for key in ("a", "b"):
            engine.put(key, bytes(1 << 20))
            engine.submit(Unit(key, DrawBlock(Stage.TEST, 0, 1), 1))
    assert worker.process.exitcode == -signal.SIGKILL


def test_only_time_that_was_waited_for_a_process_counts_as_its_silence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A parent that was stopped for a day finds its processes as they were."""
    day = 86_400.0
    clock = iter(range(10**6))
    with ProcessEngine(open_net, workers=1) as engine:
        (worker,) = engine._workers
        while not worker.up:
            engine._hear()
        monkeypatch.setattr(processes.time, "monotonic", lambda: next(clock) * day)
        os.kill(worker.process.pid, signal.SIGSTOP)
        quiet = 0
        while quiet < 3:  # first comes what it had sent before
            quiet = 0 if engine._hear()[0] else quiet + 1
        assert worker.silent == quiet * 2 * processes.BEAT_SECONDS
        assert engine._workers == [worker]
        worker.silent = processes.SILENCE_SECONDS
        while worker in engine._workers:
            engine._hear()
        assert worker.process.exitcode == -signal.SIGKILL


class GonePipe:
    """A pipe whose other end is gone while a message is being sent."""

    def __init__(self) -> None:
        self.sending, self.go_on = threading.Event(), threading.Event()
        self.closed = False
        self.closed_while_sending = False

    def __enter__(self) -> "GonePipe":
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True

    def recv_bytes(self) -> bytes:
        self.sending.wait()
        raise EOFError

    def send_bytes(self, _: bytes) -> None:
        self.sending.set()
        self.go_on.wait()
        self.closed_while_sending = self.closed
        raise BrokenPipeError


def test_a_pipe_is_not_closed_under_who_sends_through_it() -> None:
    """Its number could be that of another file by then, which would get the message."""
    pipe, inbox = GonePipe(), queue.SimpleQueue()
    worker = SimpleNamespace(outbox=queue.SimpleQueue())
    worker.outbox.put(b"large")
    sender = threading.Thread(target=processes.deliver, args=(pipe, worker.outbox), daemon=True)
    listener = threading.Thread(
        target=processes.listen, args=(pipe, worker, inbox, sender), daemon=True
    )
    sender.start()
    listener.start()
    assert inbox.get() == (worker, None)  # it is known to be gone, at once
    pipe.go_on.set()
    listener.join()
    assert pipe.closed
    assert not pipe.closed_while_sending


@pytest.mark.slow
def test_a_block_that_kills_every_process_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segcert.runs.engines.processes.MOST_ATTEMPTS", 2)
    monkeypatch.setattr("segcert.runs.engines.abstract.MOST_ATTEMPTS", 2)
    os.environ["SEGCERT_TEST_DRIVER"] = str(os.getpid())
    source = OpenDeadly(str(tmp_path), call=1, often=True)
    with (
        pytest.raises(SamplingError, match=r"2 workers of engine processes were lost over pilot"),
        ProcessEngine(source, workers=1) as engine,
    ):
        evaluate_noise(source(), tmp_path / "run", images=1, engine=engine)


def test_errors_of_a_process_are_one_line_here(tmp_path: Path) -> None:
    with (
        pytest.raises(SamplingError, match="a worker failed: OSError: no such disk"),
        ProcessEngine(open_nothing, workers=1) as engine,
    ):
        evaluate_noise(open_net(), tmp_path / "a", images=1, engine=engine)


def test_errors_of_ours_keep_their_kind() -> None:
    for error in (InputError("what, rule, way out"), ModelError("mixes draws")):
        again = pickle.loads(to_bytes(retold(error)))
        assert (type(again), str(again)) == (type(error), str(error))
    assert type(retold(ValueError("odd"))) is SamplingError


def test_devices() -> None:
    assert devices_of("cpu", 3) == ("cpu",) * 3
    assert devices_of("cpu", None) == ("cpu",) * len(os.sched_getaffinity(0))
    with pytest.raises(InputError, match="workers must be at least 1, got 0"):
        devices_of("cpu", 0)
    with pytest.raises(InputError, match="device must be 'auto', 'cpu' or a CUDA device"):
        devices_of("cuda:99", None)


def test_cards_are_taken_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert devices_of("auto", None) == ("cuda:0", "cuda:1")
    assert devices_of("cuda", 3) == ("cuda:0", "cuda:1", "cuda:0")
    assert devices_of("cuda:1", 2) == ("cuda:1", "cuda:1")
    assert devices_of("cpu", 1) == ("cpu",)
