"""What commands print: results on standard output, messages on standard error."""

from collections.abc import Iterable
from contextlib import suppress

from rich.console import Console, ConsoleOptions, RenderableType
from rich.markup import escape
from rich.segment import Segment

from segcert.text import printable


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


def cell(text: object) -> str:
    """Make a text a cell of a table: one line, no markup."""
    return escape(printable(text))


def complain(text: str, status: int) -> int:
    """Print one line about an error and hand on the exit status."""
    with suppress(OSError):  # nobody hears it, but the status says it
        messages.print("[bold red]segcert:[/] ", end="")
        say(" ".join(text.split()), to=messages)
    return status
