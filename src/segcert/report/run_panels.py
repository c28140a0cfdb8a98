"""The frame of figures of evaluations: lines shared out among panels, heading, legend, axes."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from textwrap import fill

from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.lines import Line2D

from segcert.report.comparison import ComparedRun, Comparison
from segcert.report.plots import COLOURS, DPI, GRID, INK, MARKS
from segcert.report.run_tables import kind_in, unfinished
from segcert.text import printable

NARROW, WIDE = 6.4, 8.6  # inches: width of one panel alone, of two side by side
HEIGHTS = {1: (3.1,), 2: (2.5, 1.5)}  # inches: of the axes of a panel, one above the other
DARKER = 0.6  # of the light of a line: its texts
PER_INCH = 12  # characters of the heading and the legend
WORDS: dict[str, Callable[[ComparedRun], str]] = {
    "model": lambda entry: entry.label,
    "sigma": lambda entry: noise_of(entry),
    "scale": lambda entry: f"scale = {entry.setting.scale}",
    "n": lambda entry: f"n = {entry.setting.n}",
    "tau": lambda entry: f"tau = {entry.setting.tau:g}",
    "correction": lambda entry: entry.setting.correction,
}
Names = tuple[str, ...]


def noise_of(entry: ComparedRun) -> str:
    """Name the noise: of images by its sigma, of clouds by its kind too."""
    text = entry.setting.noise_text
    return text if " " in text else f"sigma = {text}"


@dataclass(frozen=True, eq=False)
class Series:
    """The entries of one line, and its names by field."""

    names: dict[str, str]
    entries: tuple[ComparedRun, ...]

    def of(self, fields: Sequence[str]) -> Names:
        """Its names in some fields."""
        return tuple(self.names[field] for field in fields)


@dataclass(frozen=True, eq=False)
class PanelPlan:
    """How lines are shared out.

    Args:
        panels: The lines of each panel, by the names that are its title.
        legend: Names of the lines within a panel: the place of a name is that of its colour.
        fields: Which fields these names are.
        common: Names that all lines have.
    """

    panels: dict[Names, list[Series]]
    legend: list[Names]
    fields: Names
    common: Names

    def number(self, series: Series) -> int:
        """Of the colour and mark of a line."""
        return self.legend.index(series.of(self.fields))


def colour_of(number: int) -> str:
    """The colour of a line."""
    return COLOURS[number % len(COLOURS)]


def ink_of(number: int) -> str:
    """The colour of a line, darker: texts in it can be read on white."""
    red, green, blue = to_rgb(colour_of(number))
    return to_hex((DARKER * red, DARKER * green, DARKER * blue))


def mark_of(number: int) -> str:
    """The mark of a line; with the colour it is unique for 49 lines."""
    return MARKS[(number + number // len(COLOURS)) % len(MARKS)]


def group(entries: Sequence[ComparedRun], fields: Sequence[str]) -> list[Series]:
    """Collect the entries that agree in some fields."""
    found: dict[Names, list[ComparedRun]] = {}
    for entry in entries:
        found.setdefault(tuple(WORDS[field](entry) for field in fields), []).append(entry)
    return [
        Series(dict(zip(fields, names, strict=True)), tuple(held)) for names, held in found.items()
    ]


def share_out(every: list[Series], order: Sequence[str], *, most: int) -> PanelPlan:
    """Share lines out among panels, by as few fields as give no more than ``most`` in each."""
    fields = tuple(every[0].names)
    varied = [field for field in fields if len({one.names[field] for one in every}) > 1]
    split: Names = ()
    panels = collect(every, split)
    for field in order:
        if field in varied and max(map(len, panels.values())) > most:
            split = (*split, field)
            panels = collect(every, split)
    inner = tuple(field for field in varied if field not in split)
    common = tuple(
        f"model {every[0].names[field]}" if field == "model" else every[0].names[field]
        for field in fields
        if field not in varied
    )
    return PanelPlan(panels, list(dict.fromkeys(one.of(inner) for one in every)), inner, common)


def collect(every: list[Series], fields: Names) -> dict[Names, list[Series]]:
    """Lines by their names in some fields."""
    panels: dict[Names, list[Series]] = {}
    for one in every:
        panels.setdefault(one.of(fields), []).append(one)
    return panels


def columns_of(plan: PanelPlan) -> int:
    """Panels side by side."""
    return min(2, len(plan.panels))


def new_figure(plan: PanelPlan, *, axes_each: int) -> tuple[Figure, GridSpec]:
    """Make a figure and the grid of its axes; each panel has some, one above the other."""
    columns = columns_of(plan)
    rows = -(-len(plan.panels) // columns)
    heights = HEIGHTS[axes_each] * rows
    size = (NARROW if columns == 1 else WIDE, sum(heights) + 1.5)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    return figure, GridSpec(len(heights), columns, figure, height_ratios=heights)


def heading(figure: Figure, title: str, found: Comparison, plan: PanelPlan) -> None:
    """Write what is plotted, and of what."""
    config, kind = found.configs[0], kind_in(found)
    common = [one for one in plan.common if kind.resizable or not one.startswith("scale")]
    facts = ", ".join([f"{config.data}, {found.inputs} {kind.words}", *common, f"n0 = {config.n0}"])
    below = f"{facts}; alpha = {config.alpha:g} per {kind.word} and setting.{unfinished(found)}"
    width = int(PER_INCH * figure.get_figwidth())
    text = f"{fill(title, width)}\n{fill(literal(printable(below)), width)}"
    figure.suptitle(text, x=0.01, ha="left", fontsize=10, color=INK, linespacing=1.4)


def keys(plan: PanelPlan) -> tuple[list[Line2D], list[str]]:
    """Samples of the lines and their names; nothing if there is one only."""
    if not plan.fields:
        return [], []
    samples = [
        Line2D([], [], color=colour_of(k), marker=mark_of(k), markersize=5, linewidth=1.6)
        for k in range(len(plan.legend))
    ]
    return samples, [", ".join(names) for names in plan.legend]


def legend(figure: Figure, samples: Sequence[Line2D], names: Sequence[str]) -> None:
    """Put the legend below the panels, in as many columns as its names have room for."""
    if not names:
        return
    width = int(PER_INCH * figure.get_figwidth())
    columns = max(1, min(4, len(names), width // (max(map(len, names)) + 8)))
    made = figure.legend(
        samples, [str(k) for k in range(len(names))], loc="outside lower left", ncols=columns,
        frameon=False, fontsize=9, labelcolor=INK,
    )  # fmt: skip
    for text, name in zip(made.get_texts(), names, strict=True):  # here a leading "_" is no order
        text.set_text(literal(fill(printable(name), width - 8)))


def literal(text: str) -> str:
    """Keep dollars from starting a formula."""
    return text.replace("$", r"\$")


def finish(axes: Axes, x_label: str, y_label: str) -> None:
    """Shares in percent, a light grid, no frame, names and units on both axes."""
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.4g}%")
    axes.set_xlabel(x_label, color=INK)
    axes.set_ylabel(y_label, color=INK)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(which="both", colors=INK, length=0, labelsize=9)
    axes.spines[:].set_visible(False)


def same_limits(every: Sequence[Axes], *, x: bool) -> None:
    """Give axes the same limits upwards, and sideways, too, if asked: with room around."""
    for axes in every:
        axes.margins(x=0.1, y=0.14)
    low, high = zip(*(axes.get_ylim() for axes in every), strict=True)
    left, right = zip(*(axes.get_xlim() for axes in every), strict=True)
    for axes in every:
        axes.set_ylim(min(low), max(high))
        if x:
            axes.set_xlim(min(left), max(right))


def mark_draws(axes: Axes, draws: Collection[int]) -> None:
    """A logarithmic axis that names the numbers of draws."""
    axes.set_xscale("log")
    axes.set_xticks(sorted(draws), [str(n) for n in sorted(draws)])
    axes.minorticks_off()
