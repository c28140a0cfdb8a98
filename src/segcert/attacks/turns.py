"""Attack a point cloud by turning it, and check its certificate at the turned cloud."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64
from torch import Tensor

from segcert.attacks.changes import AbstractChange, ChangedNoise, shares
from segcert.attacks.check import UP, AttackCheck, check_numbers, judge
from segcert.certificates.certified_model import check_same
from segcert.certificates.result import Certificate
from segcert.errors import InputError
from segcert.inputs.input import Source, read
from segcert.models.protocol import SegmentationModel
from segcert.noise.axis_rotation import AxisRotationNoise
from segcert.noise.base import AbstractNoise
from segcert.noise.clouds import Row, rotation_matrix, turned
from segcert.noise.rotation import RotationNoise
from segcert.sampling.setup import make_task


@dataclass(frozen=True)
class Turn(AbstractChange):
    """A rotation about an axis through the origin.

    Args:
        axis: Unit vector.
        angle: In radians.
    """

    axis: Row
    angle: float

    def applied(self, x: Float[Tensor, " points columns"]) -> Float64[Tensor, " points columns"]:
        """Turn a cloud, normals with the points."""
        return turned(x, rotation_matrix(self.axis, self.angle))


def rotation_noise(noise: AbstractNoise) -> RotationNoise | AxisRotationNoise:
    """Take a noise that certifies rotations.

    Raises:
        InputError: If it is another.
    """
    if not isinstance(noise, (RotationNoise, AxisRotationNoise)):
        raise InputError(f"{noise.kind} noise certifies no rotations: nothing is turned")
    return noise


def candidates(noise: AbstractNoise, radius: float, tries: int, *, seed: int) -> tuple[Turn, ...]:
    """Choose turns of at most an angle: even ones first, then less, about random axes.

    Args:
        noise: Fixes the axis if it is one of rotations about one axis.
        radius: Largest angle, radians.
        tries: How many turns, at least 1.
        seed: Of the axes.

    Raises:
        InputError: If a number is out of range, or the noise certifies no rotations.
    """
    if tries < 1 or not (radius > 0 and math.isfinite(radius)):
        raise InputError(
            f"a search over rotations needs tries >= 1 and an angle > 0, got {tries} and {radius}"
        )
    checked = rotation_noise(noise)
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((tries, 3))
    found = []
    for place, (vector, share) in enumerate(zip(vectors, shares(tries, rng), strict=True)):
        a, b, c = (vector / np.linalg.norm(vector)).tolist()
        axis: Row = (a, b, c)
        if isinstance(checked, AxisRotationNoise):
            axis = checked.axis
        sign = -1 if place % 2 else 1
        found.append(Turn(axis, sign * radius * float(share)))
    return tuple(found)


def check_turn(
    certificate: Certificate,
    model: SegmentationModel,
    cloud: Source,
    turn: Turn,
    *,
    n: int = 100,
    alpha: float | None = None,
    seed: int | None = None,
    device: str = "auto",
    batch_size: int | str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> AttackCheck:
    """Sample the smoothed model at a turned cloud, with noise that no search has seen.

    Args: as of `check_attack`; the size of the attack is the angle.

    Raises:
        InputError: If model or cloud are not those of the certificate, it certifies no rotation
            about this axis, or an argument is out of range.
    """
    noise = rotation_noise(certificate.counts.noise)
    given = read(cloud)
    check_same(certificate, model, given)
    check_numbers(certificate, n, alpha)
    if isinstance(noise, AxisRotationNoise) and not np.allclose(
        np.abs(np.dot(noise.axis, turn.axis)), 1, rtol=0, atol=1e-12
    ):
        raise InputError(f"the certificate is one of rotations about {noise.axis_text} only")
    task = make_task(
        model, given, noise=ChangedNoise(noise, turn), seed=seed, device=device,
        batch_size=batch_size,
    )  # fmt: skip
    return judge(
        certificate, task, abs(turn.angle) * UP,
        n=n, alpha=alpha, batch_size=batch_size, progress=progress,
    )  # fmt: skip
