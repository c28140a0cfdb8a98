"""All noises, one line each: a new one adds its line here, and the rest is in its file.

What a user may ask for is told without importing any, so that the command line prints its help
without torch.
"""

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, cast

from segcert.errors import ArgumentError, InputError

if TYPE_CHECKING:
    from segcert.noise.base import AbstractNoise, Option, Options

IMAGE, CLOUD = "image", "cloud"  # what a noise is drawn on


@dataclass(frozen=True)
class Entry:
    """A noise, by the name that a user gives it.

    Args:
        name: On the command line and in plans.
        inputs: What it is drawn on.
        at: Its class; that for uint8 images, if there is another, is its ``lattice``.
        certifies: What it certifies, for the help.
        options: What it is asked for by, besides its scale.
    """

    name: str
    inputs: str
    at: str
    certifies: str
    options: tuple[str, ...] = ()

    @property
    def family(self) -> "type[AbstractNoise]":
        """The class."""
        module, name = self.at.rsplit(".", 1)
        found = getattr(import_module(module), name)
        return cast("type[AbstractNoise]", found)


ENTRIES = (
    Entry("gaussian", IMAGE, "segcert.noise.gaussian.GaussianNoise", "an l2 ball"),
    Entry("uniform", IMAGE, "segcert.noise.uniform.UniformNoise", "an l1 ball"),
    Entry("laplace", IMAGE, "segcert.noise.laplace.LaplaceNoise", "an l1 ball"),
    Entry("brightness", IMAGE, "segcert.noise.brightness.BrightnessNoise", "a range of brightness"),
    Entry("contrast", IMAGE, "segcert.noise.contrast.ContrastNoise", "a range of contrast"),
    Entry("gaussian", CLOUD, "segcert.noise.points.PointNoise", "an l2 ball of coordinates"),
    Entry("rotation", CLOUD, "segcert.noise.rotation.RotationNoise", "an angle about any axis"),
    Entry(
        "yaw", CLOUD, "segcert.noise.axis_rotation.AxisRotationNoise", "an angle about --axis",
        options=("axis",),
    ),
    Entry(
        "axis-angle", CLOUD, "segcert.noise.axis_angle.AxisAngleNoise",
        "nothing (it is the paper's)",
    ),
    Entry(
        "pose", CLOUD, "segcert.noise.pose.PoseNoise", "yaw, shift and displacements together",
        options=("shift_sigma", "jitter_sigma", "axis"),
    ),
)  # fmt: skip


def names(inputs: str = "") -> tuple[str, ...]:
    """What a user may ask for, on one kind of inputs or on any."""
    return tuple(dict.fromkeys(e.name for e in ENTRIES if inputs in ("", e.inputs)))


def names_with(option: str) -> tuple[str, ...]:
    """Names of the noises that take an option."""
    return tuple(entry.name for entry in ENTRIES if option in entry.options)


def what_they_certify(inputs: str) -> str:
    """What each noise on one kind of inputs certifies, for the help."""
    return ", ".join(f"{e.name} {e.certifies}" for e in ENTRIES if e.inputs == inputs)


def named_noise(
    name: str, sigma: float, *, inputs: str = IMAGE, **options: "Option | None"
) -> "AbstractNoise":
    """Choose a noise by its name; for uint8 images see `AbstractNoise.on_grid`.

    Args:
        name: One of `names`.
        sigma: Standard deviation; of uniform noise the half-width, of Laplace noise the mean
            size. In input units, of clouds those of the file, or radians for rotations.
        inputs: What it is drawn on, as one name may mean a noise on each.
        options: More that it takes; None is none.

    Raises:
        InputError: If there is no such noise, it cannot have this scale, or takes another option.
    """
    found = [entry for entry in ENTRIES if (entry.inputs, entry.name) == (inputs, name)]
    if not found:
        where = " on point clouds" if inputs == CLOUD else ""
        raise InputError(f"noise{where} must be one of {', '.join(names(inputs))}, got {name!r}")
    given = {option: value for option, value in options.items() if value is not None}
    check_options(found[0], given)
    return found[0].family.asked({"sigma": sigma, **given})


def noise_in_plans(name: str, options: "Options") -> "AbstractNoise":
    """The noise that a plan names: as a user does, those for images first, or as records do.

    Args:
        name: One of `names`, or the kind of a noise.
        options: What it is asked for by.

    Raises:
        InputError: If there is no such noise, or it takes other options.
    """
    for entry in ENTRIES:
        if name in (entry.name, entry.family.kind) or is_lattice(entry, name):
            break
    else:
        raise InputError(f"noise must be one of {', '.join((*names(), *noises()))}, got {name!r}")
    check_options(entry, options)
    lattice = entry.family.lattice
    return (lattice if lattice and is_lattice(entry, name) else entry.family).asked(options)


