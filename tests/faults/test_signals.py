"""SIGTERM and SIGHUP end every long command as Ctrl-C does, with the status that shells expect."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from toy_training import toy_set

from segcert.files import atomic_write
from segcert.models.nets.depthwise import DepthwiseNet
from segcert.signals import Deferred, as_interrupts, deferred

Command = Callable[..., Any]
STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
SIGNALS = pytest.mark.parametrize("number", STATUS, ids=lambda number: signal.Signals(number).name)


@pytest.fixture
def ended_at(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[int]]:
    """Let a signal come at a call of the network, which is cheap: three channels in and out."""
    real = DepthwiseNet.forward

    def arrange(call: int, number: int | None, *, cheap: bool = True) -> list[int]:
        calls: list[int] = []

        def forward(net: DepthwiseNet, batch: torch.Tensor) -> torch.Tensor:
            calls.append(len(batch))
            if len(calls) == call and number is not None:
                signal.raise_signal(number)
            return batch if cheap else real(net, batch)

        monkeypatch.setattr(DepthwiseNet, "forward", forward)
        return calls

    return arrange


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def certify(photo: Path, weights: Path, out: Path) -> list[object]:
    return ["certify", photo, "--model", weights, "--n0", 2, "--n", 24, "--tau", 0.6, "--alpha",
            0.1, "--seed", 5, "--batch-size", 1, "--device", "cpu", "--out", out]  # fmt: skip


@SIGNALS
def test_certify_keeps_its_draws(
    command: Command, photo: Path, weights: Path, tmp_path: Path, number: int,
    ended_at: Callable[..., list[int]],
) -> None:  # fmt: skip
    whole = ended_at(0, None)
    assert command(*certify(photo, weights, tmp_path / "whole")).status == 0
    assert len(whole) > 25
    ended_at(20, number)
    arguments = certify(photo, weights, tmp_path / "out")
    done = command(*arguments)
    done.refuses("interrupted; the same command goes on", status=STATUS[number])
    assert [*tree(tmp_path / "out")] == [".photo.partial.npz"]
    again = ended_at(0, None)
    assert command(*arguments).status == 0
    assert len(again) < len(whole) - 10
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")


@SIGNALS
def test_evaluate_keeps_its_blocks(
    command: Command, weights: Path, tmp_path: Path, number: int,
    ended_at: Callable[..., list[int]], draw_pixels: Callable[..., np.ndarray],
) -> None:  # fmt: skip
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    Image.fromarray(draw_pixels()).save(tmp_path / "images" / "a.png")
    Image.fromarray(np.zeros((32, 48), np.uint8)).save(tmp_path / "masks" / "a.png")
    (tmp_path / "names.txt").write_text("road\ncar\nsky\n")
    arguments = [
        "evaluate", "--data", "folder", "--images", tmp_path / "images", "--masks",
        tmp_path / "masks", "--classes", tmp_path / "names.txt", "--model", weights, "--n0", 2,
        "--n", 24, "--tau", 0.6, "--alpha", 0.1, "--seed", 5, "--batch-size", 1, "--device", "cpu",
    ]  # fmt: skip
    whole = ended_at(0, None)
    assert command(*arguments, "--out", tmp_path / "whole").status == 0
    assert len(whole) > 25
    ended_at(20, number)
    command(*arguments, "--out", tmp_path / "out").refuses("interrupted", status=STATUS[number])
    again = ended_at(0, None)
    assert command(*arguments, "--out", tmp_path / "out").status == 0
    assert len(again) < len(whole) - 10
    summaries = [(tmp_path / one / "summary.json").read_bytes() for one in ("out", "whole")]
    assert summaries[0] == summaries[1]


@SIGNALS
def test_train_keeps_the_step_at_hand(
    command: Command, tmp_path: Path, number: int, ended_at: Callable[..., list[int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The state is written after the step in which the signal came, not minutes before it."""
    arguments = [
        "train", "--data", "synthetic", "--epochs", 2, "--batch-size", 2, "--crop", 32, 32,
        "--device", "cpu",
    ]  # fmt: skip
    monkeypatch.setattr("segcert.data.sets.open_training_set", lambda *_, **__: toy_set(6))
    ended_at(5, number, cheap=False)
    out = tmp_path / "net.safetensors"
    done = command(*arguments, "--out", out)
    assert done.status == STATUS[number]
    assert f"interrupted; the same command goes on from {out}.resume.pt" in done.err
    again = ended_at(0, None, cheap=False)
    assert command(*arguments, "--out", out).status == 0
    assert len(again) == 1  # of six steps, five were done
    assert out.exists()
    assert not out.with_name("net.safetensors.resume.pt").exists()


