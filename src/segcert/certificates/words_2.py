"""The statement of certificates in format version 2. Frozen: nothing here changes any more.

A file of version 2 holds its statement in these words, and they are compared to the letter. Later
versions say more (`segcert.certificates.words`).
"""

import math
from collections.abc import Callable, Mapping
from decimal import ROUND_FLOOR, Decimal

from segcert.certificates.records_2 import CertificateRecord2, NoiseRecord2

Parameters = Mapping[str, float]

WITH_ERRORS = ("k-fwer", "capped")  # corrections whose statement allows k - 1 errors
ARITHMETIC = ("bfloat16 autocast", "float16 autocast", "int8")
PIXELS_AS_THEY_ARE = (
    "The model is shown the changed values as they are, also outside [0, 1]: a camera or an editor "
    "that clips or rounds them makes another image, which is covered only where nothing was "
    "clipped or rounded (as long as the changed image stays within [0, 1], nothing is clipped"
)
ROTATED_AS_A_WHOLE = (
    "The rotated cloud is the given one, rotated as a whole, normals with the points, if there are "
    "any; coordinates that are rounded after the rotation are another change."
)
ASSUMPTIONS = {
    "brightness": f"{PIXELS_AS_THEY_ARE}).",
    "contrast": f"{PIXELS_AS_THEY_ARE}; an image stored in 8 bits is nearly always rounded).",
    "points": (
        "Only coordinates may change: normals, if the cloud has any, are trusted to stay as they "
        "are given."
    ),
    "rotation": ROTATED_AS_A_WHOLE,
    "axis-rotation": ROTATED_AS_A_WHOLE,
    "pose": (
        "Normals, if the cloud has any, turn with the rotation and are trusted to stay as they are "
        "given otherwise."
    ),
    "axis-angle": (
        "Rotation vectors do not compose by addition, so this noise, which is there for "
        "comparison, proves nothing about rotated clouds: the radius is 0 and the statement is "
        "about the cloud as it is (RotationNoise certifies rotations)."
    ),
}


def gaussian(of: Parameters) -> str:
    """Gaussian noise in words."""
    return f"Gaussian noise of standard deviation {of['sigma']:g}"


def uniform(of: Parameters) -> str:
    """Uniform noise in words."""
    return f"uniform noise of at most {of['half_width']:g} in size per value"


def laplace(of: Parameters) -> str:
    """Laplace noise in words."""
    return f"Laplace noise of mean size {of['scale']:g} per value"


def axis(of: Parameters) -> str:
    """The axis of a rotation in words."""
    vector = (of["axis_x"], of["axis_y"], of["axis_z"])
    x, y, z = (value / math.hypot(*vector) for value in vector)
    return f"the axis through the origin along ({x:g}, {y:g}, {z:g})"


DESCRIPTIONS: dict[str, Callable[[Parameters], str]] = {
    "gaussian": gaussian,
    "lattice-gaussian": lambda of: f"{gaussian(of)} on the grid of 1/255",
    "uniform": uniform,
    "lattice-uniform": lambda of: f"{uniform(of)}, rounded to the grid of 1/255",
    "laplace": laplace,
    "lattice-laplace": lambda of: f"{laplace(of)}, rounded to the grid of 1/255",
    "brightness": lambda of: (
        f"a Gaussian change of brightness of standard deviation {of['sigma']:g} "
        "(one number for all values)"
    ),
    "contrast": lambda of: (
        f"a change of contrast around 0.5 by exp(c), c Gaussian of standard deviation "
        f"{of['sigma']:g} (one number for all values)"
    ),
    "points": lambda of: f"{gaussian(of)} on each coordinate",
    "rotation": lambda of: (
        "a random rotation about the origin (Brownian motion on the rotations) of standard "
        f"deviation {of['sigma']:g} radians per axis"
    ),
    "axis-rotation": lambda of: (
        f"a random rotation about {axis(of)} by a Gaussian angle of standard deviation "
        f"{of['sigma']:g} radians"
    ),
    "pose": lambda of: (
        f"a random pose, Gaussian in each number: rotation about {axis(of)} "
        f"(standard deviation {of['yaw']:g} radians), shift of the whole "
        f"({of['shift']:g} per coordinate) and displacement of each point ({of['jitter']:g} per "
        "coordinate)"
    ),
    "axis-angle": lambda of: (
        "a random rotation about the origin with a Gaussian rotation vector of standard "
        f"deviation {of['sigma']:g} radians per axis"
    ),
}
BALLS: dict[str, Callable[[Parameters, str], str]] = {
    "brightness": lambda _, radius: (
        "change of brightness (the same number added to every value, before any clipping) of "
        f"at most {radius} in size (input units)"
    ),
    "contrast": lambda _, radius: (
        "change of contrast (every value v becomes 0.5 + exp(c) (v - 0.5), before any "
        f"clipping) with c of at most {radius} in size (natural logarithm of the factor)"
    ),
    "rotation": lambda _, radius: (
        "rotation of this input about any axis through the origin by an angle of at most "
        f"{radius} (radians)"
    ),
    "axis-rotation": lambda of, radius: (
        f"rotation of this input about {axis(of)} by an angle of at most {radius} (radians)"
    ),
    "pose": lambda of, radius: (
        f"change of this input by a rotation by a radians about {axis(of)}, "
        "a shift t of the whole and displacements d of the points with "
        f"(a / {of['yaw']!r})^2 + (|t| / {of['shift']!r})^2 + (|d| / {of['jitter']!r})^2 at most "
        f"{radius}^2 (t and d in units of the file, |d| over all points together)"
    ),
    "axis-angle": lambda _, radius: (
        f"rotation of this input by an angle of at most {radius} (radians)"
    ),
}


