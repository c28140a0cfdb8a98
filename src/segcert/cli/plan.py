"""``segcert plan``: how many draws, and which procedure, before anything is certified."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from segcert.cli.arguments import (
    Alpha,
    DenoiserName,
    ModelName,
    NoiseName,
    PilotDraws,
    Scale,
    Sigma,
    SmoothScores,
    whole,
)
from segcert.cli.flat import Flat
from segcert.cli.network_options import NETWORK_AS_USUAL, NetworkOptions
from segcert.cli.plan_cluster import CLUSTER_AS_USUAL, ClusterOptions
from segcert.cli.plan_options import PlanOptions, asked_noise
from segcert.cli.run_options import MODEL, OUTPUT, SAMPLING_AS_USUAL, SamplingOptions

if TYPE_CHECKING:
    from segcert.models.reference import ModelReference
    from segcert.noise.base import AbstractNoise
    from segcert.plan import Plan
    from segcert.planning.outlook import Outlook

TAU, TAUS = 0.75, (0.6, 0.75, 0.85, 0.9, 0.95, 0.99)  # planned where nothing is wished

WISH = Group("Plan", sort_key=3, help="What is wished, and what is fixed.")


@dataclass(frozen=True)
class WishOptions(Flat):
    """What is planned for."""

    noise: Annotated[NoiseName, Parameter(group=WISH)] = "gaussian"
    sigma: Annotated[Sigma, Parameter(group=WISH)] = 0.25
    probe: Annotated[
        int,
        Parameter(
            group=WISH, converter=whole, help="Draws of the probe of each image; 10 to 1000."
        ),
    ] = 60
    alpha: Annotated[Alpha, Parameter(group=WISH)] = 0.001
    radius: Annotated[
        float | None,
        Parameter(group=WISH, help="Wished radius, which gives the threshold; not with --tau."),
    ] = None
    tau: Annotated[
        float | None,
        Parameter(
            group=WISH, help="Probability threshold; by default 0.75, with others beside it."
        ),
    ] = None
    share: Annotated[
        float | None,
        Parameter(
            group=WISH,
            help="Wished certified share, in (0, 1]; by default what is certified when twice the "
            "draws would add less than a point.",
        ),
    ] = None
    n0: Annotated[PilotDraws, Parameter(group=WISH)] = 4


WISH_AS_USUAL = WishOptions()


def plan(
    *images: Annotated[str, Parameter(help="PNG, JPEG or TIFF files, folders of them, or globs.")],
    model: Annotated[ModelName, Parameter(group=MODEL)] = "camvid",
    scale: Annotated[Scale, Parameter(group=MODEL)] = "1",
    denoiser: Annotated[DenoiserName, Parameter(group=MODEL)] = None,
    smooth_scores: Annotated[SmoothScores, Parameter(group=MODEL)] = 0.0,
    network: Annotated[NetworkOptions, Parameter(name="*")] = NETWORK_AS_USUAL,
    wish: Annotated[WishOptions, Parameter(name="*")] = WISH_AS_USUAL,
    sampling: Annotated[SamplingOptions, Parameter(name="*")] = SAMPLING_AS_USUAL,
    write: Annotated[
        Path | None,
        Parameter(
            group=OUTPUT,
            help="Write the recommended plan to this file (.toml, .json), for `segcert certify "
            "--plan`.",
        ),
    ] = None,
    as_json: Annotated[
        bool,
        Parameter(
            name="--json", group=OUTPUT, negative=(), help="Print one JSON object, no table."
        ),
    ] = False,
    cluster: Annotated[ClusterOptions, Parameter(name="*")] = CLUSTER_AS_USUAL,
) -> None:
    """Predict from a short probe what more draws would certify, and recommend how many.

    Several images are planned for on average. Nothing is certified: the probe's draws are used
    for nothing else. What it prints last is the command to run next.
    """
    from segcert.cli.plan_table import (
        CAUTION,
        as_text,
        next_command,
        print_shares,
        print_thresholds,
        verdict,
    )
    from segcert.cli.progress import DrawProgress
    from segcert.cli.shell import messages, results, say
    from segcert.inputs.finding import find_inputs, skipped_in
    from segcert.models.reference import ModelReference
    from segcert.plan_record import check_suffix
    from segcert.planning.outlook import make_outlook

    reference = ModelReference(
        model, scale=network.padded(scale), denoiser=denoiser, told=network.told,
        smooth_scores=smooth_scores,
    )  # fmt: skip
    if cluster.cluster:
        plan_cluster(images, reference, wish, sampling, cluster)
        return
    if write is not None:
        check_suffix(write)
    taus = thresholds(wish.tau, wish.radius, wish.noise, wish.sigma)
    check_numbers(taus[0], wish)
    options = PlanOptions(noise=wish.noise, sigma=wish.sigma, alpha=wish.alpha, n0=wish.n0)
    drawn = asked_noise(options, None)
    segmenter = reference.open()
    found = find_inputs(list(images))
    for line in skipped_in(list(images), found.values()):
        say(f"note: {line}", to=messages)
    with DrawProgress(messages) as progress:
        made = make_outlook(
            segmenter, found,
            noise=drawn, taus=taus, alpha=wish.alpha, share=wish.share, n0=wish.n0,
            draws=wish.probe, seed=sampling.seed, device=sampling.device,
            batch_size=sampling.batch, progress=progress,
        )  # fmt: skip
    best = made.recommended[0]
    if write is not None and best.share:
        recommended_plan(drawn, wish.alpha, made).write(write)
    command = next_command(list(images), reference, options, made, write, network)
    if as_json:
        text = as_text(made, reference, options, wish.probe, command)
        results.print(text, markup=False)
        return
    if command:
        print_shares(made)
    if len(taus) > 1:
        print_thresholds(made, drawn)
    say(verdict(made, drawn, wish.share))
    if command:
        results.print()
        say(CAUTION)
        results.print()
        say(command)


def recommended_plan(noise: "AbstractNoise", alpha: float, made: "Outlook") -> "Plan":
    """The plan that is recommended at the first threshold."""
    from segcert.plan import Plan

    best = made.recommended[0]
    return Plan(
        noise=noise, n0=best.total - best.n, n=best.n, tau=made.forecast.taus[0], alpha=alpha,
        correction=best.procedure.correction,
    )  # fmt: skip


def plan_cluster(
    images: tuple[str, ...],
    reference: "ModelReference",
    wish: WishOptions,
    sampling: SamplingOptions,
    cluster: ClusterOptions,
) -> None:
    """Estimate time and cost of a data set, from a given or a measured time of one draw.

    Raises:
        InputError: If there is neither a time nor an image to measure it on, or both.
    """
    from segcert.cli.plan_cluster import measure, print_cluster
    from segcert.errors import InputError
    from segcert.noise.registry import named_noise
    from segcert.planning.cluster import Campaign

    seconds_per_draw, batch_size = cluster.seconds_per_draw, sampling.batch
    if len(images) > 1:
        raise InputError(f"--cluster measures on one IMAGE, got {len(images)}: name one of them")
    if (seconds_per_draw is None) != bool(images):
        raise InputError(
            "--cluster needs an IMAGE to measure on, or --seconds-per-draw; got "
            + ("both" if images else "neither")
        )
    size, measured = 8 if batch_size == "auto" else int(batch_size), "given"
    if seconds_per_draw is None:
        seconds_per_draw, size, kind = measure(
            reference.open(), images[0], named_noise(wish.noise, wish.sigma),
            seed=sampling.seed, device=sampling.device, batch_size=batch_size,
        )  # fmt: skip
        measured = f"measured on this machine's {kind}"
    campaign = Campaign(
        cluster.inputs, cluster.draws, seconds_per_draw, batch_size=size, price=cluster.price
    )
    print_cluster(campaign, measured)


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


def check_numbers(tau: float, wish: WishOptions) -> None:
    """Refuse numbers out of range, before anything is read.

    Raises:
        InputError: With the rule and the value.
    """
    from segcert.planning.probe import check_probe
    from segcert.planning.recommend import check_share
    from segcert.stats.levels import check_tau_alpha

    check_tau_alpha(tau=tau, alpha=wish.alpha)
    check_probe(n0=wish.n0, draws=wish.probe)
    if wish.share is not None:
        check_share(wish.share)
