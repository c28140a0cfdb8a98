"""Figures of evaluations: certified radius against certified accuracy, Holm against Bonferroni.

Where lines are many they are shared out among panels, by correction, scale, draws and model.

Source:
    The first is Fischer et al. (2021), Figure 3.
"""

from textwrap import fill
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from segcert.errors import InputError
from segcert.inputs.kind import CLOUD, IMAGE
from segcert.report.comparison import Comparison
from segcert.report.dot_labels import Dot, label_dots
from segcert.report.plots import INK
from segcert.report.run_panels import (
    PanelPlan,
    Series,
    colour_of,
    columns_of,
    finish,
    group,
    heading,
    ink_of,
    keys,
    legend,
    literal,
    mark_draws,
    mark_of,
    new_figure,
    same_limits,
    share_out,
)
from segcert.report.run_tables import kind_in
from segcert.text import printable

MOST_LINES, MOST_PAIRS = 6, 4  # in one panel
SPLIT = ("correction", "scale", "n", "model")  # what panels differ in, first things first
PANEL_TITLE = 50  # characters in a line
RADII = {IMAGE: "l2, pixel values in [0, 1]", CLOUD: "units of the noise"}


def figure3(found: Comparison) -> Figure:
    """Draw the certified radius against the certified accuracy; the numbers are tau.

    One line for each model, sigma, scale, n and correction, one dot for each tau. What has only one
    tau is no line and is left out.

    Raises:
        InputError: If no line has several tau.
    """
    every = [
        series
        for series in group(found.entries, ("model", "sigma", "scale", "n", "correction"))
        if len(series.entries) > 1
    ]
    if not every:
        raise InputError(
            "figure3 is not drawn: it needs several tau at one n; name them in segcert evaluate"
        )
    plan = share_out(every, SPLIT, most=MOST_LINES)
    figure, grid = new_figure(plan, axes_each=1)
    dots: list[tuple[Axes, list[Dot]]] = []
    for number, (title, series) in enumerate(plan.panels.items()):
        axes = figure.add_subplot(grid[divmod(number, columns_of(plan))])
        axes.set_title(panel_title(title), loc="left", fontsize=9.5, color=INK)
        dots.append((axes, [dot for one in series for dot in draw_radii(axes, one, plan)]))
        finish(axes, f"certified radius ({RADII[kind_in(found)]})", "certified accuracy")
    same_limits([axes for axes, _ in dots], x=True)
    heading(figure, "Certified accuracy against certified radius; the numbers are tau", found, plan)
    legend(figure, *keys(plan))
    for axes, panel in dots:
        label_dots(figure, axes, panel)
    return figure


def holm_bonferroni(found: Comparison) -> Figure:
    """Draw what Holm's and Bonferroni's corrections certify of the same draws, and the difference.

    Against tau; against n if there is one tau only.

    Raises:
        InputError: If no settings differ in these corrections alone, or there is only one tau
            and n.
    """
    pairs = [
        series
        for series in group(found.entries, ("model", "sigma", "scale", "n", "tau"))
        if {"holm", "bonferroni"} <= {entry.setting.correction for entry in series.entries}
    ]
    if not pairs:
        raise InputError(
            "holm_bonferroni is not drawn: it needs both corrections at the same tau and n"
        )
    kept = [
        entry for series in pairs for entry in series.entries
        if entry.setting.correction in ("holm", "bonferroni")
    ]  # fmt: skip
    for along, other in (("tau", "n"), ("n", "tau")):
        every = group(kept, ("model", "sigma", "scale", other))
        if any(len(series.entries) > 2 for series in every):
            return draw_pairs(found, every, along=along, other=other)
    raise InputError("holm_bonferroni is not drawn: it needs several tau or several n")


def draw_pairs(found: Comparison, every: list[Series], *, along: str, other: str) -> Figure:
    """Draw shares above, differences below them."""
    plan = share_out(every, ("scale", other, "model"), most=MOST_PAIRS)
    figure, grid = new_figure(plan, axes_each=2)
    upper, lower = [], []
    for number, (title, series) in enumerate(plan.panels.items()):
        row, column = divmod(number, columns_of(plan))
        above = figure.add_subplot(grid[2 * row, column])
        below = figure.add_subplot(grid[2 * row + 1, column], sharex=above)
        above.set_title(panel_title(title), loc="left", fontsize=9.5, color=INK)
        for one in series:
            draw_pair(above, below, one, plan, along)
        finish(above, "", f"{kind_in(found).parts} certified")
        finish(below, "tau" if along == "tau" else "draws n", "Holm gains\n(% points)")
        above.tick_params(labelbottom=False)
        below.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.3g}")
        if along == "n":
            mark_draws(above, {entry.setting.n for one in every for entry in one.entries})
        upper.append(above)
        lower.append(below)
    same_limits(upper, x=True)
    same_limits(lower, x=False)
    top = max(axes.get_ylim()[1] for axes in lower)
    for axes in lower:
        axes.set_ylim(-0.06 * top, top)
    heading(figure, f"Certified by Holm and by Bonferroni, against {along}", found, plan)
    handles, texts = keys(plan)
    styles = [
        Line2D([], [], color=INK, marker="o", markersize=5, **style_of(name))
        for name in ("holm", "bonferroni")
    ]
    legend(figure, [*styles, *handles], ["Holm", "Bonferroni", *texts])
    return figure


def panel_title(names: tuple[str, ...]) -> str:
    """What the lines of a panel have in common, in several lines."""
    return literal(fill(printable(", ".join(names)), PANEL_TITLE))


def draw_radii(axes: Axes, series: Series, plan: PanelPlan) -> list[Dot]:
    """Draw a line of the first figure; return its dots."""
    number = plan.number(series)
    entries = sorted(series.entries, key=lambda entry: entry.setting.tau)
    x = [entry.setting.radius for entry in entries]
    y = [entry.totals.score.certified_accuracy for entry in entries]
    colour = colour_of(number)
    axes.plot(x, y, color=colour, marker=mark_of(number), markersize=5, linewidth=1.6)
    return [
        Dot(*place, f"{entry.setting.tau:g}", ink_of(number))
        for place, entry in zip(zip(x, y, strict=True), entries, strict=True)
    ]


def draw_pair(above: Axes, below: Axes, series: Series, plan: PanelPlan, along: str) -> None:
    """Draw both corrections, and what the one certifies more than the other."""
    number = plan.number(series)
    look: dict[str, Any] = {"color": colour_of(number), "marker": mark_of(number), "markersize": 5}
    shares: dict[str, dict[float, float]] = {}
    for entry in sorted(series.entries, key=lambda entry: getattr(entry.setting, along)):
        score, place = entry.totals.score, getattr(entry.setting, along)
        share = score.certified / max(score.components, 1)
        shares.setdefault(entry.setting.correction, {})[place] = share
    for name, line in shares.items():
        above.plot(list(line), list(line.values()), **(look | style_of(name)))
    gain = [shares["holm"][place] - shares["bonferroni"][place] for place in shares["holm"]]
    below.plot(list(shares["holm"]), gain, linewidth=1.6, **look)


def style_of(correction: str) -> dict[str, Any]:
    """Solid and filled for Holm, broken and hollow for Bonferroni."""
    if correction == "holm":
        return {"linestyle": "-", "linewidth": 1.6}
    return {"linestyle": (0, (4, 1.8)), "linewidth": 1.3, "markerfacecolor": "white"}
