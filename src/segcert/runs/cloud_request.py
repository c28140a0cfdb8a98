"""What a run on point clouds was asked for: noises on coordinates, rotations and poses."""

from segcert.errors import InputError
from segcert.noise.base import AbstractNoise
from segcert.noise.registry import CLOUD, named_noise
from segcert.runs.request import Request

POSE = "pose"
IMAGE_CHOICES = ("blocks", "tree")  # of requests, which clouds do not have


class CloudRequest(Request):
    """Every choice that the certificate of a cloud depends on, besides cloud and seed.

    Category, normals and votes are in the name of the model (`segcert.models.opening_points`).

    Args:
        noise: "gaussian" (coordinates), "rotation", "yaw", "axis-angle" or "pose".
        sigma: Standard deviation, units of the file; of rotations and of the yaw of poses radians.
        shift_sigma: Of each coordinate of the shift of a pose, units of the file.
        jitter_sigma: Of each coordinate of each point in a pose, units of the file.
        axis: Of "yaw" and "pose": "x", "y" or "z", the axis of the rotation; None is "z", as the
            noises have it.
    """

    shift_sigma: float | None = None
    jitter_sigma: float | None = None
    axis: str | None = None

    def check_combination(self) -> None:
        """Refuse choices that exclude each other, and those that are for images.

        Raises:
            InputError: With the choice.
        """
        super().check_combination()
        given = [name for name in IMAGE_CHOICES if getattr(self, name) is not None]
        if given:
            raise InputError(f"--{given[0]} is for images: leave it out for point clouds")

    @property
    def drawn_noise(self) -> AbstractNoise:
        """The noise.

        Raises:
            InputError: If a scale is missing, superfluous, or out of range, or there is an axis
                and nothing turns about one.
        """
        return named_noise(
            self.noise, self.sigma, inputs=CLOUD, shift_sigma=self.shift_sigma,
            jitter_sigma=self.jitter_sigma, axis=self.axis,
        )  # fmt: skip

    @property
    def fitted_noise(self) -> AbstractNoise:
        """The noise that clouds get: as it is asked for."""
        return self.drawn_noise

    @property
    def noise_fields(self) -> set[str]:
        """Names of the fields that say which noise."""
        return {"noise", "sigma", "shift_sigma", "jitter_sigma", "axis"}

    def said(self, noise: AbstractNoise) -> dict[str, object]:
        """Say a noise, which was recorded, in these fields."""
        found = super().said(noise)
        axis = found.get("axis")
        if isinstance(axis, tuple):
            found["axis"] = f"({axis[0]:g}, {axis[1]:g}, {axis[2]:g})"
        return found

    def check_noise(self) -> None:
        """Refuse a noise that cannot have these scales.

        Raises:
            InputError: With the rule of the noise.
        """
        _ = self.drawn_noise
