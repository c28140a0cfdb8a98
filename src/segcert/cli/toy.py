"""``segcert toy``: the paper's study on components that are wrong at random."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from segcert.cli.arguments import Tau, whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from segcert.toy.methods import Share
    from segcert.toy.study import Point, Sweep

COLOURS = {
    "joint_class": 0, "indiv_class": 1, "segcertify_holm": 2, "segcertify_bonferroni": 3,
    "no_pilot_holm": 4, "ordered": 5,
    "k_fwer_1_error": 0, "k_fwer_2_errors": 1, "k_fwer_4_errors": 3,
    "k_fwer_0.1_percent": 5, "k_fwer_1_percent": 6,
}  # fmt: skip


def toy(
    *,
    gamma: Annotated[
        float,
        Parameter(help="Probability that a component is wrong in a draw; 5 times that if bad."),
    ] = 0.05,
    n: Annotated[int, Parameter(converter=whole, help="Draws that are counted.")] = 100,
    n0: Annotated[int, Parameter(converter=whole, help="Draws that choose the class.")] = 100,
    components: Annotated[int, Parameter(converter=whole, help="Number of components, N.")] = 100,
    bad: Annotated[int, Parameter(converter=whole, help="How many components are bad.")] = 1,
    tau: Tau = 0.75,
    alpha: Annotated[
        float, Parameter(help="Allowed probability that the statement about all is wrong.")
    ] = 0.001,
    repetitions: Annotated[
        int, Parameter(converter=whole, help="How often everything is drawn anew.")
    ] = 600,
    seed: Annotated[int, Parameter(converter=whole, help="Seed of all draws.")] = 0,
    as_json: Annotated[
        bool, Parameter(name="--json", negative=(), help="Print one JSON object, no table.")
    ] = False,
    figures: Annotated[
        Path | None,
        Parameter(
            help="Instead, draw all figures of the study into this folder; of the other options "
            "only --repetitions and --seed apply."
        ),
    ] = None,
) -> None:
    """Compare what JointClass, IndivClass, SegCertify and newer procedures certify of a toy.

    No network: each of N components is wrong at random, independently, in every draw. Prints the
    share of components that each method certifies, over all repetitions, with its standard error.
    """
    from segcert.cli.shell import results
    from segcert.toy.draws import Draws
    from segcert.toy.methods import METHODS, share
    from segcert.toy.model import Toy
    from segcert.toy.study_tables import setting_json

    asked = Toy(
        gamma=gamma, n=n, n0=n0, components=components, bad=bad, tau=tau, alpha=alpha,
        repetitions=repetitions, seed=seed,
    )  # fmt: skip
    if figures is not None:
        draw_figures(figures, repetitions=repetitions, seed=seed)
        return
    draws = Draws(asked)
    found = {key: share(method, draws) for key, method in METHODS.items()}
    had = {key: item for key, item in found.items() if item is not None}
    if as_json:
        results.print(setting_json(asked, had), markup=False)
    else:
        print_shares(had)


def print_shares(shares: "dict[str, Share]") -> None:
    """Print one row for each method."""
    from rich.table import Table

    from segcert.cli.shell import results
    from segcert.toy.methods import METHODS

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("method")
    for name in ("certified", "standard error", "repetitions"):
        table.add_column(name, justify="right", no_wrap=True)
    for key, share in shares.items():
        error = "–" if share.standard_error is None else f"{100 * share.standard_error:.3f}%"
        table.add_row(
            METHODS[key].label, f"{100 * share.certified:.2f}%", error, str(share.repetitions)
        )
    results.print(table)


def draw_figures(folder: Path, *, repetitions: int, seed: int) -> None:
    """Draw the whole study: figures as PNG and SVG, all numbers as CSV, a summary as JSON."""
    from time import perf_counter

    from segcert.cli.progress import DrawProgress
    from segcert.cli.shell import messages, say
    from segcert.files import atomic_write, check_writable, remove_drafts_in
    from segcert.locks import held
    from segcert.report.plots import save_plot
    from segcert.toy.study import STUDY, points
    from segcert.toy.study_tables import study_csv, study_json

    start = perf_counter()
    check_writable(folder / "toy.csv")
    with held(folder), DrawProgress(messages) as bar:
        found = list(points(STUDY, repetitions=repetitions, seed=seed, progress=bar))
        for name, text in (
            ("toy.csv", study_csv(found)),
            ("summary.json", study_json(STUDY, found)),
        ):
            with atomic_write(folder / name) as file:
                file.write(text.encode())
        for sweep in STUDY:
            save_plot(plot_of(sweep, found), folder / sweep.name)
        remove_drafts_in(folder)
    say(
        f"{len(STUDY)} figures (PNG, SVG), toy.csv and summary.json are in {folder}: "
        f"{perf_counter() - start:.0f} s"
    )


def plot_of(sweep: "Sweep", found: "list[Point]") -> "Figure":
    """Draw one figure of the study."""
    from segcert.report.plots import Line, line_plot
    from segcert.toy.methods import METHODS

    lines = []
    for key in sweep.methods:
        along = [p for p in found if (p.figure, p.method) == (sweep.name, key)]
        lines.append(
            Line(
                METHODS[key].label,
                [sweep.place(point.toy) for point in along],
                [point.share.certified for point in along],
                [point.share.standard_error for point in along],
                colour=COLOURS[key],
                new=METHODS[key].new,
            )
        )
    return line_plot(
        lines,
        title=sweep.title,
        x_label="error probability gamma" if sweep.by_gamma else "components N",
        y_label="components certified",
        log_x=not sweep.by_gamma,
    )
