"""Write the tables of docs/table2.md from the runs that `clouds.py` made.

python -m experiments.table2.page runs/table2 --write docs/table2.md
"""

from pathlib import Path

from cyclopts import App

from segcert.cli.report import write_report
from segcert.errors import InputError
from segcert.files import atomic_write
from segcert.report.comparison import ComparedRun, Comparison, open_runs
from segcert.report.run_tables import caption, rounded_up
from segcert.text import floor_text, percent_text

from .clouds import NETWORKS

BEGIN, END = "<!-- table2: begin -->", "<!-- table2: end -->"
TITLES = {"shapes": "Procedural shapes", "shapenet_part_cap": "Real caps of ShapeNet-Part"}
COLUMNS = (
    "network", "noise", "tau", "R", "accuracy", "instance IoU",
    "certified accuracy, Bonferroni", "Holm", "abstention, Bonferroni", "Holm",
)  # fmt: skip

app = App(help=__doc__, help_format="plaintext")


@app.default
def page(
    runs: Path = Path("runs/table2"),
    *,
    write: Path | None = None,
    out: Path = Path("experiments/table2/results"),
) -> None:
    """Print the tables; write the page, and all formats and figures into ``out``."""
    found = find_runs(runs)
    if not found:
        raise InputError(f"{runs} holds no run: python -m experiments.table2.clouds --out {runs}")
    parts = []
    for (data, draws), comparison in found.items():
        parts.append(f"### {TITLES[data]}, n = {draws}\n\n{table(comparison)}")
        for noise, runs_of_noise in by_noise(runs / data / f"n{draws}").items():
            write_report(runs_of_noise, out / f"{data}-n{draws}-{noise}")
    text = "\n\n".join(parts)
    print(text)
    if write:
        before, _, rest = write.read_text(encoding="utf-8").partition(BEGIN)
        _, _, after = rest.partition(END)
        with atomic_write(write) as file:
            file.write(f"{before}{BEGIN}\n{text}\n{END}{after}".encode())


def find_runs(runs: Path) -> dict[tuple[str, int], Comparison]:
    """Open the runs of each data set and number of draws, networks in the order of the table."""
    found = {}
    for data in TITLES:
        for folder in sorted((runs / data).glob("n*"), key=draws_of):
            if paths := paths_in(folder, "*"):
                found[data, draws_of(folder)] = open_together(paths)
    return found


def by_noise(folder: Path) -> dict[str, Comparison]:
    """Open the runs of each noise by themselves: radii of different noises share no axis."""
    noises = sorted({path.name for path in paths_in(folder, "*")})
    return {noise: open_together(paths_in(folder, noise)) for noise in noises}


def paths_in(folder: Path, noise: str) -> list[Path]:
    """The run folders of some noises, networks in the order of the table."""
    return [path for name in NETWORKS for path in sorted((folder / name).glob(noise))]


def open_together(paths: list[Path]) -> Comparison:
    """Open runs of several networks, each called by its folder."""
    return open_runs(paths, [path.parent.name for path in paths])


def draws_of(folder: Path) -> int:
    """The number of draws that a folder is named after."""
    return int(folder.name.removeprefix("n"))


def table(found: Comparison) -> str:
    """One row for each network, noise and tau, as Markdown, with the caption."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---" * 2 + "|---:" * (len(COLUMNS) - 2) + "|"]
    order = {str(name): place for place, name in enumerate(NETWORKS)}
    pairs: dict[tuple[object, ...], dict[str, ComparedRun]] = {}
    for entry in found.entries:
        setting = entry.setting
        key = (order[entry.label], setting.noise_text, setting.tau)
        pairs.setdefault(key, {})[setting.correction] = entry
    lines += ["| " + " | ".join(cells(pairs[key])) + " |" for key in sorted(pairs)]
    return "\n".join([*lines, "", caption(found)])


def cells(pair: dict[str, ComparedRun]) -> tuple[str, ...]:
    """The cells of one row: the same draws, by both corrections."""
    entry = pair["holm"]
    setting, score = entry.setting, entry.totals.score
    scores = [pair[name].totals.score for name in ("bonferroni", "holm")]
    parts = entry.totals.parts
    return (
        entry.label,
        setting.noise_text,
        f"{setting.tau:g}",
        floor_text(setting.radius),
        percent_text(int(score.confusion.trace()), score.labelled),
        floor_text(parts.instance, 3) if parts else "–",
        *(percent_text(one.certified_correct, one.labelled) for one in scores),
        *(rounded_up(one.labelled - one.certified_labelled, one.labelled) for one in scores),
    )


if __name__ == "__main__":
    app()
