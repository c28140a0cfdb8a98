"""Ask the process that runs programs of others; see `server` for its side.

Where the system cannot confine a process (no Linux, another processor), where there is a CUDA
device, and where Python cannot be started again, programs run here, after the same checks.
"""

import atexit
import contextlib
import importlib
import itertools
import mmap
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from segcert.errors import ModelError
from segcert.models.confined.confine import how
from segcert.models.confined.loaders import LOADERS
from segcert.models.confined.messages import (
    BrokenMessageError,
    Laid,
    Memory,
    heard,
    needed,
    receive,
    send,
    written,
)
from segcert.models.confined.onnx_loading import ON_CPU
from segcert.models.confined.stored import Stored, mapped
from segcert.text import reason

PASSED_ON = ("OMP_", "MKL_", "KMP_", "GOMP_", "ONEDNN_", "DNNL_", "ATEN_", "LD_", "LC_")
START = (
    "import sys; sys.path[:0] = sys.argv[2:]; "
    "from segcert.models.confined.server import main; main()"
)
PACKAGES = ("segcert", "torch", "numpy", "onnxruntime", "sympy")  # whose folders are read
LOCK = threading.RLock()


@dataclass(frozen=True, eq=False)
class Opened:
    """A program that is ready.

    Args:
        facts: What it says of itself, to be checked.
        call: It, as a function of tensors that are on ``device``.
        device: Where it runs.
    """

    facts: dict[str, Any]
    call: Callable[..., Tensor]
    device: str


def open_program(kind: str, content: bytes | Stored, *, name: str, output: str = "") -> Opened:
    """Open a program in a confined process, and leave it there, if it is to run on the CPU.

    On a CUDA device it is opened there first, as a trial, and then here.

    Args:
        kind: One of `loaders.LOADERS`.
        content: The program, after all checks.
        name: For errors.
        output: Of programs: key or number of the output that counts; empty for the usual one.

    Raises:
        ModelError: If it cannot be opened.
    """
    confined = Confined(kind, content, name, output) if can_confine() else None
    if confined is not None:
        facts = confined.start()
        if not wants_cuda(kind):
            return Opened(facts, confined, "cpu")
        confined.stop()
    try:
        facts, call = LOADERS[kind](whole(content), *cuda_of(kind), **wanted(output))
    except Exception as error:  # damaged programs fail in every way
        raise ModelError(f"{type(error).__name__} {reason(error)}") from error
    on_cuda = kind == "exported" and wants_cuda(kind)
    return Opened(facts, named(call, name), "cuda" if on_cuda else "cpu")


def can_confine() -> bool:
    """Tell whether this system confines processes, and this Python can be started again."""
    return bool(how()) and bool(sys.executable)


def wants_cuda(kind: str) -> bool:
    """Tell whether a program is to run on a CUDA device."""
    if kind != "exported":
        import onnxruntime

        return "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    return torch.cuda.is_available()


def cuda_of(kind: str) -> tuple[object, ...]:
    """What tells a loader to use a CUDA device; nothing where there is none."""
    if not wants_cuda(kind):
        return ()
    return ("cuda",) if kind == "exported" else (("CUDAExecutionProvider", *ON_CPU),)


def whole(content: bytes | Stored) -> bytes | mmap.mmap:
    """A content as a loader reads it."""
    return mapped(content.handle) if isinstance(content, Stored) else content


def wanted(output: str) -> dict[str, str]:
    """What tells a loader which output counts; nothing for the usual one."""
    return {"output": output} if output else {}


def named(call: Callable[..., Tensor], name: str) -> Callable[..., Tensor]:
    """Let errors of a program say its name."""

    def named_call(*given: Tensor) -> Tensor:
        try:
            return call(*given)
        except ModelError as error:
            raise ModelError(f"model {name}: {error}") from error

    return named_call


