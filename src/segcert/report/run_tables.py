"""The table of an evaluation: for people, as Markdown, LaTeX and CSV."""

import csv
import io
from collections.abc import Iterable

from segcert.runs.evaluate import Results, figures, worst_case_of
from segcert.text import floor_text, percent_text

COLUMNS = (
    "sigma", "scale", "tau", "n", "correction", "radius", "accuracy", "certified accuracy",
    "abstention (labelled)", "abstention (all)", "mIoU", "worst-case mIoU", "seconds per image",
)  # fmt: skip
SHORT = {
    "certified accuracy": "cert. acc.", "abstention (labelled)": "abstains", "abstention (all)":
    "of all", "worst-case mIoU": "worst mIoU", "seconds per image": "s/image",
}  # fmt: skip
LATEX = {
    "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "–": "--",
}  # fmt: skip


COMPONENTS = {"images": "pixels", "clouds": "points"}
UNITS = {
    "images": "l2, values in [0, 1]",
    "clouds": "l2 over all coordinates in the units of the file, or as the noise has it: of "
    "rotations radians, of poses standard deviations",
}


def caption(results: Results) -> str:
    """Say what the figures are of, and what alpha means."""
    config = results.config
    done = results.totals[0].inputs
    inputs = "clouds" if config.of_clouds else "images"
    part = "" if results.complete else f" Unfinished: {done} of {config.images} {inputs} are done."
    return (
        f"{config.data}, {done} {inputs} ({config.note}); model {config.model}, n0 = {config.n0}. "
        f"Each statement about one {inputs[:-1]} at one setting is wrong with a probability of at "
        f"most alpha = {config.alpha:g}, by itself: not all of them together, nor the best of "
        "them. "
        f"Certified accuracy: certified and true, of the labelled {COMPONENTS[inputs]}. "
        f"Radius: {UNITS[inputs]}.{part}{part_text(results)}"
    )


def part_text(results: Results) -> str:
    """The instance IoU of each setting, of clouds with parts."""
    found = [totals.parts for totals in results.totals]
    words = [floor_text(parts.instance, 3) for parts in found if parts]
    return f" Instance IoU of the settings: {', '.join(words)}." if words else ""


def table(results: Results) -> list[tuple[str, ...]]:
    """The cells, one row for each setting; shares and radii are rounded down."""
    rows: list[tuple[str, ...]] = []
    for setting, totals in zip(results.config.settings, results.totals, strict=True):
        score, worst = totals.score, worst_case_of(setting, totals)
        rows.append(
            (
                setting.noise_text,
                setting.scale,
                f"{setting.tau:g}",
                str(setting.n),
                setting.correction,
                floor_text(setting.radius),
                percent_text(int(score.confusion.trace()), score.labelled),
                percent_text(score.certified_correct, score.labelled),
                percent_text(score.labelled - score.certified_labelled, score.labelled),
                percent_text(score.components - score.certified, score.components),
                floor_text(score.mean_iou, 3),
                floor_text(worst.mean_iou, 3) if worst else "–",
                f"{totals.seconds / totals.inputs:.2f}",
            )
        )
    return rows


def aligned(results: Results) -> str:
    """The table as plain text with short headings; no cell is cut, however narrow the screen."""
    lines = [tuple(SHORT.get(name, name) for name in COLUMNS), *table(results)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = [
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        for line in lines
    ]
    return "\n".join(text)


def markdown(results: Results) -> str:
    """The table as Markdown, with its caption."""
    lines = [COLUMNS, ("---",) * 5 + ("---:",) * (len(COLUMNS) - 5), *table(results)]
    cells = ["| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines]
    return "\n".join([*cells, "", caption(results), ""])


def latex(results: Results) -> str:
    """The table as LaTeX (package booktabs), with its caption."""
    lines = [
        r"\begin{table}", r"\centering", r"\begin{tabular}{lllll" + "r" * (len(COLUMNS) - 5) + "}",
        r"\toprule", latex_row(COLUMNS), r"\midrule", *map(latex_row, table(results)),
        r"\bottomrule", r"\end{tabular}", rf"\caption{{{escape(caption(results))}}}",
        r"\end{table}", "",
    ]  # fmt: skip
    return "\n".join(lines)


def latex_row(cells: Iterable[str]) -> str:
    """One row of LaTeX."""
    return " & ".join(map(escape, cells)) + r" \\"


def escape(text: str) -> str:
    """Make plain text harmless in LaTeX."""
    return "".join(LATEX.get(letter, letter) for letter in text)


def comma_separated(results: Results) -> str:
    """The exact numbers as CSV, counts among them; empty where there is none."""
    file = io.StringIO()
    names = (
        "sigma", "scale", "tau", "n", "correction", "radius", "inputs", "components", "certified",
        "labelled", "certified_labelled", "certified_correct", "accuracy", "certified_accuracy",
        "abstention_labelled", "abstention_all", "mean_iou", "worst_case_mean_iou", "invalid",
        "seconds_per_image", "alpha_per_input_and_setting",
    )  # fmt: skip
    if results.config.of_clouds:
        names = ("noise", *names, "instance_iou", "category_mean_iou")
    writer = csv.DictWriter(file, names, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for setting, totals in zip(results.config.settings, results.totals, strict=True):
        seconds = totals.seconds / totals.inputs
        alpha = {"alpha_per_input_and_setting": results.config.alpha}
        writer.writerow(figures(setting, totals) | {"seconds_per_image": round(seconds, 3)} | alpha)
    return file.getvalue()
