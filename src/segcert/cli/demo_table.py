"""What ``segcert demo`` prints at last: the figures, the statement, and where the page is."""

from pathlib import Path

from rich.table import Table

from segcert.certificates.result import Certificate
from segcert.cli.shell import results, say
from segcert.metrics.score import Score
from segcert.text import percent_text


def print_demo(
    found: Certificate,
    truth: Score,
    folder: Path,
    seconds: float,
    radius: str,
    parts: str,
) -> None:
    """Print the figures, the statement, and where the page is.

    Args:
        found: The certificate.
        truth: How it compares with the true classes.
        folder: Where its files are.
        seconds: What it took.
        radius: The radius in words.
        parts: What components are called.
    """
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column()
    for name, share, meaning in (
        ("certified share", truth.certified, f"of the {parts} keep their class within the radius"),
        ("abstention", truth.components - truth.certified, f"of the {parts}: nothing is said"),
        ("accuracy", int(truth.confusion.trace()), f"of the {parts} have the true class"),
        ("certified accuracy", truth.certified_correct, "are certified and have the true class"),
    ):
        table.add_row(name, f"{percent_text(share, truth.labelled)} {meaning}")
    table.add_row("radius", radius)
    table.add_row("seed", str(found.provenance.seed))
    table.add_row("time", f"{seconds:.1f} s for {found.counts.n0} + {found.counts.n} draws")
    results.print(table)
    results.print()
    say(found.statement)
    results.print()
    say(f"Open {(folder / 'report.html').resolve()}")
