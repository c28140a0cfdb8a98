"""``segcert report``: runs of ``segcert evaluate`` as tables and plots."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

if TYPE_CHECKING:
    from segcert.report.comparison import Comparison


def report(
    run: Annotated[Path, Parameter(help="The --out of `segcert evaluate`, finished or not.")],
    *others: Annotated[Path, Parameter(help="More runs on the same images, for the same table.")],
    format: Annotated[
        Literal["text", "markdown", "latex", "csv"] | None,
        Parameter(help="How to print the table; by default as text."),
    ] = None,
    label: Annotated[
        list[str] | None,
        Parameter(help="Name of a run in the table, once for each run; by default its model."),
    ] = None,
    out: Annotated[
        Path | None,
        Parameter(help="Also write the tables and plots into this folder."),
    ] = None,
) -> None:
    """Print the table of runs of `segcert evaluate`; compare runs on the same images.

    With `--out` writes `report.html` (open it in a browser: table, figures, worst and best images,
    every row to sort and filter), `table.md`, `table.tex`, `table.csv`, `figure3` (radius against
    certified accuracy) and `holm_bonferroni`, both as PNG and SVG.
    """
    from segcert.cli.shell import messages, results, say
    from segcert.files import check_writable, remove_drafts_in
    from segcert.locks import held, is_held
    from segcert.report.comparison import open_runs
    from segcert.report.run_tables import comma_separated, latex, markdown, plain

    forms = {"text": plain, "markdown": markdown, "latex": latex, "csv": comma_separated}
    folders = (run, *others)
    found = open_runs(folders, tuple(label or ()))
    if out is not None:
        check_writable(out / "table.md")
    results.print(forms[format or "text"](found), markup=False, end="")
    for folder in filter(is_held, folders):
        say(f"note: {folder} is still in use: more images may come", to=messages)
    if out is not None:
        with held(out):
            write_report(found, out)
            remove_drafts_in(out)


def write_report(found: "Comparison", out: Path) -> None:
    """Write tables, plots and page, each complete or not at all; say what is not drawn, and why."""
    from segcert.cli.shell import messages, say
    from segcert.errors import InputError
    from segcert.files import atomic_write
    from segcert.report.plots import save_plot
    from segcert.report.run_figures import figure3, holm_bonferroni
    from segcert.report.run_page import render_run_page
    from segcert.report.run_tables import comma_separated, latex, markdown

    written, plots = [], {}
    for ending, form in (("md", markdown), ("tex", latex), ("csv", comma_separated)):
        written.append(out / f"table.{ending}")
        with atomic_write(written[-1]) as file:
            file.write(form(found).encode())
    for name, draw in (("figure3", figure3), ("holm_bonferroni", holm_bonferroni)):
        try:
            figure = draw(found)
        except InputError as error:
            say(f"note: {error}{older(out, name)}", to=messages)
        else:
            written += save_plot(figure, out / name)
            plots[name] = (out / f"{name}.svg").read_bytes()
    written.append(out / "report.html")
    with atomic_write(written[-1]) as file:
        file.write(render_run_page(found, plots).encode())
    names = ", ".join(path.name for path in written)
    say(f"Written to {out}: {names}", to=messages)
    say(f"Open {out / 'report.html'}", to=messages)


def older(out: Path, name: str) -> str:
    """Warn of a plot that an earlier report left."""
    there = [path.name for path in (out / f"{name}.png", out / f"{name}.svg") if path.exists()]
    return f"; {' and '.join(there)} there: of an earlier report" if there else ""
