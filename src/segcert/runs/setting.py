"""One column of the results of an evaluation."""

from collections.abc import Callable, Iterable
from itertools import product
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, model_serializer

from segcert.certificates.count_chosen import LABELS, CountChosen
from segcert.errors import InputError
from segcert.inputs.kind import CLOUD, IMAGE, InputKind
from segcert.models.resizing.scale import resizing_record, resizing_text
from segcert.noise.base import AbstractNoise
from segcert.noise.registry import named_noise, names_with
from segcert.plan import Plan
from segcert.stats.correction_names import parse_correction
from segcert.stats.count import count_levels, planned_count

OF_CLOUDS = ("noise", "shift_sigma", "jitter_sigma", "axis")  # written for clouds only
Scale = Annotated[  # text, but one factor is a number in files, as before there was more
    str, BeforeValidator(resizing_text), PlainSerializer(resizing_record, return_type=str | float)
]


class Setting(BaseModel):
    """One column of the results; with ``n0`` and ``alpha`` of the evaluation it is a plan.

    Args:
        sigma: Standard deviation of the noise, in units of [0, 1]; on clouds in those of the file,
            of rotations in radians.
        scale: Resizing inside the base model; see `parse_resizing`.
        tau: Probability threshold, in [1/2, 1).
        n: Draws that are counted.
        correction: As `str` of a correction prints it; see `parse_correction`.
        noise: On clouds: "gaussian" (coordinates), "rotation", "yaw", "axis-angle" or "pose". None
            on images, where it is Gaussian.
        shift_sigma: Of a pose: of each coordinate of the shift, units of the file.
        jitter_sigma: Of a pose: of each coordinate of each point, units of the file.
        axis: Of "yaw" and "pose": "x", "y" or "z", the axis of the rotation; None is "z".
        statement: A count with its k, as "count:k=92": one statement about all inputs together.
            None names components, input by input.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sigma: float
    scale: Scale
    tau: float
    n: int
    correction: str
    noise: str | None = None
    shift_sigma: float | None = None
    jitter_sigma: float | None = None
    axis: str | None = None
    statement: str | None = None

    @model_serializer(mode="wrap")
    def without_default(self, handler: Callable[..., dict[str, object]]) -> dict[str, object]:
        """Write no axis or count that is not there, and for images nothing of clouds, as ever."""
        found = handler(self)
        absent: tuple[str, ...] = (
            OF_CLOUDS if self.noise is None else ("axis",) if self.axis is None else ()
        )
        absent += ("statement",) if self.statement is None else ()
        return {key: one for key, one in found.items() if key not in absent}

    @property
    def kind(self) -> InputKind:
        """What the inputs are."""
        return IMAGE if self.noise is None else CLOUD

    @property
    def drawn_noise(self) -> AbstractNoise:
        """The noise as it is named; uint8 images get it on their grid.

        Raises:
            InputError: If there is no such noise, or it takes other scales.
        """
        if self.noise is None:
            return named_noise("gaussian", self.sigma)
        return named_noise(
            self.noise, self.sigma, inputs=CLOUD.word, shift_sigma=self.shift_sigma,
            jitter_sigma=self.jitter_sigma, axis=self.axis,
        )  # fmt: skip

    @property
    def noise_text(self) -> str:
        """The noise in a cell of a table."""
        if self.noise is None:
            return f"{self.sigma:g}"
        scales = [self.sigma, self.shift_sigma, self.jitter_sigma]
        words = [self.noise, *(f"{scale:g}" for scale in scales if scale is not None)]
        return " ".join(words if self.axis is None else [*words, f"about {self.axis}"])

    @property
    def radius(self) -> float:
        """Radius of the certified set, in the unit of the noise; never rounded up."""
        return self.drawn_noise.on_grid().radius(self.tau)

    @property
    def draws(self) -> tuple[object, ...]:
        """Settings that agree in this share their draws."""
        return self.noise, self.sigma, self.shift_sigma, self.jitter_sigma, self.axis, self.scale

    def plan(self, *, n0: int, alpha: float) -> Plan:
        """What is fixed for each input.

        Raises:
            InputError: If a value is out of range, or the noise is not for such inputs.
        """
        noise = self.drawn_noise
        noise.on_grid()  # large noise has none
        return Plan(
            noise=noise, n0=n0, n=self.n, tau=self.tau, alpha=alpha,
            correction=parse_correction(self.correction), statement=self.statement or LABELS,
        )  # fmt: skip


def all_settings(
    *,
    sigma: Iterable[float],
    tau: Iterable[float],
    n: Iterable[int],
    correction: Iterable[str],
    scale: Iterable[str | float] = ("1",),
    noise: Iterable[str] = (),
    shift_sigma: float | None = None,
    jitter_sigma: float | None = None,
    axis: str | None = None,
) -> tuple[Setting, ...]:
    """Every combination of the values; noises are named for clouds only.

    The two scales of poses go with the noise "pose" only, the axis with "pose" and "yaw".

    Raises:
        InputError: If a noise or correction is unknown or refused, or a scale cannot be.
    """
    names = [str(parse_correction(name)) for name in correction]
    kinds: tuple[str | None, ...] = tuple(noise) or (None,)
    posed, turned = names_with("shift_sigma"), names_with("axis")
    if set(kinds).isdisjoint(posed) and (shift_sigma, jitter_sigma) != (None, None):
        raise InputError(f"shift_sigma and jitter_sigma go with noise {posed[0]!r} only")
    scales = [resizing_text(one) for one in scale]
    return tuple(
        Setting(
            sigma=s, scale=f, tau=t, n=m, correction=c, noise=kind,
            shift_sigma=shift_sigma if kind in posed else None,
            jitter_sigma=jitter_sigma if kind in posed else None,
            axis=axis if kind in turned else None,
        )
        for kind, s, f, t, m, c in product(kinds, sigma, scales, tau, n, names)
    )  # fmt: skip


def counting(settings: Iterable[Setting], *, n0: int, alpha: float) -> tuple[Setting, ...]:
    """The same settings, each with one count over all inputs.

    k depends on n, tau and alpha alone, so that it is the same whichever input is drawn first.

    Args:
        settings: That name components.
        n0: Pilot draws.
        alpha: For all inputs of a setting together.

    Raises:
        InputError: If there is no pilot, or so few draws can count nothing.
    """
    if not n0:
        raise InputError("a count over a data set takes its classes from a pilot: use n0 >= 1")
    found = []
    for one in settings:
        given = count_levels(1, one.n, tau=one.tau, alpha=alpha, pilot=True)
        chosen = CountChosen(planned_count(given))
        found.append(one.model_copy(update={"statement": str(chosen)}))
    return tuple(found)
