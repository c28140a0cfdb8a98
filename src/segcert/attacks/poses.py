"""Attack a point cloud by a pose: rotation, shift and displacements within the certified set."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from segcert.attacks.changes import AbstractChange, ChangedNoise, shares
from segcert.attacks.check import UP, AttackCheck, check_numbers, judge
from segcert.certificates.certified_model import check_same
from segcert.certificates.result import Certificate
from segcert.errors import InputError
from segcert.inputs.input import Source, read
from segcert.models.protocol import SegmentationModel
from segcert.noise.base import AbstractNoise
from segcert.noise.clouds import AXES, Row, axis_text, rotation_matrix, turned
from segcert.noise.pose import PoseNoise
from segcert.sampling.setup import make_task

BLOCKS = (  # weights of yaw, shift and displacements; None are drawn
    (1.0, 0.0, 0.0),
    (-1.0, 0.0, 0.0),
    (0.0, 1.0, 0.0),
    (0.0, 0.0, 1.0),
    None,
    None,
)


@dataclass(frozen=True, eq=False)
class Pose(AbstractChange):
    """A rotation about an axis through the origin, then a shift, then displacements of the points.

    Args:
        axis: Unit vector.
        angle: In radians.
        shift: Of the whole cloud, units of the file.
        moves: Of each point, units of the file.
    """

    axis: Row
    angle: float
    shift: Float64[Tensor, " 3"]
    moves: Float64[Tensor, " points 3"]

    def applied(self, x: Float[Tensor, " points columns"]) -> Float64[Tensor, " points columns"]:
        """Change a cloud; normals turn with the rotation."""
        changed = turned(x, rotation_matrix(self.axis, self.angle))
        changed[:, :AXES] += (self.shift + self.moves).to(changed.device)
        return changed

    def size(self, noise: PoseNoise) -> float:
        """Measure as the certificate does: the root of the summed squares, each over its scale."""
        return math.hypot(
            self.angle / noise.yaw,
            float(self.shift.norm()) / noise.shift,
            float(self.moves.norm()) / noise.jitter,
        )


def pose_noise(noise: AbstractNoise) -> PoseNoise:
    """Take a noise that certifies poses.

    Raises:
        InputError: If it is another.
    """
    if not isinstance(noise, PoseNoise):
        raise InputError(f"{noise.kind} noise certifies no poses")
    return noise


def projected(pose: Pose, noise: PoseNoise, radius: float) -> Pose:
    """Return the nearest pose within a radius, where each number is measured by its scale.

    In these units the certified set is a ball about no change at all, so angle, shift and
    displacements shrink by one factor.
    """
    size = pose.size(noise)
    if size <= radius:
        return pose
    factor = radius / size * (1 - 1e-12)  # more than the error of float64 norms
    return replace(
        pose, angle=pose.angle * factor, shift=pose.shift * factor, moves=pose.moves * factor
    )


def candidates(
    noise: AbstractNoise, cloud: Source, radius: float, tries: int, *, seed: int
) -> tuple[Pose, ...]:
    """Choose poses of at most a size: in turn of one kind alone, and of all kinds together.

    Displacements move one point, a patch, or all points: one point gets farthest, since the
    certificate bounds the norm over all of them.

    Args:
        noise: Fixes the axis and the three scales.
        cloud: What is changed.
        radius: Largest size, standard deviations.
        tries: How many poses, at least 1.
        seed: Of them.

    Raises:
        InputError: If a number is out of range, the input is no cloud, or the noise certifies no
            poses.
    """
    if tries < 1 or not (radius > 0 and math.isfinite(radius)):
        raise InputError(
            f"a search over poses needs tries >= 1 and a radius > 0, got {tries} and {radius}"
        )
    checked, given = pose_noise(noise), read(cloud)
    if not given.kind.turns:
        raise InputError("a search over poses needs a cloud")
    points = given.kind.free(given.tensor).double().numpy()
    rng = np.random.default_rng(seed)
    found = []
    for place, share in enumerate(shares(tries, rng).tolist()):
        weights = BLOCKS[place % len(BLOCKS)] or tuple(unit(rng.standard_normal(AXES)).tolist())
        yaw, shift, jitter = (radius * share * weight for weight in weights)
        pose = Pose(
            axis=checked.axis,
            angle=yaw * checked.yaw,
            shift=torch.from_numpy(unit(rng.standard_normal(AXES)) * shift * checked.shift),
            moves=torch.from_numpy(moves(points, rng) * jitter * checked.jitter),
        )
        found.append(projected(pose, checked, radius))
    return tuple(found)


def unit(values: Float64[np.ndarray, " *shape"]) -> Float64[np.ndarray, " *shape"]:
    """Scale numbers to norm 1 over all of them."""
    scaled: np.ndarray = values / np.linalg.norm(values)
    return scaled


def moves(
    points: Float64[np.ndarray, " points 3"], rng: np.random.Generator
) -> Float64[np.ndarray, " points 3"]:
    """Draw displacements of norm 1 over all points: of a patch as a whole, or of each point."""
    count = int(rng.choice([1, math.isqrt(len(points)), len(points)]))
    centre = points[rng.integers(len(points))]
    patch = np.argsort(((points - centre) ** 2).sum(1), kind="stable")[:count]
    found = np.zeros_like(points)
    alike = rng.integers(2) and count < len(points)  # all points alike are a shift
    found[patch] = rng.standard_normal((1 if alike else count, AXES))
    return unit(found)


def check_pose(
    certificate: Certificate,
    model: SegmentationModel,
    cloud: Source,
    pose: Pose,
    *,
    n: int = 100,
    alpha: float | None = None,
    seed: int | None = None,
    device: str = "auto",
    batch_size: int | str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> AttackCheck:
    """Sample the smoothed model at a cloud in another pose, with noise that no search has seen.

    Args: as of `check_attack`; the size of the attack is that of the pose.

    Raises:
        InputError: If model or cloud are not those of the certificate, it certifies no poses about
            this axis, or an argument is out of range.
    """
    noise = pose_noise(certificate.counts.noise)
    given = read(cloud)
    check_same(certificate, model, given)
    check_numbers(certificate, n, alpha)
    points = given.components[0]
    if pose.moves.shape != (points, AXES):
        raise InputError(f"the pose moves {len(pose.moves)} points, the cloud has {points}")
    if abs(np.dot(noise.axis, pose.axis)) < 1 - 1e-12:
        text = axis_text(noise.direction)
        raise InputError(f"the certificate is one of poses with rotations about {text} only")
    task = make_task(
        model,
        given,
        noise=ChangedNoise(noise, pose),
        seed=seed,
        device=device,
        batch_size=batch_size,
    )
    return judge(
        certificate, task, pose.size(noise) * UP,
        n=n, alpha=alpha, batch_size=batch_size, progress=progress,
    )  # fmt: skip
