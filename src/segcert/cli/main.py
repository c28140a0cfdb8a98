"""The entry: streams, signals, exit status; what is asked without a command is said at once."""

import os
import signal
import sys

from segcert.cli.overview import said_at_once
from segcert.signals import SHELL, as_interrupts

UNUSABLE = 2
BROKEN_PIPE = SHELL + signal.SIGPIPE  # who reads the output is gone


def main(arguments: list[str] | None = None) -> None:
    """Run a command and exit.

    0 is done, 1 a failed check, 2 an unusable input; by the convention of shells, 130 is ended by
    Ctrl-C, 143 by SIGTERM, 129 by SIGHUP, 141 by a reader of the output that went away.
    """
    words = sys.argv[1:] if arguments is None else arguments
    status = run(words) if said_at_once(words) else run_in_terminal(words)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # Python would try it again, and print a traceback
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            status = status or UNUSABLE
    sys.exit(status)


def run_in_terminal(words: list[str]) -> int:
    """Run a command whose libraries speak in notes, on streams that take every text."""
    import warnings

    from segcert.cli.shell import libraries_in_notes, write_anything

    for stream in (sys.stdout, sys.stderr):
        write_anything(stream)
    os.environ.setdefault("TORCH_LOGS", "-all")  # PyTorch has a handler of its own: errors only
    with libraries_in_notes():
        warnings.filterwarnings("ignore", module="PIL")  # about metadata of images
        return run(words)


def run(words: list[str]) -> int:
    """Run a command and return its exit status; whatever ends it is said in one line."""
    with as_interrupts() as heard:
        try:
            obey(words)
        except BrokenPipeError:
            return BROKEN_PIPE
        except (KeyboardInterrupt, Exception) as error:
            from segcert.cli.application import told
            from segcert.cli.shell import complain

            if isinstance(error, KeyboardInterrupt):
                return complain(str(error) or "interrupted", heard.status)
            return complain(*told(error))
    return 0


def obey(words: list[str]) -> None:
    """Do what was typed; no command is imported but the one that is named."""
    if text := said_at_once(words):
        print(text)
        return
    from segcert.cli.application import bind, executed_code_as_note

    with executed_code_as_note():
        bind(words)()
