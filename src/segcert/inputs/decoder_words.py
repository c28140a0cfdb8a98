"""What the decoder of TIFF files prints on standard error: a reason or a note, and no raw line."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock

STDERR = 2
ESCAPE = b"\x1b"  # begins what a progress bar draws meanwhile
FILE = "tempfile.tif: "  # what Pillow calls every file
TURN = Lock()  # there is one standard error for all threads


@contextmanager
def overheard() -> Iterator[list[str]]:
    """Collect the lines that C code prints on standard error; they are complete at the end."""
    lines: list[str] = []
    with ExitStack() as stack:
        stack.enter_context(TURN)
        try:
            file = stack.enter_context(tempfile.TemporaryFile())
            kept = os.dup(STDERR)
        except OSError:  # no room, or closed: then it is printed, or nobody sees it
            yield lines
            return
        stack.callback(os.close, kept)
        if sys.stderr is not None:
            sys.stderr.flush()
        os.dup2(file.fileno(), STDERR)
        try:
            yield lines
        finally:
            os.dup2(kept, STDERR)
            file.seek(0)
            for line in file.read().splitlines(keepends=True):
                if ESCAPE in line:
                    os.write(STDERR, line)
                elif line.strip():
                    lines.append(line.decode(errors="replace").strip().removeprefix(FILE))


def complaint(lines: list[str]) -> str:
    """Join what a decoder printed to part of one line: the first, and how many more."""
    more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
    return f"{lines[0].rstrip('.')}{more}"
