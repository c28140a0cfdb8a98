"""Print what was measured as Markdown."""

from collections.abc import Sequence
from pathlib import Path

from segcert.files import atomic_write
from segcert.text import percent_text

from .measure import Row
from .setting import Setting

BEGIN, END = "<!-- peers: begin -->", "<!-- peers: end -->"
DAY = 24 * 60 * 60  # seconds
SQUARE = 1024**2  # pixels of the image that others report on


def markdown(rows: Sequence[Row], setting: Setting, *, ours: str) -> str:
    """The table, and below it what its figures mean for a whole image.

    Args:
        rows: What was measured, one way each.
        setting: What all were asked.
        ours: Name of the way that the others are compared with.
    """
    height, width = setting.size
    (base,) = (row for row in rows if row.name == ours)
    lines = [
        f"One street of {width}x{height}, the shipped `synthetic` net, sigma {setting.sigma:g}, "
        f"tau {setting.tau:g}, alpha {setting.alpha:g}, {setting.n0} + {setting.n} draws; "
        "processor seconds of one thread.",
        "",
        f"| way | draws | statistics | together / {ours} | peak MiB | certified |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        lines.append(
            f"| {row.name} | {row.draws:.1f} | {seconds(row.statistics)} | "
            f"{row.seconds / base.seconds:.2f} | {row.memory / 2**20:.0f} | {certified(row)} |"
        )
    return "\n".join([*lines, "", *map("- {}".format, notes(rows, setting, base))])


def seconds(value: float) -> str:
    """Seconds, with more digits where there are few; a dash if they are among the draws."""
    if not value:
        return "–"
    return f"{value:.1f}" if value >= 1 else f"{value:.2g}"


def certified(row: Row) -> str:
    """The share of a whole image, or whether the one pixel is certified."""
    if row.answered == 1:
        return "this pixel" if row.certified else "not this pixel"
    return percent_text(row.certified, row.answered)


def notes(rows: Sequence[Row], setting: Setting, base: Row) -> list[str]:
    """What follows for whole images, in words."""
    found = []
    for row in rows:
        if row.answered == 1:
            days = row.seconds * setting.components / DAY
            found.append(
                f"{row.name}: repeated for each of {setting.components:,} pixels, {days:.1f} days."
            )
        elif row.statistics > 10 * base.statistics:
            square = row.statistics * SQUARE / setting.components
            found.append(
                f"{row.name}: the statistics alone take {row.statistics / base.statistics:.0f} "
                f"times those of {base.name}, {square:.0f} s an image of 1024x1024."
            )
    return found


def write_between_markers(path: Path, text: str) -> None:
    """Replace what lies between the two markers of a page.

    Raises:
        ValueError: If the page lacks them.
    """
    before, begin, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path} needs the lines {BEGIN} and {END}")
    with atomic_write(path) as file:
        file.write(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}".encode())
