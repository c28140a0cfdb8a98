"""Tables of the paper beside ours, cell by cell, from the results that are kept."""

import csv
import math
from collections.abc import Callable, Iterable
from pathlib import Path

from .figures import SETTINGS_2, TABLE_1, TABLE_2, Cell, Row1

EXPERIMENTS = Path(__file__).resolve().parents[1]
OURS_1 = "consistency"  # the best of our kinds of training
NONE = "–"
Record = dict[str, str]


def records(path: Path) -> list[Record]:
    """The rows of a table of results; none if it is not there."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def ours(record: Record | None, *, iou: bool) -> str:
    """A row of ours as a cell: certified accuracy, mIoU, abstained (of all), seconds."""
    if record is None:
        return NONE
    return str(
        Cell(
            floored(record["certified_accuracy"]), 1 - floored(1 - float(record["abstention_all"])),
            round(float(record["seconds_per_image"]), 2),
            floored(record["mean_iou"]) if iou else None,
        )
    )  # fmt: skip


def floored(value: float | str) -> float:
    """Two digits, rounded down."""
    return math.floor(100 * float(value)) / 100


def first(rows: Iterable[Record], **wanted: float | str) -> Record | None:
    """The first row with some values; numbers are compared as such."""
    for row in rows:
        if all(
            row[key] == value if isinstance(value, str) else float(row[key]) == value
            for key, value in wanted.items()
        ):
            return row
    return None


def table_1() -> str:
    """Table 1: theirs on two data sets, ours on CamVid at the same scale, sigma, tau and n."""
    kept = records(EXPERIMENTS / "table1/results/table.csv")
    lines = [
        "| scale | row | sigma | R | Cityscapes (paper) | Pascal Context (paper) | "
        f"CamVid (ours, {OURS_1}) |",
        "|---" * 7 + "|",
    ]
    for row in TABLE_1:
        lines.append(
            f"| {row.scale} | {words_of(row)} | {number(row.sigma)} | {number(row.radius)} | "
            f"{row.cityscapes} | {row.pascal} | {ours_1(kept, row)} |"
        )
    return "\n".join(lines) + (
        "\n\nCells: accuracy / mIoU / abstained (of all pixels) / seconds an image. Theirs: 100 "
        "images, HRNetV2, one RTX 2080 Ti. Ours: as in the table above, one CPU core. At sigma = "
        "0.33 and tau = 0.95 the paper prints R = 0.52; the formula gives 0.5428."
    )


def words_of(row: Row1) -> str:
    """The setting of a row."""
    return row.row if row.n is None else f"n = {row.n}, tau = {row.tau:g}"


def number(value: float | None) -> str:
    """A number, or none."""
    return NONE if value is None else f"{value:g}"


def ours_1(kept: list[Record], row: Row1) -> str:
    """Our row of the same setting."""
    if row.n is None or row.sigma is None or row.tau is None:
        return NONE
    found = first(
        kept, model=OURS_1, scale=row.scale, sigma=row.sigma, tau=row.tau, n=row.n,
        correction="holm",
    )  # fmt: skip
    return ours(found, iou=True)


def table_2() -> str:
    """Table 2: theirs on ShapeNet-Part, and ours on procedural shapes under each cell."""
    head = [f"n = {n}, tau = {tau:g}" for tau, n in SETTINGS_2]
    lines = [
        "| network | certified at | whose | base | " + " | ".join(head) + " |",
        "|---" * (4 + len(head)) + "|",
    ]
    for row in TABLE_2:
        theirs = [NONE if cell is None else str(cell) for cell in row.cells]
        base = NONE if row.base is None else f"{row.base.accuracy:.2f}"
        lines.append(
            f"| {row.network} | {row.sigma:g} | paper | {base} | " + " | ".join(theirs) + " |"
        )
        mine = [ours_2(row.network, row.sigma, tau, n) for tau, n in SETTINGS_2]
        lines.append(f"| | | ours | {NONE} | " + " | ".join(mine) + " |")
    return "\n".join(lines) + (
        "\n\nCells: accuracy / abstained / seconds a cloud; certified, by Holm's correction, n0 = "
        "100. Theirs: PointNet++ on ShapeNet-Part, 100 clouds, one RTX 2080 Ti. Ours: small "
        "networks on procedural shapes, one CPU core; of n = 10000 what was run."
    )


def ours_2(network: str, sigma: float, tau: float, n: int) -> str:
    """Our row of the same kind of network and setting."""
    kept = records(EXPERIMENTS / f"table2/results/shapes-n{n}-coordinates/table.csv")
    found = first(kept, model=network, sigma=sigma, tau=tau, n=n, correction="holm")
    return ours(found, iou=False)


def toy() -> str:
    """The toy study: what the paper says of its figures, and ours at the same settings."""
    kept = records(EXPERIMENTS / "toy/toy.csv")

    def share(figure: str, method: str, gamma: float) -> str:
        row = first(kept, figure=figure, method=method, gamma=gamma)
        return NONE if row is None else f"{100 * float(row['certified_share']):.1f}"

    def line(figure: str, gammas: tuple[float, ...], method: str) -> str:
        found = ", ".join(f"{share(figure, method, gamma)} at {gamma:g}" for gamma in gammas)
        return f"{method}: {found}"

    said = (
        ("2a", "figure2a", "JointClass fails almost at once", "joint_class", (0.002, 0.004, 0.006)),
        ("2a", "figure2a", "IndivClass holds until 1 - 5 gamma cannot be shown above one half",
         "indiv_class", (0.05, 0.06, 0.08)),
        ("2a", "figure2a", "both SegCertify variants fall slowly (wrong guesses of the pilot)",
         "segcertify_holm", (0.05, 0.08)),
        ("2b", "figure2b", "both SegCertify variants stay near 1", "segcertify_holm", (0.05, 0.08)),
    )  # fmt: skip
    lines = ["| figure | what the paper says | ours, percent certified at gamma |", "|---|---|---|"]
    for name, figure, words, method, gammas in said:
        lines.append(f"| {name} | {words} | {line(figure, gammas, method)} |")
    lines.append(
        "| 2c | the gap of Holm over Bonferroni grows with N (gamma = 0.05, n = n0 = 1000, alpha = "
        "0.1) | see above |"
    )
    return "\n".join(lines) + (
        "\n\nSettings of the paper: N = 100, one bad component, gamma in [0, 0.1], n0 = n = 100 "
        "(2a) and 1000 (2b), alpha = 0.001, tau = 0.75, 600 repetitions: those of ours. Its "
        "figures have no printed numbers."
    )


PAGES: dict[str, Callable[[], str]] = {
    "docs/table1.md": table_1, "docs/table2.md": table_2, "docs/toy.md": toy,
}  # fmt: skip
BEGIN, END = "<!-- paper: begin -->", "<!-- paper: end -->"


def with_paper(page: str, text: str) -> str:
    """A page with its block replaced.

    Raises:
        ValueError: If it has none.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page needs the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{text}\n{END}{after}"
