"""What ``segcert plan`` prints: predicted shares, the verdict, the next command, or all as JSON."""

import json
import shlex
from pathlib import Path

from rich.table import Table

from segcert.cli.network_options import NETWORK_AS_USUAL, NetworkOptions
from segcert.cli.plan_options import PlanOptions, asked_noise
from segcert.cli.shell import results
from segcert.models.reference import ModelReference
from segcert.models.resizing.scale import resizing_record, resizing_text
from segcert.noise.base import AbstractNoise
from segcert.planning.forecast import PROCEDURES
from segcert.planning.outlook import Outlook
from segcert.planning.recommend import Recommendation
from segcert.text import floor_text

SHOWN = (20, 32, 40, 50, 63, 80, 100, 120, 160, 200, 280, 400, 630, 1000, 2000, 5000, 10_000)
CAUTION = (
    "A prediction, no guarantee. The probe has random streams of its own and is never tested, so "
    "that choosing by it keeps the confidence; choosing after seeing counts does not."
)


def next_command(
    images: list[str],
    model: ModelReference,
    options: PlanOptions,
    made: Outlook,
    file: Path | None = None,
    network: NetworkOptions = NETWORK_AS_USUAL,
) -> str:
    """The command that certifies as recommended; empty if nothing can be certified."""
    best = made.recommended[0]
    if not best.share:
        return ""
    said = [
        "--noise", options.noise, "--sigma", f"{options.sigma!r}",
        "--tau", f"{made.forecast.taus[0]!r}", "--alpha", f"{options.alpha!r}",
        "--n0", str(best.total - best.n), "--n", str(best.n),
        "--correction", best.procedure.correction.name,
    ]  # fmt: skip
    plan = said if file is None else ["--plan", str(file)]
    words = ["segcert", "certify", *images, "--model", model.name, *plan]
    if resizing_text(model.scale) != "1":
        words += ["--scale", resizing_text(model.scale)]
    if model.denoiser is not None:
        words += ["--denoiser", model.denoiser]
    if model.smooth_scores:
        words += ["--smooth-scores", f"{model.smooth_scores!r}"]
    words += network.words()
    return shlex.join(words)


def print_shares(made: Outlook) -> None:
    """Print the predicted shares of each procedure, at the first threshold."""
    predicted, best = made.forecast, made.recommended[0]
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("draws in all", justify="right", no_wrap=True)
    for procedure in PROCEDURES:
        table.add_column(procedure.label, justify="right", no_wrap=True)
    for at, total in enumerate(predicted.totals):
        shares = predicted.shares[0, :, at]
        if total == best.total or (total in SHOWN and shares.any()):
            table.add_row(str(total), *map(percent, shares))
    results.print(table)
    results.print()


def print_thresholds(made: Outlook, noise: AbstractNoise) -> None:
    """Print what is recommended at each threshold."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("tau", f"{noise.norm} radius", "p > tau", "draws in all", "certified"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("procedure")
    rows = zip(made.forecast.taus, made.forecast.ideal, made.recommended, strict=True)
    for tau, ideal, best in sorted(rows, key=lambda row: row[0]):
        radius, label = floor_text(noise.radius(tau)), best.procedure.label
        reach = "" if best.reached else " (the most)"
        table.add_row(
            f"{tau:g}", radius, percent(ideal), str(best.total), percent(best.share), label + reach
        )
    results.print(table)
    results.print()


def verdict(made: Outlook, noise: AbstractNoise, share: float | None) -> str:
    """Say in words what is recommended at the first threshold, or what is out of reach."""
    best, tau, last = made.recommended[0], made.forecast.taus[0], made.forecast.totals[-1]
    ball = f"{noise.norm} radius {floor_text(noise.radius(tau))} (tau = {tau:.10g})"
    if not best.share:
        return f"Out of reach: at {ball} nothing is predicted to be certified with {last} draws."
    if best.reached:
        return f"Recommended at {ball}: {spending(best)}."
    words = (
        f"Out of reach: a certified share of {percent(best.goal)} at {ball}; "
        f"the most is {spending(best)}."
    )
    if share is None:
        return words
    if made.in_reach is None:
        return f"{words} No radius has it with {last} draws."
    radius = floor_text(noise.radius(made.in_reach))
    return (
        f"{words} With {last} draws it is in reach up to radius {radius} (tau = {made.in_reach:g})."
    )


def spending(best: Recommendation) -> str:
    """How many draws, for what, and what they are predicted to certify."""
    pilot = best.total - best.n
    parts = f"{pilot} of them pilot" if pilot else "no pilot"
    return (
        f"{best.total} draws in all ({parts}), {best.procedure.correction.name}: "
        f"about {percent(best.share)} certified"
    )


def percent(share: float) -> str:
    """Print a predicted share; a dash for none."""
    return f"{100 * share:.1f}%" if share else "–"


def as_text(
    made: Outlook, model: ModelReference, options: PlanOptions, probe: int, command: str
) -> str:
    """The plan as a JSON object."""
    noise = asked_noise(options, None)

    predicted = made.forecast
    curves = [
        {
            "tau": tau,
            "radius": noise.radius(tau),
            "ideal": predicted.ideal[j],
            "shares": {
                procedure.label: predicted.shares[j, i].tolist()
                for i, procedure in enumerate(PROCEDURES)
            },
            "recommended": recommended(made.recommended[j]),
        }
        for j, tau in enumerate(predicted.taus)
    ]
    found = {
        "settings": {
            "noise": options.noise,
            "sigma": options.sigma,
            "alpha": options.alpha,
            "n0": options.n0,
            "model": model.name,
            "scale": resizing_record(resizing_text(model.scale)),
            "probe": probe,
        },
        "images": [
            {"name": one.name, "components": one.components, "seed": str(one.seed)}
            for one in made.images
        ],
        "draws": predicted.totals,
        "thresholds": curves,
        "largest_tau_in_reach": made.in_reach,
        "command": command,
        "note": CAUTION,
    }
    return json.dumps(found, indent=2)


def recommended(best: Recommendation) -> dict[str, object]:
    """A recommendation by the names of the file."""
    return {
        "procedure": best.procedure.label,
        "correction": best.procedure.correction.name,
        "draws": best.total,
        "n0": best.total - best.n,
        "n": best.n,
        "certified_share": best.share,
        "goal": best.goal,
        "reached": best.reached,
    }