class Nursery:
    """The process that waits for programs; started when the first is opened."""

    def __init__(self) -> None:
        self.owner = 0
        self.line: socket.socket | None = None
        self.process: subprocess.Popen[bytes] | None = None

    def ask(self, handles: Sequence[int]) -> None:
        """Let it make a confined copy of itself that holds these handles."""
        for attempt in (True, False):
            if self.line is None or self.owner != os.getpid() or self.ended():
                self.start()
            assert self.line is not None
            try:
                socket.send_fds(self.line, [b"1"], list(handles))
                return
            except OSError:
                self.line = None
                if not attempt:
                    raise

    def ended(self) -> bool:
        """Tell whether the process is gone."""
        return self.process is not None and self.process.poll() is not None

    def start(self) -> None:
        """Start Python again, with nothing of this process but the paths of its packages."""
        mine, theirs = socket.socketpair()
        code = folders_of_packages()
        environment = {
            key: text
            for key, text in os.environ.items()
            if key.startswith(PASSED_ON) or key in ("PATH", "LANG")
        }
        command = [
            sys.executable,
            "-I",
            "-B",
            "-c",
            f"import sys; sys.path[:0] = sys.argv[2:]; {START}",
        ]
        self.process = subprocess.Popen(
            [*command, str(theirs.fileno()), *code],
            pass_fds=[theirs.fileno()], env=environment, cwd="/",
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        theirs.close()
        self.line, self.owner = mine, os.getpid()

    def stop(self) -> None:
        """End it, if this process started it."""
        if self.line is not None and self.owner == os.getpid():
            self.line.close()
            self.line = None
            if self.process is not None:
                self.process.kill()  # it holds nothing; what it made ends by itself
                self.process.wait()


def folders_of_packages() -> list[str]:
    """Where the packages are that a program needs."""
    found: dict[str, None] = {}
    for name in PACKAGES:
        with contextlib.suppress(ImportError):
            module = importlib.import_module(name)
            if module.__file__ is not None:
                found[str(Path(module.__file__).resolve().parents[1])] = None
    return list(found)


NURSERY = Nursery()
atexit.register(NURSERY.stop)


class Confined:
    """A program in a confined process: called like a function, started again when it is gone.

    Args:
        kind: One of `loaders.LOADERS`.
        content: The program, after all checks.
        name: For errors.
        output: Key or number of the output that counts; empty for the usual one.
    """

    def __init__(self, kind: str, content: bytes | Stored, name: str, output: str = "") -> None:
        self.kind, self.content, self.name, self.output = kind, content, name, output
        self.owner = 0
        self.orders = -1
        self.numbers = itertools.count()
        self.lock = threading.RLock()

    def start(self) -> dict[str, Any]:
        """Open the program; returns what it says of itself.

        Raises:
            ModelError: If it cannot be opened.
        """
        mine, theirs = socket.socketpair()
        self.inputs, self.outputs, content = Memory.new(), Memory.new(), written(self.content)
        with LOCK:
            NURSERY.ask([theirs.fileno(), self.inputs.handle, self.outputs.handle, content])
        theirs.close()
        os.close(content)
        self.orders, self.owner = mine.detach(), os.getpid()
        facts = self.spoken({"kind": self.kind, "output": self.output})
        if "error" in facts:
            self.stop()
        return self.checked(facts)

    def stop(self) -> None:
        """End the process, which ends when nobody asks it any more."""
        if self.orders >= 0 and self.owner == os.getpid():
            for handle in (self.orders, self.inputs.handle, self.outputs.handle):
                os.close(handle)
        self.orders = -1

    def __del__(self) -> None:
        """End the process with its last user."""
        with contextlib.suppress(Exception):
            self.stop()

    def __call__(self, *given: Tensor) -> Tensor:
        """Call the program.

        Raises:
            MemoryError: If there was none for it.
            ModelError: If it failed.
        """
        if torch.is_grad_enabled() and any(one.requires_grad for one in given):
            found = Differentiated.apply(self, *given)  # type: ignore[no-untyped-call]
            assert isinstance(found, Tensor)
            return found
        (answer,) = self.asked("call", given, keep=None)
        return answer

    def asked(self, do: str, given: Sequence[Tensor], *, keep: int | None) -> list[Tensor]:
        """Ask, and wait for tensors."""
        with self.lock:
            if self.orders < 0 or self.owner != os.getpid():
                self.start()
            try:
                return self.exchanged(do, given, keep)
            except (EOFError, OSError, BrokenMessageError) as error:
                self.stop()
                raise MemoryError(
                    f"the process that runs model {self.name} ended, as it does for want of memory"
                ) from error
            except BaseException:  # Ctrl-C: what it answers later must not be taken for another
                self.stop()
                raise

    def exchanged(self, do: str, given: Sequence[Tensor], keep: int | None) -> list[Tensor]:
        """Pass inputs on, and take outputs."""
        parts = [Laid.of(one) for one in given]
        self.inputs.grow(needed(parts))
        self.inputs.write([one.detach() for one in given], parts)
        order = {"do": do, "keep": keep, "threads": torch.get_num_threads()}
        send(self.orders, order | {"tensors": [part.said() for part in parts]})
        answer = receive(self.orders)
        if "error" in answer:
            return [self.checked(answer)]  # type: ignore[list-item]  # which raises
        found = heard(answer.get("tensors"))
        self.outputs.grow(needed(found))
        send(self.orders, {"room": True})
        receive(self.orders)
        return self.outputs.read(found)

    def spoken(self, message: dict[str, Any]) -> dict[str, Any]:
        """Say something and hear the answer.

        Raises:
            ModelError: If the process ended.
        """
        try:
            send(self.orders, message)
            return receive(self.orders)
        except (EOFError, OSError, BrokenMessageError) as error:
            self.stop()
            raise ModelError(
                "the confined process ended while it opened the program: it took too long, too "
                "much memory, or did what is not permitted"
            ) from error

    def checked(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Raise what went wrong on the other side.

        Raises:
            MemoryError: If there was none.
            ModelError: If the program failed.
        """
        if "error" not in answer:
            return answer
        text = " ".join(str(answer.get("text")).split())
        if answer["error"] == "memory":
            raise MemoryError(text)
        raise ModelError(f"model {self.name}: {text}")


class Differentiated(torch.autograd.Function):
    """A call whose gradients are asked for later, on the other side."""

    @staticmethod
    def forward(ctx: Any, confined: Confined, *given: Tensor) -> Tensor:
        """Call, and let the other side keep it."""
        ctx.confined, ctx.number = confined, next(confined.numbers)
        ctx.real = [one.is_floating_point() for one in given]
        (found,) = confined.asked("call", given, keep=ctx.number)
        if not found.is_floating_point():
            ctx.mark_non_differentiable(found)
        return found

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        """Ask for the gradients."""
        found = iter(ctx.confined.asked("slopes", [slopes[0].contiguous()], keep=ctx.number))
        return (None, *(next(found) if real else None for real in ctx.real))
