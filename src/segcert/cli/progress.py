"""Progress bars for long work, on standard error."""

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from segcert.text import printable


class Rate(ProgressColumn):
    """Draws per second."""

    def render(self, task: Task) -> Text:
        """Print the speed of a task."""
        return Text(f"{task.speed:.1f} draws/s" if task.speed else "")


class DrawProgress:
    """One bar for the input at hand: draws done, draws per second, time left."""

    def __init__(self, console: Console) -> None:
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            Rate(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,  # a log file gets no bars, nor empty lines
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> "DrawProgress":
        """Start to draw."""
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the screen as it was."""
        self._bars.stop()

    def __call__(self, name: str, done: int, total: int) -> None:
        """Show how far the sampling of an input is; a total that falls ends it early."""
        if name not in self._tasks:
            for old in self._tasks.values():
                self._bars.update(old, visible=False)
            self._tasks[name] = self._bars.add_task(
                escape(printable(name)), total=total, completed=0
            )
        self._bars.update(self._tasks[name], completed=done, total=total)
