"""All noises: by their name in records, by their name on the command line, by type of input."""

from dataclasses import fields, is_dataclass, replace

from segcert.errors import InputError
from segcert.noise.axis_angle import AxisAngleNoise
from segcert.noise.axis_rotation import AxisRotationNoise
from segcert.noise.base import AbstractNoise
from segcert.noise.brightness import BrightnessNoise
from segcert.noise.clouds import COLUMNS, axis_vector
from segcert.noise.contrast import ContrastNoise
from segcert.noise.gaussian import GaussianNoise
from segcert.noise.laplace import LaplaceNoise, LatticeLaplaceNoise
from segcert.noise.lattice import LatticeGaussianNoise
from segcert.noise.points import PointNoise
from segcert.noise.pose import PoseNoise
from segcert.noise.rotation import RotationNoise
from segcert.noise.uniform import LatticeUniformNoise, UniformNoise

ImageKind = (
    type[GaussianNoise]
    | type[LatticeGaussianNoise]
    | type[UniformNoise]
    | type[LatticeUniformNoise]
    | type[LaplaceNoise]
    | type[LatticeLaplaceNoise]
    | type[BrightnessNoise]
    | type[ContrastNoise]
)
CloudKind = (
    type[PointNoise]
    | type[RotationNoise]
    | type[AxisRotationNoise]
    | type[PoseNoise]
    | type[AxisAngleNoise]
)
Kind = ImageKind | CloudKind

IMAGES: tuple[ImageKind, ...] = (  # each has one field, its scale
    GaussianNoise,
    LatticeGaussianNoise,
    UniformNoise,
    LatticeUniformNoise,
    LaplaceNoise,
    LatticeLaplaceNoise,
    BrightnessNoise,
    ContrastNoise,
)
CLOUDS: tuple[CloudKind, ...] = (
    PointNoise,
    RotationNoise,
    AxisRotationNoise,
    PoseNoise,
    AxisAngleNoise,
)
LATTICES = (LatticeGaussianNoise, LatticeUniformNoise, LatticeLaplaceNoise)
ALL: tuple[Kind, ...] = (*IMAGES, *CLOUDS)
NOISES: dict[str, Kind] = {noise.kind: noise for noise in ALL}
NAMES = ("gaussian", "uniform", "laplace", "brightness", "contrast")  # what a user may ask for
SCALED = {noise.kind: noise for noise in IMAGES if noise.kind in NAMES}
CLOUD_SCALED: dict[str, type[PointNoise | RotationNoise | AxisRotationNoise | AxisAngleNoise]] = {
    "gaussian": PointNoise,
    "rotation": RotationNoise,
    "yaw": AxisRotationNoise,  # about the axis that points up
    "axis-angle": AxisAngleNoise,
}
WITH_AXIS = ("yaw", "pose")  # names of the noises that turn about one axis
CLOUD_NAMES = tuple(CLOUD_SCALED)  # what a user may ask for; a pose has three scales


def named_noise(name: str, scale: float) -> AbstractNoise:
    """Choose a noise for images by its name, on inputs of any type (see `on_grid`).

    Args:
        name: One of ``NAMES``.
        scale: Standard deviation; of uniform noise the half-width, of Laplace noise the mean
            size.

    Raises:
        InputError: If there is no such noise, or it cannot have this scale.
    """
    if name not in NAMES:
        raise InputError(f"noise must be one of {', '.join(NAMES)}, got {name!r}")
    return SCALED[name](scale)


def named_cloud_noise(name: str, scale: float, *, axis: str = "z") -> AbstractNoise:
    """Choose a noise for point clouds by its name; `PoseNoise` has three scales of its own.

    Args:
        name: One of ``CLOUD_NAMES``.
        scale: Standard deviation: units of the file, or radians for rotations.
        axis: Of "yaw": "x", "y" or "z"; the others have none.

    Raises:
        InputError: If there is no such noise or axis, or it cannot have this scale.
    """
    if name not in CLOUD_NAMES:
        raise InputError(
            f"noise on point clouds must be one of {', '.join(CLOUD_NAMES)}, got {name!r}"
        )
    if name == "yaw":
        return AxisRotationNoise(scale, *axis_vector(axis))
    return CLOUD_SCALED[name](scale)


def on_grid(noise: AbstractNoise) -> AbstractNoise:
    """Choose the noise for uint8 input: same radius, on the 1/255 grid where there is such a one.

    Raises:
        InputError: If the noise is too large for the grid.
    """
    if isinstance(noise, GaussianNoise):
        return LatticeGaussianNoise(noise.sigma)
    if isinstance(noise, UniformNoise):
        return LatticeUniformNoise(noise.half_width)
    if isinstance(noise, LaplaceNoise):
        return LatticeLaplaceNoise(noise.scale)
    return noise


def on_points(noise: AbstractNoise) -> AbstractNoise:
    """Choose the noise for point clouds: Gaussian noise becomes `PointNoise`, with its radius.

    Raises:
        InputError: If the noise is one for images.
    """
    if isinstance(noise, GaussianNoise):
        return PointNoise(noise.sigma)
    if isinstance(noise, IMAGES):
        raise InputError(
            f"{noise.kind} noise is for images: for point clouds take PointNoise, RotationNoise, "
            "AxisRotationNoise or PoseNoise"
        )
    return noise


def without_grid(noise: AbstractNoise) -> AbstractNoise:
    """The noise as it is asked for: its grid is chosen where it is sampled."""
    if is_dataclass(noise) and any(field.name == "step" for field in fields(noise)):
        return replace(noise, step=0.0)
    return noise


def check_not_for_clouds(noise: AbstractNoise) -> None:
    """Refuse a noise for point clouds where the input is an image.

    Raises:
        InputError: If it is one.
    """
    if isinstance(noise, CLOUDS):
        raise InputError(
            f"{noise.kind} noise is for point clouds, and the input is an image: a cloud is an "
            "array (points, 3) or (points, 6)"
        )


def check_kind(kind: str, shape: tuple[int, ...], dtype: str) -> None:
    """Refuse a noise that an input of this shape and type cannot have; see `fitting_noise`.

    Args:
        kind: Of the noise, as records have it.
        shape: Of the input; two axes are those of a cloud.
        dtype: Of the input, "uint8" or "float32".

    Raises:
        InputError: If there is no such noise, or it is one of other inputs.
    """
    if kind not in NOISES:
        raise InputError(f"noise must be one of {', '.join(NOISES)}, got {kind!r}")
    cloud = len(shape) == 2
    if cloud and (shape[1] not in COLUMNS or dtype != "float32"):
        raise InputError(f"a cloud has 3 or 6 columns of float32, got {dtype} of shape {shape}")
    if cloud != issubclass(NOISES[kind], CLOUDS):
        raise InputError(f"{kind} noise is not for {'clouds' if cloud else 'images'}")
    on_the_grid = issubclass(NOISES[kind], LATTICES)
    off_the_grid = issubclass(NOISES[kind], (GaussianNoise, UniformNoise, LaplaceNoise))
    if (on_the_grid and dtype != "uint8") or (off_the_grid and dtype == "uint8"):
        raise InputError(f"{kind} noise is not for images of {dtype}")
