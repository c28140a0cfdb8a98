"""What a run on point clouds was asked for: noises on coordinates, rotations and poses."""

from segcert.errors import InputError
from segcert.noise.axis_rotation import AxisRotationNoise
from segcert.noise.base import AbstractNoise
from segcert.noise.clouds import axis_name, axis_vector
from segcert.noise.kinds import CLOUD_SCALED, WITH_AXIS, named_cloud_noise
from segcert.noise.pose import PoseNoise
from segcert.runs.request import Request

POSE = "pose"
DEFAULT_AXIS = "z"
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
        if self.axis is not None and self.noise not in WITH_AXIS:
            raise InputError(f"--axis goes with --noise {' and '.join(WITH_AXIS)} only")
        axis = self.axis or DEFAULT_AXIS
        scales = (self.shift_sigma, self.jitter_sigma)
        if self.noise != POSE:
            if scales != (None, None):
                raise InputError("--shift-sigma and --jitter-sigma go with --noise pose only")
            return named_cloud_noise(self.noise, self.sigma, axis=axis)
        if self.shift_sigma is None or self.jitter_sigma is None:
            raise InputError(
                "--noise pose needs three scales: --sigma (yaw, radians), --shift-sigma and "
                "--jitter-sigma (units of the file)"
            )
        return PoseNoise(self.sigma, self.shift_sigma, self.jitter_sigma, *axis_vector(axis))

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
        if isinstance(noise, PoseNoise):
            scales = {"shift_sigma": noise.shift, "jitter_sigma": noise.jitter}
            return {"noise": POSE, "sigma": noise.yaw, "axis": axis_name(noise.axis), **scales}
        if isinstance(noise, AxisRotationNoise):
            return {"noise": "yaw", "sigma": noise.sigma, "axis": axis_name(noise.axis)}
        names = {kind.kind: name for name, kind in CLOUD_SCALED.items()}
        return super().said(noise) | {"noise": names.get(noise.kind, "gaussian")}

    def check_noise(self) -> None:
        """Refuse a noise that cannot have these scales.

        Raises:
            InputError: With the rule of the noise.
        """
        _ = self.drawn_noise
