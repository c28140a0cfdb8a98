"""What commands print with ``--statement count``."""

from rich.table import Table

from segcert.cli.shell import cell, note, results, say
from segcert.runs.certify_inputs import CertifiedInput
from segcert.runs.count_figures import count_of
from segcert.runs.evaluate import Results
from segcert.text import confidence_text, floor_text, percent_text


def print_counts(done: list[CertifiedInput]) -> None:
    """Print one row per input, and the statements."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("input", overflow="fold")
    for name in ("components", "robust, at least", "share", "radius", "draws"):
        table.add_column(name, justify="right", no_wrap=True)
    for item in done:
        found = item.counted
        number, whole = found.at_least(), found.counts.components
        table.add_row(
            cell(item.name), str(whole), str(number), percent_text(number, whole),
            floor_text(found.radius), str(found.counts.n),
        )  # fmt: skip
    results.print(table)
    for item in done:
        results.print()
        say(f"{item.name}: {item.counted.statement}")
    invalid = sum(item.claim.counts.invalid for item in done)
    if invalid:
        note(
            f"{invalid} labels were lost to NaN or infinite scores; they count against every class"
        )


def print_data_counts(found: Results) -> None:
    """Print one row per setting, and what it states."""
    config = found.config
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("scale", "tau", "n", "k", "sigma", "radius", "passed", "robust, at least",
                 "robust and true, at least"):  # fmt: skip
        table.add_column(name, justify="right", overflow="fold")
    for setting, totals in zip(config.settings, found.totals, strict=True):
        one = count_of(setting, totals, alpha=config.alpha)
        table.add_row(
            setting.scale, f"{setting.tau:g}", str(setting.n), str(one.k), setting.noise_text,
            floor_text(setting.radius), percent_text(one.passed, one.components),
            percent_text(one.at_least, one.components),
            percent_text(one.right_at_least, max(one.labelled, 1)),
        )  # fmt: skip
    results.print(table)
    results.print()
    number = len({row.number for row in found.rows})
    say(
        f"{cell(config.data)}, {number} of {config.images} inputs, n0 = {config.n0}. Each row is "
        f"one statement about all {config.images} inputs, with confidence "
        f"{confidence_text(config.alpha, 0.0)}: at least so many of their components keep the "
        "pilot's class as that of the smoothed model within the radius. Which ones is not said."
    )
