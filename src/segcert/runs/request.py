"""What a run was asked for: fixed before the first draw, compared when work is resumed."""

from pydantic import BaseModel, ConfigDict, Field

from segcert.errors import InputError
from segcert.noise.lattice import LatticeGaussianNoise
from segcert.sampling.setup import check_draw_numbers
from segcert.stats.fwer import CORRECTIONS, Correction
from segcert.stats.levels import MOST_DRAWS, check_enough_draws, check_tau_alpha


class Request(BaseModel):
    """Every choice that a certificate depends on, besides image and seed.

    Args:
        sigma: Standard deviation of the noise, in units of [0, 1].
        tau: Probability threshold, in [1/2, 1).
        alpha: Allowed probability that the statement about one image is wrong, in (0, 1).
        n0: Draws that choose the class; 0 for the test without pilot.
        n: Draws that are counted.
        correction: "holm" or "bonferroni".
        model: Name of the model.
        weights_sha256: Hash of its weights.
        scale: Resizing inside the base model.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sigma: float = Field(default=0.25)
    tau: float = Field(default=0.75)
    alpha: float = Field(default=1e-3)
    n0: int = Field(default=10)
    n: int = Field(default=100)
    correction: str = Field(default="holm")
    model: str
    weights_sha256: str
    scale: float = Field(default=1.0)

    def check(self, *, components: int | None = None) -> None:
        """Refuse values out of range; with the size of an image, also too few draws.

        Raises:
            InputError: With the rule, the value and the way out.
        """
        LatticeGaussianNoise(self.sigma)
        check_tau_alpha(tau=self.tau, alpha=self.alpha)
        check_draw_numbers(self.n0, self.n)
        if max(self.n0, self.n) > MOST_DRAWS:
            raise InputError(f"n0 and n must be at most {MOST_DRAWS}, got {self.n0} and {self.n}")
        if components is not None:
            check_enough_draws(
                components, self.n, tau=self.tau, alpha=self.alpha, pilot=self.n0 > 0
            )

    @property
    def noise(self) -> LatticeGaussianNoise:
        """The noise: images from files are uint8."""
        return LatticeGaussianNoise(self.sigma)

    @property
    def correct(self) -> Correction:
        """The correction."""
        return CORRECTIONS[self.correction]

    def differences(self, other: "Request") -> str:
        """Say in words what differs from another request; empty if nothing."""
        mine, theirs = self.model_dump(), other.model_dump()
        return ", ".join(
            f"{key} {theirs[key]} -> {mine[key]}" for key in mine if mine[key] != theirs[key]
        )
