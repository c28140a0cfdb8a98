"""One column of the results of an evaluation on clouds."""

from collections.abc import Callable, Iterable
from itertools import product
from typing import ClassVar

from pydantic import model_serializer

from segcert.errors import InputError
from segcert.inputs.kind import CLOUD, InputKind
from segcert.noise.base import AbstractNoise
from segcert.noise.registry import names_with
from segcert.runs.cloud_request import POSE, CloudRequest
from segcert.runs.setting import Setting
from segcert.stats.correction_names import parse_correction


class CloudSetting(Setting):
    """One column of the results, on clouds.

    Args:
        noise: "gaussian" (coordinates), "rotation", "yaw", "axis-angle" or "pose".
        shift_sigma: Of a pose: of each coordinate of the shift, units of the file.
        jitter_sigma: Of a pose: of each coordinate of each point, units of the file.
        axis: Of "yaw" and "pose": "x", "y" or "z", the axis of the rotation; None is "z".
    """

    kind: ClassVar[InputKind] = CLOUD

    noise: str
    shift_sigma: float | None = None
    jitter_sigma: float | None = None
    axis: str | None = None

    @model_serializer(mode="wrap")
    def without_default(self, handler: Callable[..., dict[str, object]]) -> dict[str, object]:
        """Write all but an axis that is not there, as before there was one."""
        found = handler(self)
        if self.axis is None:
            del found["axis"]
        return found

    @property
    def drawn_noise(self) -> AbstractNoise:
        """The noise that the clouds get."""
        return self.request(model="", weights_sha256="", n0=0, alpha=0.5).drawn_noise

    @property
    def noise_text(self) -> str:
        """The noise in a cell of a table."""
        scales = [self.sigma, self.shift_sigma, self.jitter_sigma]
        shown = [self.noise, *(f"{scale:g}" for scale in scales if scale is not None)]
        return " ".join(shown if self.axis is None else [*shown, f"about {self.axis}"])

    @property
    def draws(self) -> tuple[object, ...]:
        """Settings that agree in this share their draws."""
        return self.noise, self.sigma, self.shift_sigma, self.jitter_sigma, self.axis

    def request(self, *, model: str, weights_sha256: str, n0: int, alpha: float) -> CloudRequest:
        """What it asks of one cloud."""
        return CloudRequest(
            noise=self.noise,
            sigma=self.sigma, shift_sigma=self.shift_sigma, jitter_sigma=self.jitter_sigma,
            axis=self.axis, tau=self.tau, alpha=alpha, n0=n0, n=self.n,
            correction=self.correction, model=model, weights_sha256=weights_sha256,
        )  # fmt: skip


def all_cloud_settings(
    *,
    noise: Iterable[str],
    sigma: Iterable[float],
    tau: Iterable[float],
    n: Iterable[int],
    correction: Iterable[str],
    shift_sigma: float | None = None,
    jitter_sigma: float | None = None,
    axis: str | None = None,
) -> tuple[CloudSetting, ...]:
    """Every combination of the values.

    The two scales of poses go with the noise "pose" only, the axis with "pose" and "yaw".

    Raises:
        InputError: If a noise or correction is unknown or refused.
    """
    names = [str(parse_correction(name)) for name in correction]
    kinds = tuple(noise)
    if POSE not in kinds and (shift_sigma, jitter_sigma) != (None, None):
        raise InputError("shift_sigma and jitter_sigma go with noise 'pose' only")
    return tuple(
        CloudSetting(
            noise=kind, sigma=s, scale="1", tau=t, n=m, correction=c,
            shift_sigma=shift_sigma if kind == POSE else None,
            jitter_sigma=jitter_sigma if kind == POSE else None,
            axis=axis if kind in names_with("axis") else None,
        )
        for kind, s, t, m, c in product(kinds, sigma, tau, n, names)
    )  # fmt: skip
