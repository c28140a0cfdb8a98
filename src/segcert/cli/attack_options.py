"""Options of ``segcert attack``: which models, and how."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

from segcert.cli.arguments import DenoiserName, Device, whole
from segcert.cli.flat import Flat
from segcert.cli.run_options import MODEL, RUN

if TYPE_CHECKING:
    from segcert.attacks.ways import Wish
    from segcert.certificates.result import Certificate
    from segcert.models.protocol import WrappedModel

ATTACK = Group("Attack", sort_key=3)


@dataclass(frozen=True)
class ModelOptions(Flat):
    """The model that is attacked, and the one that was certified."""

    model: Annotated[
        str | None,
        Parameter(
            group=MODEL,
            help="The plain model, without noise; by default the certified one. If it is that one, "
            "--smoothed may be left out.",
        ),
    ] = None
    smoothed: Annotated[
        str | None,
        Parameter(group=MODEL, help="The certified model, by default the recorded name."),
    ] = None
    denoiser: Annotated[DenoiserName, Parameter(group=MODEL)] = None

    def opened(self, found: "Certificate") -> "tuple[WrappedModel, WrappedModel]":
        """Open the plain and the certified model of a certificate."""
        from segcert.inputs.kind import kind_of
        from segcert.models.reference import recorded

        source = found.provenance
        name, kind, scale = source.model, kind_of(source.input_shape), source.scale
        if self.model is not None and self.smoothed is None and self.denoiser is None:
            given = recorded(name, kind, scale=scale, given=self.model).open()
            if given.identity_sha256 == source.identity_sha256:
                return given, given
        certified = recorded(
            name, kind, scale=scale, given=self.smoothed, denoiser=self.denoiser
        ).open()
        if self.model is None:
            return certified, certified
        return recorded(name, kind, scale=scale, given=self.model).open(), certified


@dataclass(frozen=True)
class AttackOptions(Flat):
    """How to attack."""

    against: Annotated[
        Literal["plain", "smoothed"],
        Parameter(
            group=ATTACK,
            help="Which to attack: the plain model, or the smoothed one (gradients averaged over "
            "--draws of noise), at its certified pixels.",
        ),
    ] = "plain"
    radius: Annotated[
        float | None,
        Parameter(group=ATTACK, help="l2 norm of the attack, by default the certified radius."),
    ] = None
    target: Annotated[
        int | None,
        Parameter(
            group=ATTACK,
            converter=whole,
            help="Class that all pixels should get; by default any other.",
        ),
    ] = None
    steps: Annotated[int, Parameter(group=ATTACK, converter=whole, help="Gradient steps.")] = 40
    restarts: Annotated[
        int, Parameter(group=ATTACK, converter=whole, help="Climbs more, from random points.")
    ] = 0
    draws: Annotated[
        int,
        Parameter(
            group=ATTACK,
            converter=whole,
            help="Of --against smoothed: draws of noise at each step.",
        ),
    ] = 8
    n: Annotated[
        int,
        Parameter(group=ATTACK, converter=whole, help="Fresh draws that check the certificate."),
    ] = 100
    seed: Annotated[
        int | None,
        Parameter(
            group=RUN,
            converter=whole,
            help="Seed of what the attack draws (random points, its noise); by default from the "
            "operating system, and recorded. The check draws afresh.",
        ),
    ] = None
    device: Annotated[Device, Parameter(group=RUN)] = "auto"

    @property
    def wish(self) -> "Wish":
        """The same, checked.

        Raises:
            InputError: If a number is out of range.
        """
        from segcert.attacks.ways import Wish
        from segcert.sampling.setup import check_draw_numbers
        from segcert.sampling.streams import check_seed

        check_draw_numbers(0, self.n)
        if self.seed is not None:
            check_seed(self.seed)
        return Wish(
            self.against, self.radius, self.target, self.steps, self.restarts, self.draws, self.n,
            self.seed, self.device,
        )  # fmt: skip


RECORDED, ATTACK_AS_USUAL = ModelOptions(), AttackOptions()
