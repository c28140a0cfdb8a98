"""The table of one evaluation or of several: for people, as Markdown, LaTeX and CSV.

Source:
    The shape is that of Fischer et al. (2021), Table 1.
"""

import csv
import io
from collections.abc import Callable, Iterable

from segcert.inputs.kind import CLOUD, IMAGE, InputKind
from segcert.report.comparison import ComparedRun, Comparison
from segcert.runs.evaluate import figures, worst_case_of
from segcert.text import csv_text, floor_text, markdown_text, percent_text, printable

COLUMNS = (
    "model", "scale", "tau", "n", "correction", "sigma", "radius", "accuracy",
    "certified accuracy", "mIoU", "worst-case mIoU", "abstention (labelled)", "abstention (all)",
    "seconds per image",
)  # fmt: skip
KEYS = 5  # columns that say which row it is
NAMED = ("model", "scale", "correction", "sigma")  # columns whose texts come from runs
SHORT = {
    "certified accuracy": "cert. acc.", "worst-case mIoU": "worst mIoU", "abstention (labelled)":
    "abstains", "abstention (all)": "of all", "seconds per image": "s/image",
}  # fmt: skip
GROUPS = (("", 7), ("accuracy", 2), ("mIoU", 2), ("abstention", 2), ("time", 1))
IN_GROUPS = ("smoothed", "certified", "smoothed", "worst case", "labelled", "all", "s/image")
LATEX = {
    "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "–": "--",
}  # fmt: skip


UNITS = {
    IMAGE: "l2, values in [0, 1]",
    CLOUD: "l2 over all coordinates in the units of the file, or as the noise has it: of "
    "rotations radians, of poses standard deviations",
}


def caption(found: Comparison, text: Callable[[str], str] = printable) -> str:
    """Say what the figures are of, and what alpha means.

    Args:
        found: The runs.
        text: Makes names harmless where they are read.
    """
    config, kind = found.configs[0], kind_in(found)
    devices = " and ".join(sorted({text(one.device) for one in found.configs}))
    models = sorted({entry.label for entry in found.entries})
    model = f"model {text(models[0])}, " if len(models) == 1 else ""
    return (
        f"{text(config.data)}, {found.inputs} {kind.words} ({text(config.note)}); {model}"
        f"n0 = {config.n0}. "
        f"Each statement about one {kind.word} at one setting is wrong with a probability of at "
        f"most alpha = {config.alpha:g}, by itself: not all of them together, nor the best of "
        f"them. Certified accuracy: certified and true, of the labelled {kind.parts}. "
        f"Worst-case mIoU: under attacks on every {kind.word}, each within the radius; alpha is "
        f"per {kind.word}, so that it holds for all {found.inputs} together with a probability "
        f"of at least 1 - {found.inputs} alpha only. "
        f"Radius: {UNITS[kind]}. Seconds: draws and certificate of a row, on {devices}. Radii, "
        f"accuracies and IoUs are rounded down, abstentions up.{unfinished(found)}"
    )


def unfinished(found: Comparison) -> str:
    """Say how far runs are; nothing if they are complete."""
    if found.complete:
        return ""
    by, all_inputs = " in every run" if len(found.configs) > 1 else "", found.configs[0].images
    return f" Unfinished: {found.inputs} of {all_inputs} {kind_in(found).words} are done{by}."


def kind_in(found: Comparison) -> InputKind:
    """What the inputs are."""
    return found.configs[0].kind


def table(found: Comparison) -> list[tuple[str, ...]]:
    """The cells, one row for each model and setting; each is rounded to the worse side."""
    return [cells(entry) for entry in found.entries]


def cells(entry: ComparedRun) -> tuple[str, ...]:
    """The cells of one row, in the order of the columns."""
    setting, totals, score = entry.setting, entry.totals, entry.totals.score
    worst = worst_case_of(setting, totals)
    return (
        printable(entry.label),
        printable(setting.scale),
        f"{setting.tau:g}",
        str(setting.n),
        printable(setting.correction),
        printable(setting.noise_text),
        floor_text(setting.radius),
        percent_text(int(score.confusion.trace()), score.labelled),
        percent_text(score.certified_correct, score.labelled),
        floor_text(score.mean_iou, 3),
        floor_text(worst.mean_iou, 3) if worst else "–",
        rounded_up(score.labelled - score.certified_labelled, score.labelled),
        rounded_up(score.components - score.certified, score.components),
        f"{totals.seconds / totals.inputs:.2f}",
    )