def ball(noise: NoiseRecord2, radius: str) -> str:
    """The certified set in words."""
    if noise.kind in BALLS:
        return BALLS[noise.kind](noise.parameters, radius)
    norm = f"perturbation of this input of {noise.norm} norm at most {radius} ({noise.unit})"
    return norm + " over the coordinates of all points together" * (noise.kind == "points")


def floored(radius: float, digits: int = 4) -> str:
    """A radius, rounded down."""
    exact = Decimal(radius)
    decimals = max(digits, digits - 1 - exact.adjusted()) if exact else digits
    return f"{exact.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_FLOOR):f}"


def confidence(alpha: float) -> str:
    """The confidence as version 2 prints it; for some tiny alpha a little more than there is."""
    return f"{1 - alpha:.10g}" if alpha >= 1e-9 else f"1 - {alpha!r}"


def certified_words(record: CertificateRecord2) -> str:
    """Which components are certified, and how many errors are allowed."""
    correction, family = record.parameters.correction, record.parameters.family
    errors = 0
    if correction.name in WITH_ERRORS:
        k = correction.parameters["k"]
        assert isinstance(k, int)  # a whole number, or it would have been refused
        errors = k - 1
    which = f"the {record.result.certified} certified components of {record.result.components}"
    if not errors:
        return f"at each of {which}"
    if family.block_side is not None or family.regions_given:
        return f"at all but those in at most {errors} regions of {which}"
    return f"at all but at most {errors} of {which}"


def in_words(record: CertificateRecord2) -> str:
    """Say what is certified, from everything else in the record."""
    parameters, source = record.parameters, record.provenance
    noise, model, alpha = parameters.noise, source.model, parameters.alpha
    description = DESCRIPTIONS[noise.kind](noise.parameters)
    covered = ball(noise, floored(record.result.radius))
    if parameters.tree:
        middle = (
            f"for every {covered} the class that {model} gives under {description} lies in the "
            "group of classes printed with a probability above one half. That the single most "
            "probable class lies in the group is not said, unless the group is one class. "
        )
    else:
        middle = (
            "the class printed is the class of the smoothed model for every "
            f"{covered}. The smoothed model gives the most probable class of "
            f"{model} under {description}. A deployment that abstains returns the class "
            "printed or abstains, never another class; a fresh Monte-Carlo run of it adds its own "
            f"error {alpha!r}. "
        )
    assumption = f"{ASSUMPTIONS[noise.kind]} " if noise.kind in ASSUMPTIONS else ""
    if source.precision in ARITHMETIC:
        assumption += f"By {model} the network as computed in {source.precision} is meant. "
    return (
        f"With confidence {confidence(alpha)} (for the whole statement): "
        f"{certified_words(record)}, {middle}{assumption}"
        "Nothing is said about the other components."
    )
