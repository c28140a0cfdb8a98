"""Options that make a plan: each is declared, documented and checked once, for all commands."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from segcert.cli.arguments import (
    Alpha,
    AnyNoiseName,
    AxisName,
    BlockSide,
    CorrectionName,
    Draws,
    DropBelow,
    JitterSigma,
    NumberOfLooks,
    OptionalPilotDraws,
    ShiftSigma,
    Sigma,
    Statement,
    StopRuleName,
    Tau,
    TreeName,
)
from segcert.cli.flat import Flat

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Bool

    from segcert.noise.base import AbstractNoise
    from segcert.plan import Plan

PLAN = Group("Plan", sort_key=3, help="What is fixed before the first draw.")
OF_CLOUDS = Group("Plan, of point clouds", sort_key=4)


@dataclass(frozen=True)
class PlanOptions(Flat):
    """The fields of a plan as options, or a file that has them."""

    plan: Annotated[
        Path | None,
        Parameter(
            group=PLAN,
            help="File of a plan (.toml, .json), as `segcert plan --write` writes it, in place of "
            "all options of the plan but --ignore.",
        ),
    ] = None
    noise: Annotated[AnyNoiseName, Parameter(group=PLAN)] = "gaussian"
    sigma: Annotated[Sigma, Parameter(group=PLAN)] = 0.25
    shift_sigma: Annotated[ShiftSigma, Parameter(group=OF_CLOUDS)] = None
    jitter_sigma: Annotated[JitterSigma, Parameter(group=OF_CLOUDS)] = None
    axis: Annotated[AxisName, Parameter(group=OF_CLOUDS)] = None
    tau: Annotated[Tau, Parameter(group=PLAN)] = 0.75
    alpha: Annotated[Alpha, Parameter(group=PLAN)] = 0.001
    n0: Annotated[OptionalPilotDraws, Parameter(group=PLAN)] = None
    n: Annotated[Draws, Parameter(group=PLAN)] = 100
    correction: Annotated[CorrectionName, Parameter(group=PLAN)] = None
    blocks: Annotated[BlockSide, Parameter(group=PLAN)] = None
    drop_below: Annotated[DropBelow, Parameter(group=PLAN)] = None
    ignore: Annotated[
        Path | None,
        Parameter(
            group=PLAN,
            help="Mask image: pixels that are not 0 are not tested (the own car, a frame).",
        ),
    ] = None
    tree: Annotated[TreeName, Parameter(group=PLAN)] = None
    stop_when: Annotated[StopRuleName, Parameter(group=PLAN)] = None
    looks: Annotated[NumberOfLooks, Parameter(group=PLAN)] = 4
    statement: Annotated[Statement, Parameter(group=PLAN)] = "labels"

    def made(self, *, axis: str | None = None) -> "Plan":
        """Make the plan.

        Args:
            axis: Of a noise that turns about one, if no option says it.

        Raises:
            InputError: If it cannot be, in the words of the command line.
        """
        from segcert.certificates.hierarchies import open_hierarchy
        from segcert.errors import InputError
        from segcert.inputs.finding import find_mask
        from segcert.plan import PILOT_DRAWS, Plan
        from segcert.stats.correction_names import parse_correction

        pilot, usual = (0, "bonferroni") if self.tree else (PILOT_DRAWS, "holm")
        mask = None if self.ignore is None else find_mask(self.ignore)
        check_covers(mask)
        if self.plan is not None:
            found = Plan.read(self.plan)
            if mask is not None and found.ignore is not None:
                raise InputError(f"plan {self.plan} has a mask: leave out --ignore")
            return found if mask is None else replace(found, ignore=mask)
        return Plan(
            noise=asked_noise(self, axis),
            n0=pilot if self.n0 is None else self.n0, n=self.n, tau=self.tau, alpha=self.alpha,
            correction=parse_correction(self.correction or usual),
            tree=None if self.tree is None else open_hierarchy(self.tree),
            blocks=self.blocks, drop_below=self.drop_below, ignore=mask,
            stop_when=self.stop_when, looks=self.looks, statement=self.statement,
        )  # fmt: skip


def asked_noise(options: PlanOptions, axis: str | None) -> "AbstractNoise":
    """The noise of the options.

    Raises:
        InputError: If it cannot be, with the option.
    """
    from segcert.errors import InputError
    from segcert.noise.registry import IMAGE, names, names_with, noise_in_plans

    if options.axis is None and options.noise not in names_with("axis"):
        axis = None
    said = {
        "sigma": options.sigma, "shift_sigma": options.shift_sigma,
        "jitter_sigma": options.jitter_sigma, "axis": options.axis or axis,
    }  # fmt: skip
    given = {name: value for name, value in said.items() if value is not None}
    try:
        found = noise_in_plans(options.noise, given)
        found.on_grid()  # large noise has none
    except InputError as error:
        if options.noise == "gaussian" or options.noise not in names(IMAGE):
            raise
        raise InputError(
            f"--sigma {options.sigma:g} is not for {options.noise} noise: {error}"
        ) from error
    return found


def check_covers(mask: "Bool[np.ndarray, ' h w'] | None") -> None:
    """Refuse a mask that leaves nothing.

    Raises:
        InputError: If it covers everything.
    """
    from segcert.errors import InputError

    if mask is not None and mask.all():
        raise InputError("the mask of --ignore covers every pixel: nothing is left to certify")


PLAN_AS_USUAL = PlanOptions()
