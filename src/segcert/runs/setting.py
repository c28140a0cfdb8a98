"""One column of the results of an evaluation."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from segcert.inputs.kind import IMAGE, InputKind
from segcert.noise.base import AbstractNoise
from segcert.noise.registry import named_noise
from segcert.runs.request import Request, Scale


class Setting(BaseModel):
    """One column of the results.

    Args:
        sigma: Standard deviation of the noise, in units of [0, 1]; on clouds in those of the file,
            of rotations in radians.
        scale: Resizing inside the base model; see `parse_resizing`.
        tau: Probability threshold, in [1/2, 1).
        n: Draws that are counted.
        correction: As `str` of a correction prints it; see `parse_correction`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: ClassVar[InputKind] = IMAGE

    sigma: float
    scale: Scale
    tau: float
    n: int
    correction: str

    @property
    def drawn_noise(self) -> AbstractNoise:
        """The noise as it is named; images get it on their grid."""
        return named_noise("gaussian", self.sigma)

    @property
    def noise_text(self) -> str:
        """The noise in a cell of a table."""
        return f"{self.sigma:g}"

    @property
    def radius(self) -> float:
        """Radius of the certified set, in the unit of the noise; never rounded up."""
        return self.drawn_noise.on_grid().radius(self.tau)

    @property
    def draws(self) -> tuple[object, ...]:
        """Settings that agree in this share their draws."""
        return self.sigma, self.scale

    def request(self, *, model: str, weights_sha256: str, n0: int, alpha: float) -> Request:
        """What it asks of one input."""
        return Request(
            sigma=self.sigma, tau=self.tau, alpha=alpha, n0=n0, n=self.n,
            correction=self.correction, model=model, weights_sha256=weights_sha256,
            scale=self.scale,
        )  # fmt: skip
