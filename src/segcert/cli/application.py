"""The application: its commands, what is typed for them, and what is said of an error."""

import errno
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from typing import Any

from cyclopts import App, CycloptsError

from segcert.cli.effect_tables import TABLES
from segcert.cli.effects import call_of, check_effects
from segcert.cli.overview import ABOUT, COMMANDS
from segcert.cli.shell import note
from segcert.errors import (
    ArgumentError,
    ExecutedCodeWarning,
    SegcertError,
    VerificationError,
    is_out_of_memory,
)

FAILED, UNUSABLE = 1, 2
TRACEBACK = "SEGCERT_TRACEBACK"  # environment variable
NO_ROOM = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)

app = App(
    name="segcert",
    version=partial(version, "segcert"),
    help=ABOUT,
    help_format="markdown",
    result_action="return_value",
    suppress_keyboard_interrupt=False,  # segcert.cli.main.run says what happened
)
for command in COMMANDS:  # each is imported when it is typed
    app.command(f"segcert.cli.{command}:{command}", name=command)


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


def bind(arguments: list[str]) -> Callable[[], object]:
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
