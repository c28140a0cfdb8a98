"""The process that runs programs of others: it waits for one, gives up everything, and serves it.

It starts as a nursery: Python with PyTorch, before anything foreign was read. For each program it
makes a copy of itself (fork), which takes hundredths of a second, and which confines itself first.
"""

import contextlib
import importlib
import os
import secrets
import signal
import socket
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from segcert.errors import ModelError, SegcertError
from segcert.models.confined.confine import confine
from segcert.models.confined.loaders import LOADERS
from segcert.models.confined.messages import Laid, Memory, content_in, heard, receive, send
from segcert.text import reason

HANDLES = 4  # of each program: orders, answers' memory, inputs' memory, content
OPENING = 900.0  # seconds of processor time
MOST_KEPT = 256  # calls whose gradients can still be asked for


def nursery(handle: int, code: Sequence[str]) -> None:
    """Wait for programs, and let a child serve each, until the other side is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(fileno=handle) as line:
        while True:
            order, handles, _, _ = socket.recv_fds(line, 1, HANDLES)
            if not order:
                return
            if os.fork() == 0:
                line.close()
                serve_and_end(handles, code)
            for one in handles:
                os.close(one)


def serve_and_end(handles: Sequence[int], code: Sequence[str]) -> None:
    """Serve one program; the process ends with it, however."""
    status = 1
    try:
        confine(code)
        serve(*handles)
        status = 0
    except EOFError:
        status = 0
    except BaseException:
        traceback.print_exc()  # into nothing, unless somebody looks for a fault here
    finally:
        os._exit(status)


def serve(orders: int, inputs: int, outputs: int, content: int) -> None:
    """Open a program, and call it as often as it is asked to.

    Raises:
        EOFError: If the other side is gone.
    """
    torch.manual_seed(secrets.randbits(63))  # two copies must not draw the same
    order = receive(orders)
    kind, wanted = order["kind"], {"output": order["output"]} if order["output"] else {}
    signal.setitimer(signal.ITIMER_PROF, OPENING)
    opened: list[Any] = []

    def opening() -> dict[str, Any]:
        facts, call = LOADERS[kind](content_in(content), **wanted)
        opened.append(call)
        return facts

    answer = attempt(opening)
    signal.setitimer(signal.ITIMER_PROF, 0)
    send(orders, answer)
    if not opened:
        return
    server = Server(opened[0], orders, Memory(inputs), Memory(outputs))
    while True:
        server.answer(receive(orders))


def attempt(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Do something, and say what came out or what went wrong."""
    try:
        return work()
    except (MemoryError, torch.OutOfMemoryError) as error:
        return {"error": "memory", "text": reason(error)}
    except SegcertError as error:
        return {"error": "model", "text": str(error)}
    except Exception as error:  # foreign programs fail in every way
        memory = "allocate" in str(error)
        text = f"{type(error).__name__} {reason(error)}"
        return {"error": "memory" if memory else "failure", "text": text}


class Server:
    """Calls one program.

    Args:
        call: The program.
        orders: Where orders come from and answers go to.
        inputs: Memory with inputs.
        outputs: Memory for outputs.
    """

    def __init__(
        self, call: Callable[..., Tensor], orders: int, inputs: Memory, outputs: Memory
    ) -> None:
        self.call, self.orders, self.inputs, self.outputs = call, orders, inputs, outputs
        self.kept: dict[int, tuple[list[Tensor], Tensor]] = {}

    def answer(self, order: dict[str, Any]) -> None:
        """Do what is asked, ask for room for what came out, and put it there."""
        torch.set_num_threads(int(order["threads"]))
        found: list[Tensor] = []

        def work() -> dict[str, Any]:
            given = self.inputs.views(heard(order["tensors"]))
            if order["do"] == "call":
                found.append(self.called(given, order["keep"]))
            else:
                found.extend(self.slopes(order["keep"], given))
            return {"tensors": [Laid.of(one).said() for one in found]}

        said = attempt(work)
        send(self.orders, said)
        if "error" in said:
            return
        receive(self.orders)  # there is room
        self.outputs.write([one.detach() for one in found], heard(said["tensors"]))
        send(self.orders, {"done": True})

    def called(self, given: list[Tensor], keep: int | None) -> Tensor:
        """Call the program; with a number to keep it by, so that a gradient can be asked for."""
        if keep is None:
            with torch.inference_mode():
                return one_tensor(self.call(*given))
        leaves = [
            one.clone().requires_grad_() if one.is_floating_point() else one.clone()
            for one in given
        ]
        with torch.enable_grad():
            found = one_tensor(self.call(*leaves))
        self.kept[keep] = leaves, found
        for old in list(self.kept)[:-MOST_KEPT]:
            del self.kept[old]
        return found

    def slopes(self, keep: int, given: list[Tensor]) -> list[Tensor]:
        """Gradients for the inputs of a call that was kept."""
        leaves, found = self.kept.pop(keep)
        asked = [leaf for leaf in leaves if leaf.requires_grad]
        slopes = torch.autograd.grad(found, asked, given[0], allow_unused=True)
        return [
            torch.zeros_like(leaf) if slope is None else slope
            for leaf, slope in zip(asked, slopes, strict=True)
        ]


def one_tensor(found: object) -> Tensor:
    """Refuse anything but a tensor; loaders see to it that there is one."""
    if not isinstance(found, Tensor):
        raise ModelError(f"a program returned {type(found).__name__}, no tensor")
    return found


def main() -> None:
    """Start the nursery; the handle and the folders with packages are on the command line."""
    tempfile.tempdir = "/nowhere"  # nothing can be written; some modules ask for it as they start
    for module in ("torch._dynamo", "torch.export.pt2_archive._package"):
        with contextlib.suppress(ImportError):  # names of other versions of PyTorch
            importlib.import_module(module)
    nursery(int(sys.argv[1]), sys.argv[2:])
