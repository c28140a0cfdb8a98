"""``segcert plan``: how many draws, and which procedure, before anything is certified."""

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from segcert.cli.arguments import (
    Alpha,
    BatchSize,
    DenoiserName,
    Device,
    ModelName,
    NoiseName,
    PilotDraws,
    Scale,
    Seed,
    Sigma,
    whole,
)
from segcert.cli.plan_cluster import (
    AllDraws,
    ForCluster,
    NumberOfInputs,
    Price,
    SecondsPerDraw,
)
from segcert.cli.plan_options import PlanOptions, asked_noise

if TYPE_CHECKING:
    from segcert.models.reference import ModelReference
    from segcert.noise.base import AbstractNoise
    from segcert.planning.outlook import Outlook
    from segcert.planning.recommend import Recommendation

TAU, TAUS = 0.75, (0.6, 0.75, 0.85, 0.9, 0.95, 0.99)  # planned where nothing is wished
SHOWN = (20, 32, 40, 50, 63, 80, 100, 120, 160, 200, 280, 400, 630, 1000, 2000, 5000, 10_000)
CAUTION = (
    "A prediction, no guarantee. The probe has random streams of its own and is never tested, so "
    "that choosing by it keeps the confidence; choosing after seeing counts does not."
)


def plan(
    *images: Annotated[str, Parameter(help="PNG, JPEG or TIFF files, folders of them, or globs.")],
    model: ModelName = "camvid",
    noise: NoiseName = "gaussian",
    sigma: Sigma = 0.25,
    probe: Annotated[
        int, Parameter(converter=whole, help="Draws of the probe of each image; 10 to 1000.")
    ] = 60,
    alpha: Alpha = 0.001,
    radius: Annotated[
        float | None, Parameter(help="Wished radius, which gives the threshold; not with --tau.")
    ] = None,
    tau: Annotated[
        float | None,
        Parameter(help="Probability threshold; by default 0.75, with others beside it."),
    ] = None,
    share: Annotated[
        float | None,
        Parameter(
            help="Wished certified share, in (0, 1]; by default what is certified when twice the "
            "draws would add less than a point."
        ),
    ] = None,
    n0: PilotDraws = 4,
    scale: Scale = "1",
    denoiser: DenoiserName = None,
    seed: Seed = None,
    device: Device = "auto",
    batch_size: BatchSize = None,
    as_json: Annotated[
        bool, Parameter(name="--json", negative=(), help="Print one JSON object, no table.")
    ] = False,
    cluster: ForCluster = False,
    inputs: NumberOfInputs = 500,
    draws: AllDraws = 10_000,
    seconds_per_draw: SecondsPerDraw = None,
    price: Price = 0.0,
) -> None:
    """Predict from a short probe what more draws would certify, and recommend how many.

    Several images are planned for on average. Nothing is certified: the probe's draws are used
    for nothing else. What it prints last is the command to run next.
    """
    from segcert.cli.progress import DrawProgress
    from segcert.cli.shell import messages, results, say
    from segcert.inputs.finding import find_inputs
    from segcert.models.reference import ModelReference
    from segcert.planning.outlook import make_outlook

    size: int | str = "auto" if batch_size is None else batch_size
    if cluster:
        plan_cluster(
            images, model, noise, sigma,
            scale=scale, denoiser=denoiser, seed=seed, device=device, batch_size=size,
            inputs=inputs, draws=draws, seconds_per_draw=seconds_per_draw, price=price,
        )  # fmt: skip
        return
    taus = thresholds(tau, radius, noise, sigma)
    check_numbers(taus[0], alpha=alpha, share=share, n0=n0, probe=probe)
    reference = ModelReference(model, scale=scale, denoiser=denoiser)
    segmenter = reference.open()
    options = PlanOptions(noise=noise, sigma=sigma, alpha=alpha, n0=n0)
    drawn = asked_noise(options, None)
    found = find_inputs(list(images))
    with DrawProgress(messages) as progress:
        made = make_outlook(
            segmenter, found,
            noise=drawn, taus=taus, alpha=alpha, share=share, n0=n0, draws=probe,
            seed=seed, device=device, batch_size=size,
            progress=progress,
        )  # fmt: skip
    command = next_command(list(images), reference, options, made)
    if as_json:
        results.print(as_text(made, reference, options, probe, command), markup=False)
        return
    if command:
        print_shares(made)
    if len(taus) > 1:
        print_thresholds(made, drawn)
    say(verdict(made, drawn, share))
    if command:
        results.print()
        say(CAUTION)
        results.print()
        say(command)


