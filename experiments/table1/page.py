"""Write the tables of docs/table1.md from the runs that `camvid.py` made.

python -m experiments.table1.page runs/table1 --write docs/table1.md
"""

from pathlib import Path

from cyclopts import App

from segcert.cli.report import write_report
from segcert.errors import InputError
from segcert.files import atomic_write
from segcert.report.comparison import ComparedRun, Comparison, open_runs
from segcert.report.run_tables import caption, rounded_up
from segcert.runs.evaluate import worst_case_of
from segcert.text import floor_text, percent_text

from .camvid import MODELS

BEGIN, END = "<!-- table1: begin -->", "<!-- table1: end -->"
SHOWN = ((0.75, 100), (0.95, 500))  # tau and n of the paper
COLUMNS = (
    "model", "scale", "sigma", "tau", "n", "R", "accuracy", "mIoU", "certified accuracy",
    "worst-case mIoU", "abstention",
)  # fmt: skip

app = App(help=__doc__, help_format="plaintext")


@app.default
def page(
    runs: Path = Path("runs/table1"),
    *,
    write: Path | None = None,
    out: Path = Path("experiments/table1/results"),
) -> None:
    """Print the table; write the page, and all formats and figures into ``out``."""
    kinds = [kind for kind in MODELS if (runs / kind).is_dir()]
    if not kinds:
        raise InputError(f"{runs} holds no run: python -m experiments.table1.camvid --out {runs}")
    found = open_runs([runs / kind for kind in kinds], kinds)
    text = table(found)
    print(text)
    write_report(found, out)
    if write:
        before, _, rest = write.read_text(encoding="utf-8").partition(BEGIN)
        _, _, after = rest.partition(END)
        with atomic_write(write) as file:
            file.write(f"{before}{BEGIN}\n{text}\n{END}{after}".encode())


def table(found: Comparison) -> str:
    """The rows at the paper's settings, as Markdown, with the caption."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|"]
    lines += [
        "| " + " | ".join(cells(entry)) + " |"
        for entry in found.entries
        if (entry.setting.tau, entry.setting.n) in SHOWN
    ]
    return "\n".join([*lines, "", caption(found)])


def cells(entry: ComparedRun) -> tuple[str, ...]:
    """The cells of one row."""
    setting, score = entry.setting, entry.totals.score
    worst = worst_case_of(setting, entry.totals)
    return (
        entry.label,
        setting.scale,
        f"{setting.sigma:g}",
        f"{setting.tau:g}",
        str(setting.n),
        floor_text(setting.radius),
        percent_text(int(score.confusion.trace()), score.labelled),
        floor_text(score.mean_iou, 3),
        percent_text(score.certified_correct, score.labelled),
        floor_text(worst.mean_iou, 3) if worst else "–",
        rounded_up(score.labelled - score.certified_labelled, score.labelled),
    )


if __name__ == "__main__":
    app()