def rounded_up(part: int, whole: int) -> str:
    """Print in percent a share that had better be small: 0.0% means none."""
    if not whole:
        return "–"
    thousandths = -(-1000 * part // whole)
    return f"{thousandths // 10}.{thousandths % 10}%"


def aligned(found: Comparison) -> str:
    """The table as plain text with short headings; no cell is cut, however narrow the screen."""
    lines = [tuple(SHORT.get(name, name) for name in COLUMNS), *table(found)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = []
    for first, *rest in lines:
        numbers = (cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))
        text.append("  ".join([first.ljust(widths[0]), *numbers]))
    return "\n".join(text)


def plain(found: Comparison) -> str:
    """The table as plain text, with its caption."""
    return f"{aligned(found)}\n\n{caption(found)}\n"


def markdown(found: Comparison) -> str:
    """The table as Markdown, with its caption."""
    lines = [COLUMNS, ("---",) * KEYS + ("---:",) * (len(COLUMNS) - KEYS), *table(found)]
    rows = ["| " + " | ".join(map(markdown_cell, COLUMNS, line)) + " |" for line in lines]
    return "\n".join([*rows, "", caption(found, markdown_text), ""])


def markdown_cell(column: str, cell: str) -> str:
    """A cell; what others named is plain there."""
    return markdown_text(cell) if column in NAMED else cell


def latex(found: Comparison) -> str:
    """The table as LaTeX (package booktabs), with its caption; a model is named once."""
    lines = [
        r"\begin{table}", r"\centering",
        rf"\begin{{tabular}}{{{'l' * KEYS}{'r' * (len(COLUMNS) - KEYS)}}}", r"\toprule",
        *latex_heading(), r"\midrule",
    ]  # fmt: skip
    last = None
    for row in table(found):
        if last not in (None, row[0]):
            lines.append(r"\addlinespace")
        lines.append(latex_row(("" if row[0] == last else row[0], *row[1:])))
        last = row[0]
    lines += [
        r"\bottomrule", r"\end{tabular}", rf"\caption{{{escape(caption(found))}}}",
        r"\end{table}", "",
    ]  # fmt: skip
    return "\n".join(lines)


def latex_heading() -> list[str]:
    """Two rows: groups of columns with a rule below each, and the columns."""
    names, rules, column = [], [], 1
    for name, width in GROUPS:
        names.append(rf"\multicolumn{{{width}}}{{c}}{{{escape(name)}}}")
        if name:
            rules.append(rf"\cmidrule(lr){{{column}-{column + width - 1}}}")
        column += width
    below = (*COLUMNS[: GROUPS[0][1]], *IN_GROUPS)
    return [" & ".join(names) + r" \\", " ".join(rules), latex_row(below)]


def latex_row(row: Iterable[str]) -> str:
    """One row of LaTeX."""
    return " & ".join(map(escape, row)) + r" \\"


def escape(text: str) -> str:
    """Make plain text harmless in LaTeX."""
    return "".join(LATEX.get(letter, letter) for letter in text)


def comma_separated(found: Comparison) -> str:
    """The exact numbers as CSV, counts among them; empty where there is none; no formulas."""
    file = io.StringIO()
    names: tuple[str, ...] = (
        "model", "scale", "tau", "n", "correction", "sigma", "radius", "images", "inputs",
        "components", "certified", "labelled", "certified_labelled", "certified_correct",
        "accuracy", "certified_accuracy", "mean_iou", "worst_case_mean_iou",
        "abstention_labelled", "abstention_all", "invalid", "seconds_per_image", "n0",
        "alpha_per_input_and_setting",
    )  # fmt: skip
    config = found.configs[0]
    if config.kind.has_categories:
        names = ("noise", *names, "instance_iou", "category_mean_iou")
    writer = csv.DictWriter(file, names, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for entry in found.entries:
        about = {
            "model": entry.label,
            "scale": entry.setting.scale,
            "images": config.images,
            "seconds_per_image": round(entry.totals.seconds / entry.totals.inputs, 3),
            "n0": config.n0,
            "alpha_per_input_and_setting": config.alpha,
        }
        row = figures(entry.setting, entry.totals) | about
        cells = {key: csv_text(one) if isinstance(one, str) else one for key, one in row.items()}
        writer.writerow(cells)
    return file.getvalue()
