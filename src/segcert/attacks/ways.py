"""How a certificate is attacked, by its noise: moved values, rotations, poses."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from jaxtyping import Float32, Integer
from torch import Tensor

from segcert.attacks import poses, turns
from segcert.attacks.attack import Search, attack
from segcert.attacks.changes import Change, search_changes
from segcert.attacks.check import AttackCheck, check_attack, check_attackable
from segcert.certificates.result import Certificate
from segcert.inputs.input import Input
from segcert.models.protocol import WrappedModel
from segcert.noise.axis_rotation import AxisRotationNoise
from segcert.noise.base import AbstractNoise
from segcert.noise.pose import PoseNoise
from segcert.noise.rotation import RotationNoise
from segcert.sampling.streams import fresh_seed

Report = Callable[[str, int, int], None]
Record = dict[str, object]


@dataclass(frozen=True)
class Wish:
    """What a user may say about an attack.

    Args:
        against: "plain" attacks the model without noise, "smoothed" under that of the certificate.
        radius: Of the attack; None is that of the certificate.
        target: Class that all components should get; None for any other.
        steps: Gradient steps, or movements that are tried.
        restarts: Climbs more, from random points.
        draws: Of the noise, at each step against the smoothed model.
        n: Fresh draws that check the certificate.
        seed: Of what the attack draws; None takes one from the operating system.
        device: Where.
    """

    against: str = "plain"
    radius: float | None = None
    target: int | None = None
    steps: int = 40
    restarts: int = 0
    draws: int = 8
    n: int = 100
    seed: int | None = None
    device: str = "auto"


@dataclass(frozen=True, eq=False)
class Target:
    """What is attacked.

    Args:
        certificate: The certificate.
        given: The input that it is about, as the model was given it.
        victim: The model that is attacked.
        certified: The model that was certified.
        labels: Classes that the attack drives components away from; 255 is ignored.
    """

    certificate: Certificate
    given: Input
    victim: WrappedModel
    certified: WrappedModel
    labels: Integer[np.ndarray, " *components"]

    def noise(self, wish: Wish) -> AbstractNoise | None:
        """Noise under which the model is attacked."""
        return self.certificate.counts.noise if wish.against == "smoothed" else None

    def size_and_seed(self, wish: Wish) -> tuple[float, int]:
        """Largest size of the attack, and the seed of the search."""
        radius = self.certificate.radius if wish.radius is None else wish.radius
        return radius, fresh_seed() if wish.seed is None else wish.seed


@dataclass(frozen=True, eq=False)
class Found:
    """The worst that an attack found.

    Args:
        attacked: The attacked input, as files hold it; of rotations and poses in float32.
        record: How it was found, for files.
        check: What fresh draws there say of the certificate.
    """

    attacked: Float32[Tensor, " *shape"]
    record: Record
    check: AttackCheck


@dataclass(frozen=True)
class Way:
    """One way to attack.

    Args:
        search: Finds an attack, and checks the certificate there.
        size: How it is measured.
    """

    search: Callable[[Target, Wish, Report], Found]
    size: str


def move_values(target: Target, wish: Wish, report: Report) -> Found:
    """Move values of an image, or coordinates, by projected gradients within an l2 ball."""
    check_attackable(target.certificate)
    radius, seed = target.size_and_seed(wish)
    search = Search(
        radius=radius, steps=wish.steps, restarts=wish.restarts, target=wish.target,
        noise=target.noise(wish), draws=wish.draws, seed=seed,
    )  # fmt: skip
    found = attack(
        target.victim, target.given, target.labels, search, device=wish.device,
        progress=lambda done, total: report("attack", done, total),
    )  # fmt: skip
    checked = check_attack(
        target.certificate, target.certified, target.given, found.best,
        n=wish.n, device=wish.device,
        progress=lambda done, total: report("check", done, total),
    )  # fmt: skip
    said = None if search.noise is None else search.noise.description
    record = {"kind": "coordinates", **asdict(search), "noise": said, "against": wish.against}
    return Found(found.best, record, checked)


def turn(target: Target, wish: Wish, report: Report) -> Found:
    """Try rotations of at most the certified angle."""
    radius, seed = target.size_and_seed(wish)
    noise = target.certificate.counts.noise
    tried = turns.candidates(noise, radius, wish.steps, seed=seed % 2**63)
    best, checked, record = try_changes(
        target, wish, tried, turns.check_turn, seed=seed, report=report
    )
    chosen = {"kind": "rotation", "radius": radius, "axis": best.axis, "angle": best.angle}
    return Found(best.applied(target.given.tensor).float(), chosen | record, checked)


def move_as_a_whole(target: Target, wish: Wish, report: Report) -> Found:
    """Try poses of at most the certified size."""
    radius, seed = target.size_and_seed(wish)
    noise = target.certificate.counts.noise
    tried = poses.candidates(noise, target.given, radius, wish.steps, seed=seed % 2**63)
    best, checked, record = try_changes(
        target, wish, tried, poses.check_pose, seed=seed, report=report
    )
    chosen: Record = {
        "kind": "pose", "radius": radius, "axis": best.axis, "angle": best.angle,
        "shift": best.shift.tolist(), "displacements": float(best.moves.norm()),
        "points_moved": int((best.moves != 0).any(1).sum()),
    }  # fmt: skip
    return Found(best.applied(target.given.tensor).float(), chosen | record, checked)


def try_changes(
    target: Target,
    wish: Wish,
    changes: Sequence[Change],
    check: Callable[..., AttackCheck],
    *,
    seed: int,
    report: Report,
) -> tuple[Change, AttackCheck, Record]:
    """Find the worst of some changes, and check the certificate there.

    Returns:
        The change, the check, and what the record says about the search.
    """
    best, share = search_changes(
        target.victim, target.given, target.labels, changes,
        noise=target.noise(wish), draws=wish.draws, seed=seed, device=wish.device,
        progress=lambda done, total: report("attack", done, total),
    )  # fmt: skip
    checked = check(
        target.certificate, target.certified, target.given, best, n=wish.n, device=wish.device,
        progress=lambda done, total: report("check", done, total),
    )  # fmt: skip
    record = {"tries": len(changes), "changed": share, "seed": seed, "against": wish.against}
    return best, checked, record


VALUES = Way(move_values, "l2 norm")
TURNS = Way(turn, "rotation by")
WAYS: Mapping[type[AbstractNoise], Way] = {
    RotationNoise: TURNS,
    AxisRotationNoise: TURNS,
    PoseNoise: Way(move_as_a_whole, "pose of size"),
}


def way_of(noise: AbstractNoise | None) -> Way:
    """How certificates of a noise are attacked."""
    return VALUES if noise is None else WAYS.get(type(noise), VALUES)
