"""What commands print: results on standard output, messages on standard error."""

import codecs
import io
import logging
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from rich.console import Console, ConsoleOptions, RenderableType
from rich.markup import escape
from rich.segment import Segment

from segcert.text import in_ascii, printable

IN_ASCII = "segcert.ascii"  # how encodings replace what they lack


class HarmlessConsole(Console):
    """A console that prints no letter which could steer a terminal, wherever it came from.

    Line breaks stay, so names are made one line first: by `say`, `note` and `cell`.
    """

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render; only what rich itself adds (colours, the cursor of progress bars) is more."""
        for segment in super().render(renderable, options):
            text, style, control = segment
            yield segment if control else Segment(harmless(text), style)


def write_anything(stream: object) -> None:
    """Let a stream of another encoding than UTF-8 take every text.

    What the encoding lacks is written in ASCII, as "-" for a dash, or as "?": a name must not end
    the work.
    """
    if isinstance(stream, io.TextIOWrapper):
        codecs.register_error(IN_ASCII, replaced)
        stream.reconfigure(errors=IN_ASCII)


def replaced(error: UnicodeError) -> tuple[str, int]:
    """What stands for letters that an encoding lacks, and where to go on."""
    assert isinstance(error, UnicodeEncodeError)
    return in_ascii(error.object[error.start : error.end]), error.end


results = HarmlessConsole(highlight=False, soft_wrap=True, emoji=False)
messages = HarmlessConsole(stderr=True, highlight=False, soft_wrap=True, emoji=False)


def harmless(text: str) -> str:
    """Make each line of a text printable."""
    return text if text.isprintable() else "\n".join(map(printable, text.split("\n")))


def say(text: str, *, to: Console = results) -> None:
    """Print one line as it is: no markup, whatever names are in it."""
    to.print(printable(text), markup=False)


def note(text: str) -> None:
    """Print one line that begins with a note, among the messages."""
    messages.print(f"[yellow]note:[/] {cell(text)}")


class AsNotes(logging.Handler):
    """Say what libraries log, each message once, as a note of one line."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Say one message."""
        self.say(record.name.partition(".")[0], record.getMessage())

    def say(self, library: str, text: str) -> None:
        """Say what a library says, if it did not say it before."""
        line = f"{library}: {' '.join(text.split())}"
        if line not in self.said:
            self.said.add(line)
            note(line)


@contextmanager
def libraries_in_notes() -> Iterator[None]:
    """Turn what libraries log, and what they warn of, into notes of this program."""
    root, notes = logging.getLogger(), AsNotes()
    with warnings.catch_warnings():

        def show(message: Warning | str, category: type[Warning], *_: object) -> None:
            notes.say(category.__name__, str(message))

        warnings.showwarning = show  # type: ignore[assignment]  # where it was is not said
        root.addHandler(notes)
        try:
            yield
        finally:
            root.removeHandler(notes)


def cell(text: object) -> str:
    """Make a text a cell of a table: one line, no markup."""
    return escape(printable(text))


def complain(text: str, status: int) -> int:
    """Print one line about an error and hand on the exit status."""
    with suppress(OSError):  # nobody hears it, but the status says it
        messages.print("[bold red]segcert:[/] ", end="")
        say(" ".join(text.split()), to=messages)
    return status