def is_lattice(entry: Entry, kind: str) -> bool:
    """Whether records call the noise for uint8 images by this name."""
    return entry.family.lattice is not None and entry.family.lattice.kind == kind


def name_in_plans(noise: "AbstractNoise") -> str:
    """The inverse of `noise_in_plans`: the shortest name that means this noise and no other.

    Raises:
        InputError: If it is none of ours.
    """
    name = name_of(noise)
    first = next(entry for entry in ENTRIES if entry.name == name)
    return name if type(noise) is first.family else noise.kind


def check_options(entry: Entry, options: "Options") -> None:
    """Refuse options that a noise does not take.

    Raises:
        ArgumentError: With the noises that do.
    """
    for option in options:
        if option not in ("sigma", *entry.options):
            raise ArgumentError(only_with(names_with(option)))


def only_with(owners: tuple[str, ...]) -> str:
    """Say that some options, all that these noises share with no other one, are theirs alone."""
    every = dict.fromkeys(option for entry in ENTRIES for option in entry.options)
    theirs = [f"<{one}>" for one in every if names_with(one) == owners]
    verb = "go" if len(theirs) > 1 else "goes"
    return f"{' and '.join(theirs)} {verb} with <noise> {' and '.join(owners)} only"


@cache
def noises() -> "dict[str, type[AbstractNoise]]":
    """All noises by the names that records have for them."""
    return {family.kind: family for inputs in (IMAGE, CLOUD) for family in families(inputs)}


def is_our_noise(noise: "AbstractNoise") -> bool:
    """Whether its proof is known here: a class of somebody else may have the name of ours."""
    return noises().get(noise.kind) is type(noise)


def unproved_in_words(noise: "AbstractNoise") -> str:
    """Say of a noise that is none of ours that we did not prove it; empty for ours."""
    if is_our_noise(noise):
        return ""
    return (
        f"The noise {type(noise).__name__!r} is none of segcert's: that it is drawn as described, "
        "and that no change within the radius makes another class of the smoothed model, is the "
        "word of its author, unproved here."
    )


@cache
def families(inputs: str) -> "tuple[type[AbstractNoise], ...]":
    """The noises on one kind of inputs; those for uint8 images follow the others of their name."""
    pairs = [(e.family, e.family.lattice) for e in ENTRIES if e.inputs == inputs]
    return tuple(family for pair in pairs for family in pair if family is not None)


def name_of(noise: "AbstractNoise") -> str:
    """The name that a user gives to a noise, also to the one for uint8 images.

    Raises:
        InputError: If it is none of ours.
    """
    for entry in ENTRIES:
        if type(noise) in (entry.family, entry.family.lattice):
            return entry.name
    raise InputError(f"noise must be one of {', '.join(noises())}, got {noise!r}")


def on_points(noise: "AbstractNoise") -> "AbstractNoise":
    """Choose the noise for point clouds: that of the same name, if the given one is for images.

    Raises:
        InputError: If there is none.
    """
    if not isinstance(noise, families(IMAGE)):
        return noise
    for entry in ENTRIES:
        if entry.inputs == CLOUD and entry.name == noise.kind:
            return entry.family.asked(noise.options())
    raise InputError(
        f"{noise.kind} noise is for images: for point clouds take PointNoise, RotationNoise, "
        "AxisRotationNoise or PoseNoise"
    )


def check_not_for_clouds(noise: "AbstractNoise") -> None:
    """Refuse a noise for point clouds where the input is an image.

    Raises:
        InputError: If it is one.
    """
    if isinstance(noise, families(CLOUD)):
        raise InputError(
            f"{noise.kind} noise is for point clouds, and the input is an image: a cloud is an "
            "array (points, 3) or (points, 6)"
        )


def check_kind(kind: str, shape: tuple[int, ...], dtype: str) -> None:
    """Refuse a noise that an input of this shape and type cannot have; see `InputKind.fitted`.

    Args:
        kind: Of the noise, as records have it.
        shape: Of the input; two axes are those of a cloud.
        dtype: Of the input, "uint8" or "float32".

    Raises:
        InputError: If there is no such noise, or it is one of other inputs.
    """
    from segcert.noise.clouds import COLUMNS

    if kind not in noises():
        raise InputError(f"noise must be one of {', '.join(noises())}, got {kind!r}")
    cloud = len(shape) == 2
    if cloud and (shape[1] not in COLUMNS or dtype != "float32"):
        raise InputError(f"a cloud has 3 or 6 columns of float32, got {dtype} of shape {shape}")
    if cloud != (noises()[kind] in families(CLOUD)):
        raise InputError(f"{kind} noise is not for {'clouds' if cloud else 'images'}")
    on_the_grid = noises()[kind] in {family.lattice for family in families(IMAGE)}
    off_the_grid = noises()[kind].lattice is not None
    if (on_the_grid and dtype != "uint8") or (off_the_grid and dtype == "uint8"):
        raise InputError(f"{kind} noise is not for images of {dtype}")
