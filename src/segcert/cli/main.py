"""The application: its commands, its exit status, and one line for each error."""

import errno
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from typing import Any

from cyclopts import App, CycloptsError

from segcert.cli.attack import attack
from segcert.cli.certify import certify
from segcert.cli.demo import demo
from segcert.cli.doctor import doctor
from segcert.cli.effect_tables import TABLES
from segcert.cli.effects import call_of, check_effects
from segcert.cli.evaluate import evaluate
from segcert.cli.models import models
from segcert.cli.plan import plan
from segcert.cli.report import report
from segcert.cli.shell import complain, libraries_in_notes, note, write_anything
from segcert.cli.toy import toy
from segcert.cli.train import train
from segcert.cli.verify import verify
from segcert.errors import (
    ArgumentError,
    ExecutedCodeWarning,
    SegcertError,
    VerificationError,
    is_out_of_memory,
)
from segcert.signals import SHELL, as_interrupts

FAILED, UNUSABLE = 1, 2
TRACEBACK = "SEGCERT_TRACEBACK"  # environment variable
NO_ROOM = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
BROKEN_PIPE = SHELL + signal.SIGPIPE  # who reads the output is gone

app = App(
    name="segcert",
    version=version("segcert"),
    help="Certified segmentation: the labels that provably no perturbation within a radius can "
    "change, and abstention elsewhere.\n\n"
    "Start with `segcert demo`; then `segcert certify demo/street6.png --out certified`.",
    help_format="markdown",
    result_action="return_value",
    suppress_keyboard_interrupt=False,  # run() says what happened
)
for command in (
    demo, plan, certify, verify, attack, evaluate, report, models, train, toy, doctor,
):  # fmt: skip
    app.command(command)


def main(arguments: list[str] | None = None) -> None:
    """Run a command and exit.

    0 is done, 1 a failed check, 2 an unusable input; by the convention of shells, 130 is ended by
    Ctrl-C, 143 by SIGTERM, 129 by SIGHUP, 141 by a reader of the output that went away.
    """
    for stream in (sys.stdout, sys.stderr):
        write_anything(stream)
    os.environ.setdefault("TORCH_LOGS", "-all")  # PyTorch has a handler of its own: errors only
    with libraries_in_notes():
        warnings.filterwarnings("ignore", module="PIL")  # about metadata of images
        status = run(arguments)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # Python would try it again, and print a traceback
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            status = status or UNUSABLE
    sys.exit(status)


def run(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit status; whatever ends it is said in one line."""
    with as_interrupts() as heard, executed_code_as_note():
        try:
            bind(arguments)()
        except KeyboardInterrupt as error:
            return complain(str(error) or "interrupted", heard.status)
        except BrokenPipeError:
            return BROKEN_PIPE
        except Exception as error:
            return complain(*told(error))
    return 0


@contextmanager
def executed_code_as_note() -> Iterator[None]:
    """Say in one line, in the usual form, that code of the user's own is executed."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", ExecutedCodeWarning)
        usual = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *rest: Any) -> None:
            if issubclass(category, ExecutedCodeWarning):
                note(str(message))
            else:
                usual(message, category, *rest)

        warnings.showwarning = show  # type: ignore[assignment]  # it hands the rest on
        yield


def told(error: Exception) -> tuple[str, int]:
    """The line and the exit status of an error; see `main`."""
    if isinstance(error, VerificationError):
        return str(error), FAILED
    if isinstance(error, ArgumentError):
        return error.typed, UNUSABLE
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        return f"{error}: make room and repeat the command; what is done is kept", UNUSABLE
    if isinstance(error, (SegcertError, OSError, CycloptsError)):
        return str(error), UNUSABLE
    if is_out_of_memory(error):
        return (
            "out of memory: what is done is kept; try a smaller --batch-size, a smaller input, or "
            "another machine"
        ), UNUSABLE
    if os.environ.get(TRACEBACK):
        raise error
    return (
        f"{type(error).__name__}: {error} (an error that segcert does not know, of itself or of "
        f"the model: what is done is kept; {TRACEBACK}=1 shows where it comes from)"
    ), FAILED


def bind(arguments: list[str] | None = None) -> Callable[[], object]:
    """Read a command line.

    Returns:
        The command with its arguments, to be called.

    Raises:
        CycloptsError: If it is none.
        InputError: If an option is given that has no effect there.
    """
    command, bound, _ = app.parse_args(arguments, exit_on_error=False, print_error=False)
    name = getattr(command, "__name__", "")
    if name in TABLES:  # not the help, nor the version
        check_effects(call_of(name, bound), TABLES[name])
    return partial(command, *bound.args, **bound.kwargs)