@pytest.mark.parametrize("name", ["attack", "verify", "plan"])
def test_other_commands_end_in_one_line(
    command: Command, photo: Path, weights: Path, tmp_path: Path, name: str,
    ended_at: Callable[..., list[int]],
) -> None:  # fmt: skip
    ended_at(0, None)
    assert command(*certify(photo, weights, tmp_path / "out")).status == 0
    made = tmp_path / "out" / "photo"
    arguments = {
        "attack": ["attack", photo, "--certificate", made, "--smoothed", weights, "--out",
                   tmp_path / "attacked"],
        "verify": ["verify", made, "--replay", "--image", photo, "--model", weights],
        "plan": ["plan", photo, "--model", weights],
    }[name]  # fmt: skip
    before = tree(tmp_path)
    ended_at(3, signal.SIGTERM)
    done = command(*arguments)
    assert done.status == 143, done.err
    assert done.err.splitlines()[-1].startswith("segcert: interrupted")
    assert "Traceback" not in done.err
    assert tree(tmp_path) == before


def test_a_second_signal_does_not_interrupt_the_saving(tmp_path: Path) -> None:
    """Batch systems send SIGTERM and SIGHUP together."""

    def save() -> None:
        with atomic_write(tmp_path / "kept") as file:
            signal.raise_signal(signal.SIGHUP)
            signal.raise_signal(signal.SIGTERM)
            file.write(b"all")

    with as_interrupts() as heard:
        try:
            signal.raise_signal(signal.SIGTERM)
        except KeyboardInterrupt:
            save()
    assert (tmp_path / "kept").read_bytes() == b"all"
    assert heard.status == 143
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL


def test_nohup_stays_nohup() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with as_interrupts():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def let_go() -> None:
    with deferred() as stop:
        signal.raise_signal(signal.SIGTERM)
        assert stop
        stop.go()


def ask_twice() -> None:
    with deferred() as stop:
        signal.raise_signal(signal.SIGINT)
        assert stop
        signal.raise_signal(signal.SIGINT)


def test_a_held_back_signal_waits_and_a_second_one_does_not() -> None:
    with as_interrupts() as heard:
        with pytest.raises(KeyboardInterrupt):
            let_go()
        assert heard.status == 143
    with pytest.raises(KeyboardInterrupt):
        ask_twice()
    with deferred() as stop:
        signal.raise_signal(signal.SIGINT)  # in the last step: the work is done
    assert stop
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert not Deferred()


@pytest.mark.parametrize("closed", ["full", "gone"])
def test_an_output_that_cannot_be_written_is_one_line_at_most(closed: str) -> None:
    """A full disk, and a reader that went away: no traceback when Python flushes at the end."""
    if closed == "full":
        if not Path("/dev/full").exists():
            pytest.skip("no /dev/full on this system")
        with Path("/dev/full").open("wb") as out:
            done = segcert("models", stdout=out)
        assert done.returncode == 2
        assert done.stderr.startswith(b"segcert: ")
        assert done.stderr.count(b"\n") == 1
        return
    reader, writer = os.pipe()
    os.close(reader)
    done = segcert("models", stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) in ((141, b""), (1, b""))


def segcert(*arguments: str, stdout: Any) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "segcert", *arguments]
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, check=False)
