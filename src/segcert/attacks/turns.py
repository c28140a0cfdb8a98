"""Attack a point cloud by turning it, and check its certificate at the turned cloud."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float, Integer, Shaped
from torch import Tensor

from segcert.attacks.check import AttackCheck, check_numbers, judge
from segcert.certificates.replay import check_same
from segcert.certificates.result import Certificate
from segcert.data.images import hash_image
from segcert.errors import InputError
from segcert.models.base import BaseModel
from segcert.noise.axis_rotation import AxisRotationNoise
from segcert.noise.base import AbstractNoise, RandomSource
from segcert.noise.clouds import Row, rotation_matrix, turned
from segcert.noise.rotation import RotationNoise
from segcert.sampling.inputs import Input, check_fits, is_cloud, read_input
from segcert.sampling.setup import choose_device, make_task, stream_kind_of
from segcert.sampling.streams import Stage, Streams, check_seed

UP = 1 + 1e-9  # on the angle: more than the error of a matrix of float64 numbers
IGNORED = 255


@dataclass(frozen=True)
class Turn:
    """A rotation about an axis through the origin.

    Args:
        axis: Unit vector.
        angle: In radians.
    """

    axis: Row
    angle: float


@dataclass(frozen=True)
class TurnedNoise(AbstractNoise):
    """A noise at the turned cloud, as it is certified: no rounding between turn and noise.

    The cloud is turned in float64 and handed to the noise as it comes out. A turned cloud in
    float32 is another input, of which the certificate of rotations says nothing
    (docs/decisions/0013).

    Args:
        noise: That of the certificate.
        turn: The rotation before it.
    """

    noise: RotationNoise | AxisRotationNoise
    turn: Turn

    kind: ClassVar[str] = "turned"
    norm: ClassVar[str] = "rotation angle"
    unit: ClassVar[str] = "radians"

    @property
    def description(self) -> str:
        """The noise in words."""
        return f"{self.noise.description}, after a rotation by {self.turn.angle:g} radians"

    def ball(self, radius: str) -> str:
        """The certified set in words."""
        return self.noise.ball(radius)

    def sample(
        self, x: Shaped[Tensor, " *shape"], n: int, *, rng: RandomSource
    ) -> Float[Tensor, " n *shape"]:
        """Draw ``n`` noisy copies of the turned cloud."""
        matrix = rotation_matrix(self.turn.axis, self.turn.angle)
        return self.noise.sample(turned(x, matrix), n, rng=rng)

    def radius(self, p: float) -> float:
        """Certified angle around the turned cloud."""
        return self.noise.radius(p)

    def repeat_probability(self, x: Shaped[Tensor, " *shape"]) -> float:
        """Bound the probability of a repeated draw: that at the turned cloud."""
        matrix = rotation_matrix(self.turn.axis, self.turn.angle)
        return self.noise.repeat_probability(turned(x, matrix))


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
    shares = np.where(np.arange(tries) % 4 < 3, 1.0, rng.uniform(0, 1, tries)) * (1 - 1e-8)
    found = []
    for place, (vector, share) in enumerate(zip(vectors, shares, strict=True)):
        a, b, c = (vector / np.linalg.norm(vector)).tolist()
        axis: Row = (a, b, c)
        if isinstance(checked, AxisRotationNoise):
            axis = checked.axis
        sign = -1 if place % 2 else 1
        found.append(Turn(axis, sign * radius * float(share)))
    return tuple(found)


def search_turns(
    model: BaseModel,
    cloud: Input,
    labels: Integer[np.ndarray, " points"],
    turns: tuple[Turn, ...],
    *,
    noise: AbstractNoise | None = None,
    draws: int = 8,
    seed: int = 0,
    device: str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Turn, float]:
    """Find the turn after which most labels differ.

    Args:
        model: Of clouds; needs no gradient.
        cloud: What is turned.
        labels: What the labels are compared with; 255 is ignored.
        turns: To be tried.
        noise: Look at the model under this noise, by several draws; None looks without noise.
        draws: Of the noise at each turn.
        seed: Of these draws.
        device: Where.
        progress: Called with turns tried and turns in all.

    Returns:
        The turn and the share of labels that differ (the mean over the draws).

    Raises:
        InputError: If the input is no cloud, labels do not fit or all are ignored, or a number is
            out of range.
    """
    check_seed(seed)
    x = read_input(cloud)
    check_fits(x, model)
    if not is_cloud(x) or labels.shape != (len(x),) or not (labels != IGNORED).any():
        raise InputError("a search over rotations needs a cloud with labels that are not all 255")
    where = choose_device(device, model)
    model.to(where)
    wanted = torch.from_numpy(labels.astype(np.int16)).to(where)
    streams = Streams(seed, hash_image(x), where, stream_kind_of(where))
    best, most = turns[0], -1.0
    for place, turn in enumerate(turns):
        if noise is None:
            batch = turned(x, rotation_matrix(turn.axis, turn.angle)).float()[None].to(where)
        else:
            around = TurnedNoise(rotation_noise(noise), turn)
            first = place * draws
            batch = torch.cat([
                around.sample(x.to(where), 1, rng=streams.of_draw(Stage.ATTACK, draw))
                for draw in range(first, first + draws)
            ])  # fmt: skip
        seen = model.to_labels(model.output(batch), (len(x),))
        counts = wanted != IGNORED
        share = float(((seen != wanted) & counts).float().mean(0).sum() / counts.sum())
        if share > most:
            best, most = turn, share
        if progress:
            progress(place + 1, len(turns))
    return best, most


def check_turn(
    certificate: Certificate,
    model: BaseModel,
    cloud: Input,
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
    check_same(certificate, model, cloud)
    check_numbers(certificate, n, alpha)
    if isinstance(noise, AxisRotationNoise) and not np.allclose(
        np.abs(np.dot(noise.axis, turn.axis)), 1, rtol=0, atol=1e-12
    ):
        raise InputError(f"the certificate is one of rotations about {noise.axis_text} only")
    task = make_task(
        model, read_input(cloud), noise=TurnedNoise(noise, turn), seed=seed, device=device
    )
    return judge(
        certificate, task, abs(turn.angle) * UP,
        n=n, alpha=alpha, batch_size=batch_size, progress=progress,
    )  # fmt: skip