def plan_cluster(
    images: tuple[str, ...],
    model: str,
    noise: str,
    sigma: float,
    *,
    scale: str,
    denoiser: str | None,
    seed: int | None,
    device: str,
    batch_size: int | str,
    inputs: int,
    draws: int,
    seconds_per_draw: float | None,
    price: float,
) -> None:
    """Estimate time and cost of a data set, from a given or a measured time of one draw.

    Raises:
        InputError: If there is neither a time nor an image to measure it on, or both.
    """
    from segcert.cli.plan_cluster import measure, print_cluster
    from segcert.errors import InputError
    from segcert.models.reference import ModelReference
    from segcert.noise.registry import named_noise
    from segcert.planning.cluster import Campaign

    if len(images) > 1:
        raise InputError(f"--cluster measures on one IMAGE, got {len(images)}: name one of them")
    if (seconds_per_draw is None) != bool(images):
        raise InputError(
            "--cluster needs an IMAGE to measure on, or --seconds-per-draw; got "
            + ("both" if images else "neither")
        )
    size, measured = 8 if batch_size == "auto" else int(batch_size), "given"
    if seconds_per_draw is None:
        segmenter = ModelReference(model, scale=scale, denoiser=denoiser).open()
        seconds_per_draw, size, kind = measure(
            segmenter, images[0], named_noise(noise, sigma),
            seed=seed, device=device, batch_size=batch_size,
        )  # fmt: skip
        measured = f"measured on this machine's {kind}"
    print_cluster(Campaign(inputs, draws, seconds_per_draw, batch_size=size, price=price), measured)


def thresholds(
    tau: float | None, radius: float | None, noise: str, sigma: float
) -> tuple[float, ...]:
    """Thresholds to plan for; the first one is wished.

    Raises:
        InputError: If both are given, or no threshold gives the radius.
    """
    from segcert.errors import InputError
    from segcert.noise.registry import named_noise
    from segcert.planning.recommend import tau_of_radius

    if tau is not None and radius is not None:
        raise InputError("--tau and --radius exclude each other: the radius gives the threshold")
    if radius is not None:
        return (tau_of_radius(named_noise(noise, sigma), radius),)
    return (tau,) if tau is not None else (TAU, *(one for one in TAUS if one != TAU))


def check_numbers(tau: float, *, alpha: float, share: float | None, n0: int, probe: int) -> None:
    """Refuse numbers out of range, before anything is read.

    Raises:
        InputError: With the rule and the value.
    """
    from segcert.planning.probe import check_probe
    from segcert.planning.recommend import check_share
    from segcert.stats.levels import check_tau_alpha

    check_tau_alpha(tau=tau, alpha=alpha)
    check_probe(n0=n0, draws=probe)
    if share is not None:
        check_share(share)


def next_command(
    images: list[str], model: "ModelReference", options: PlanOptions, made: "Outlook"
) -> str:
    """The command that certifies as recommended; empty if nothing can be certified."""
    import shlex

    from segcert.models.resizing.scale import resizing_text

    best = made.recommended[0]
    if not best.share:
        return ""
    words = [
        "segcert", "certify", *images, "--model", model.name, "--noise", options.noise,
        "--sigma", f"{options.sigma!r}", "--tau", f"{made.forecast.taus[0]!r}",
        "--alpha", f"{options.alpha!r}", "--n0", str(best.total - best.n), "--n", str(best.n),
        "--correction", best.procedure.correction.name,
    ]  # fmt: skip
    if resizing_text(model.scale) != "1":
        words += ["--scale", resizing_text(model.scale)]
    if model.denoiser is not None:
        words += ["--denoiser", model.denoiser]
    return shlex.join(words)


def print_shares(made: "Outlook") -> None:
    """Print the predicted shares of each procedure, at the first threshold."""
    from rich.table import Table

    from segcert.cli.shell import results
    from segcert.planning.forecast import PROCEDURES

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


def print_thresholds(made: "Outlook", noise: "AbstractNoise") -> None:
    """Print what is recommended at each threshold."""
    from rich.table import Table

    from segcert.cli.shell import results
    from segcert.text import floor_text

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


def verdict(made: "Outlook", noise: "AbstractNoise", share: float | None) -> str:
    """Say in words what is recommended at the first threshold, or what is out of reach."""
    from segcert.text import floor_text

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


def spending(best: "Recommendation") -> str:
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
    made: "Outlook", model: "ModelReference", options: PlanOptions, probe: int, command: str
) -> str:
    """The plan as a JSON object."""
    import json

    from segcert.models.resizing.scale import resizing_record, resizing_text
    from segcert.planning.forecast import PROCEDURES

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


def recommended(best: "Recommendation") -> dict[str, object]:
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
