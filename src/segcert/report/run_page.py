"""The page of one evaluation or of several: one self-contained HTML file."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import floor

import numpy as np

from segcert.inputs.kind import InputKind
from segcert.report.comparison import ComparedRun, Comparison
from segcert.report.page_view import Metric
from segcert.report.pages import data_link, render
from segcert.report.run_tables import (
    COLUMNS,
    KEYS,
    caption,
    comma_separated,
    kind_in,
    rounded_up,
    table,
)
from segcert.runs.rows import Row
from segcert.text import percent_text

PLOTS = {
    "figure3": "Certified accuracy against certified radius",
    "holm_bonferroni": "Holm's and Bonferroni's corrections on the same draws",
}


@dataclass(frozen=True)
class RunView:
    """What the frame of the page shows."""

    title: str
    metrics: tuple[Metric, ...]
    facts: tuple[tuple[str, str], ...]


def render_run_page(found: Comparison, plots: Mapping[str, bytes]) -> str:
    """Render the page of runs: table, figures, best and worst inputs, and every row.

    The page needs no other file and makes no request. It holds no pictures of the inputs: a run
    folder has none.

    Args:
        found: The runs.
        plots: SVG files by the names of `PLOTS`; those that were not drawn are missing.

    Returns:
        HTML.
    """
    kind = kind_in(found)
    return render(
        "run_page.html.jinja", "run_page.js",
        view=RunView(found.configs[0].data, headline(found), run_facts(found)),
        inputs=kind.words,
        components=kind.parts,
        caption=caption(found),
        columns=COLUMNS,
        keys=KEYS,
        table=table(found),
        settings=setting_names(found),
        plots=[
            (PLOTS[name], data_link("image/svg+xml", svg)) for name, svg in plots.items()
        ],
        csv=data_link("text/csv", comma_separated(found).encode()),
        data=row_data(found),
    )  # fmt: skip


def headline(found: Comparison) -> tuple[Metric, ...]:
    """Figures at the top of the page: name, value, hint."""
    config, kind = found.configs[0], kind_in(found)
    scores = [entry.totals.score for entry in found.entries]
    several = len(scores) > 1
    labelled = f"of the labelled {kind.parts}" + ("; over the settings" if several else "")
    models = list(dict.fromkeys(found.labels))
    of_models = f"of {len(models)} models" if len(models) > 1 else f"of {models[0]}"
    done = "all of them" if found.complete else f"of {config.images} are done"
    return (
        (kind.words, str(found.inputs), done),
        ("settings", str(len(scores)), of_models),
        ("accuracy", span([(int(one.confusion.trace()), one.labelled) for one in scores]),
         labelled),
        ("certified accuracy", span([(one.certified_correct, one.labelled) for one in scores]),
         labelled),
        ("abstention", span([
            (one.labelled - one.certified_labelled, one.labelled) for one in scores
        ], up=True), labelled),
    )  # fmt: skip


def span(shares: list[tuple[int, int]], *, up: bool = False) -> str:
    """Print the smallest and the largest share, or the only one.

    Args:
        shares: Parts and wholes.
        up: Whether shares had better be small, so that they are rounded up.
    """
    ordered = sorted(shares, key=lambda share: share[0] / max(share[1], 1))
    text = rounded_up if up else percent_text
    first, last = text(*ordered[0]), text(*ordered[-1])
    return first if first == last else f"{first.removesuffix('%')}–{last}"


def run_facts(found: Comparison) -> tuple[tuple[str, str], ...]:
    """Parameters and provenance: name, value."""
    config = found.configs[0]
    facts = [
        ("data set", config.data), ("note", config.note),
        (f"{kind_in(found).words} (sha256)", config.inputs_sha256),
        ("classes", ", ".join(config.classes)), ("n0", str(config.n0)),
        ("alpha", f"{config.alpha:g} per {kind_in(found).word} and setting"),
    ]  # fmt: skip
    for label, one in zip(found.labels, found.configs, strict=True):
        facts += [
            (f"{label}: model", one.model),
            (f"{label}: weights (sha256)", one.weights_sha256),
            (f"{label}: seed", one.seed),
            (f"{label}: device", f"{one.device}, {one.backend}, {one.precision}"),
        ]
    return tuple(facts)


def setting_names(found: Comparison) -> list[str]:
    """Name each entry by what entries differ in."""
    every = [parts_of(entry) for entry in found.entries]
    varied = [len(set(column)) > 1 for column in zip(*every, strict=True)]
    names = [
        ", ".join(part for part, shown in zip(parts, varied, strict=True) if shown)
        for parts in every
    ]
    return [name or found.entries[0].label for name in names]


def parts_of(entry: ComparedRun) -> tuple[str, ...]:
    """The names of an entry."""
    setting = entry.setting
    return (
        entry.label, f"scale {setting.scale}", f"tau {setting.tau:g}", f"n {setting.n}",
        setting.correction, f"sigma {setting.noise_text}",
    )  # fmt: skip


def row_data(found: Comparison) -> dict[str, object]:
    """Collect what the script of the page needs: exact counts, one row for each input and entry."""
    kind = found.configs[0].kind
    names = {row.number: row.name for entry in found.entries for row in entry.rows}
    place = {number: k for k, number in enumerate(names)}
    return {
        "names": list(names.values()),
        "settings": setting_names(found),
        "rows": [
            [place[row.number], number, *numbers(row, kind)]
            for number, entry in enumerate(found.entries)
            for row in entry.rows
        ],
        "classes": list(found.configs[0].classes),
        "byClass": [class_numbers(entry) for entry in found.entries],
    }


def class_numbers(entry: ComparedRun) -> list[list[int]]:
    """Labelled, right, certified and right, and predicted or true components of each class."""
    confusion = entry.totals.score.confusion
    right, true = np.diag(confusion), confusion.sum(1)
    sure = sum(np.diag(row.certified_confusion) for row in entry.rows)
    both = np.stack([true, right, sure, true + confusion.sum(0) - right], axis=1)
    numbers: list[list[int]] = both.tolist()
    return numbers


def numbers(row: Row, kind: InputKind) -> list[float]:
    """Components, certified, labelled, right, certified and right, mIoU, seconds."""
    score = row.score
    mean = row.shape_iou if kind.has_categories else score.mean_iou
    return [
        score.components, score.certified, score.labelled, int(score.confusion.trace()),
        score.certified_correct, floor(1e4 * mean) / 1e4, round(row.seconds, 2),
    ]  # fmt: skip
