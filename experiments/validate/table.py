"""Print what was found as Markdown."""

import json
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

from segcert.files import atomic_write

from .adversaries import ADVERSARIES
from .cases import GRID
from .controls import CONTROLS
from .counts import COUNTED
from .end_to_end import END_TO_END
from .harness import FALSE_ALARM, Found, Tally
from .models import LAWS
from .pairs import PAIRS, all_pairs, refusals
from .replays import REPLAYS

BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
TITLES = {
    GRID: "Every procedure at tau and around it",
    PAIRS: "Every correction, with every way of stopping, with a pilot and without",
    ADVERSARIES: "Against adversaries",
    COUNTED: "How many, without saying which",
    END_TO_END: "From the noise to the certificate",
    REPLAYS: "Fresh draws against a record",
    CONTROLS: "Negative controls",
}


def markdown(found: list[Found], *, seed: int, refused: bool) -> str:
    """All tables, and the summary above them."""
    parts = [summary(found, seed=seed, refused=refused)]
    for table, title in TITLES.items():
        rows = [one for one in found if one.case.table == table]
        if rows:
            as_grid = grid_table(rows) if table in (GRID, PAIRS) else plain_table(rows)
            parts += [f"## {title}", as_grid, *([refused_pairs()] if table == PAIRS else [])]
    return "\n\n".join(parts) + "\n"


def as_json(found: list[Found]) -> str:
    """Every case with what was counted; a list of objects."""
    rows = []
    for one in found:
        case, tally = one.case, one.tally
        rows.append(
            {
                "table": case.table,
                "row": case.row,
                "column": case.column,
                "truth": case.truth,
                "alpha": case.alpha,
                "defect": case.defect,
                "flagged": one.flagged,
                **asdict(tally),
            }
        )
    return json.dumps(rows, indent=1, default=int)  # NumPy's integers, too


def summary(found: list[Found], *, seed: int, refused: bool) -> str:
    """Say how many were kept and flagged."""
    claims = [one for one in found if not one.case.defect]
    defects = [one for one in found if one.case.defect]
    kept = sum(not one.flagged for one in claims)
    flagged = sum(one.flagged for one in defects)
    return (
        f"Seed {seed}. **{kept} of {len(claims)}** measurements of procedures keep alpha; "
        f"**{flagged} of {len(defects)}** defects are flagged. If every procedure keeps alpha, any "
        f"of them is flagged with a probability of at most {FALSE_ALARM:g}. With its check of the "
        f"fingerprints on, the sampler **{'refuses' if refused else 'ACCEPTS'}** a noise that is "
        "repeated through a batch."
    )


def refused_pairs() -> str:
    """Say which pairs of that table the code refuses, and why."""
    found = refusals()
    lines = [line(str(pair), f"refused: {reason}") for pair, reason in found]
    return (
        f"Of {len(all_pairs())} pairs {len(found)} are refused:\n\n"
        + header("procedure", "answer") + "\n" + "\n".join(lines)
    )  # fmt: skip


def grid_table(found: list[Found]) -> str:
    """One line for each procedure and truth, one column for each law."""
    laws = [law.name for law in LAWS if any(one.case.column == law.name for one in found)]
    lines = [
        header("procedure", "probabilities", *laws, "alpha", "verdict", "certified of possible")
    ]
    for (row, truth), group in groupby(found, lambda one: (one.case.row, one.case.truth)):
        cells = {one.case.column: one for one in group}
        errors = [error(cells[law].tally) if law in cells else "" for law in laws]
        together = Tally(
            0, 1, sum(one.tally.right for one in cells.values()),
            sum(one.tally.possible for one in cells.values()),
        )  # fmt: skip
        alpha = next(iter(cells.values())).case.alpha
        worst = verdict(any(one.flagged for one in cells.values()))
        lines.append(line(row, truth, *errors, f"{alpha:g}", worst, power(together)))
    return f"{found[0].case.repetitions} repetitions a cell.\n\n" + "\n".join(lines)


def plain_table(found: list[Found]) -> str:
    """One line for each case."""
    lines = [
        header(
            "procedure", "components of a draw", "probabilities", "error", "alpha", "verdict",
            "certified of possible", "repetitions",
        )
    ]  # fmt: skip
    for one in found:
        case, tally = one.case, one.tally
        lines.append(
            line(
                case.row, case.column, case.truth, error(tally), f"{case.alpha:g}",
                verdict(one.flagged), power(tally), f"{tally.repetitions}",
            )
        )  # fmt: skip
    return "\n".join(lines)


def error(tally: Tally) -> str:
    """Share of repetitions with an error, and its exact 99% interval."""
    low, high = tally.interval
    return f"{tally.errors / tally.repetitions:.3f} [{low:.3f}, {high:.3f}]"


def power(tally: Tally) -> str:
    """Share of the components above tau that are certified."""
    return f"{100 * tally.right / tally.possible:.1f}%" if tally.possible else "–"


def verdict(flagged: bool) -> str:
    """In one word."""
    return "**FLAGGED**" if flagged else "kept"


def line(*cells: str) -> str:
    """A line of a table."""
    return "| " + " | ".join(cells) + " |"


def header(*cells: str) -> str:
    """The head of a table."""
    return line(*cells) + "\n" + "|---" * len(cells) + "|"


def write_between_markers(path: Path, text: str) -> None:
    """Replace what lies between the two markers of a page.

    Raises:
        ValueError: If the page lacks them.
    """
    before, begin, rest = path.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path} needs the lines {BEGIN} and {END}")
    with atomic_write(path) as file:
        file.write(f"{before}{BEGIN}\n\n{text}\n{END}{after}".encode())
