"""What ``segcert attack`` does with point clouds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from segcert.attacks.changes import Change
    from segcert.attacks.check import AttackCheck
    from segcert.certificates.result import Certificate
    from segcert.inputs.input import Input
    from segcert.models.reference import AnyModel
    from segcert.noise.base import AbstractNoise
    from segcert.report.cloud_attacks import CloudAttack
    from segcert.report.points_view import Up


@dataclass(frozen=True)
class CloudSearch:
    """Options of ``attack`` for point clouds.

    Args: as of `attack`.
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
    out: Path = Path("attacked")


@dataclass(frozen=True)
class Way:
    """One way to attack a cloud.

    Args:
        search: Finds an attack and checks the certificate there.
        size: How it is measured.
    """

    search: "Callable[..., tuple[CloudAttack, AttackCheck]]"
    size: str


def attack_cloud(
    path: Path,
    found: "Certificate",
    given: CloudSearch,
    *,
    model: str | None = None,
    smoothed: str | None = None,
) -> None:
    """Attack a cloud, check its certificate there, write files, and print a table.

    Raises:
        InputError: If model or cloud are not those of the certificate, or an option does not fit.
        VerificationError: If the certificate is contradicted.
    """
    from segcert.certificates.certified_model import check_same
    from segcert.files import check_writable, remove_drafts_in
    from segcert.inputs.input import read_path
    from segcert.locks import held
    from segcert.models.reference import recorded

    called = found.provenance.model
    certified = recorded(called, "cloud", given=smoothed).open()
    plain = certified if model is None else recorded(called, "cloud", given=model).open()
    x = certified.given(read_path(path))
    check_same(found, certified, x)
    check_writable(given.out / "attack.json")
    with held(given.out):
        attack_tensor(x, found, given, plain=plain, certified=certified)
        remove_drafts_in(given.out)


def attack_tensor(
    x: "Input",
    found: "Certificate",
    given: CloudSearch,
    *,
    plain: "AnyModel",
    certified: "AnyModel",
) -> None:
    """Attack a cloud that was read, with models that were opened; see `attack_cloud`."""
    from segcert.attacks.attack import certified_only, plain_labels
    from segcert.cli.shell import results, say
    from segcert.errors import VerificationError
    from segcert.report.attacks import PlainEffect, attack_table
    from segcert.report.cloud_attacks import write_cloud_attack

    way = ways().get(type(found.counts.noise), COORDINATES)
    before = plain_labels(plain, x.tensor, device=given.device)
    labels = certified_only(found.labels, found.certified)
    goal = labels if given.against == "smoothed" else before
    attacked, checked = way.search(
        x, found, given, goal, plain if given.against == "plain" else certified, certified
    )
    after = plain_labels(plain, attacked.cloud, device=given.device)
    effect = PlainEffect(plain.name, before, after)
    up: Up = "z" if certified.category is None else "y"
    write_cloud_attack(given.out, found, x.tensor, attacked, effect, checked, up=up)
    results.print(attack_table(effect, checked, size=way.size, parts="points"))
    results.print()
    say(f"Open {given.out / 'figure1.png'}")
    if checked.contradicted:
        raise VerificationError(
            f"the certificate is contradicted: {int(checked.lost.sum())} certified points provably "
            f"changed within its radius, {checked.errors_allowed} are allowed"
        )


def coordinate_attack(
    x: "Input",
    found: "Certificate",
    given: CloudSearch,
    labels: "np.ndarray",
    victim: "AnyModel",
    certified: "AnyModel",
) -> "tuple[CloudAttack, AttackCheck]":
    """Move points by projected gradients within an l2 ball."""
    from segcert.attacks.attack import Search, attack
    from segcert.attacks.check import check_attack, check_attackable
    from segcert.cli.progress import DrawProgress
    from segcert.cli.shell import messages
    from segcert.report.cloud_attacks import CloudAttack
    from segcert.sampling.streams import fresh_seed

    check_attackable(found)
    search = Search(
        radius=found.radius if given.radius is None else given.radius, steps=given.steps,
        restarts=given.restarts, target=given.target,
        noise=found.counts.noise if given.against == "smoothed" else None, draws=given.draws,
        seed=fresh_seed() if given.seed is None else given.seed,
    )  # fmt: skip
    with DrawProgress(messages) as bar:
        best = attack(
            victim, x, labels, search, device=given.device,
            progress=lambda done, total: bar("attack", done, total),
        )  # fmt: skip
        checked = check_attack(
            found, certified, x, best.best, n=given.n, device=given.device,
            progress=lambda done, total: bar("check", done, total),
        )  # fmt: skip
    chosen = {
        "kind": "coordinates", "radius": search.radius, "steps": search.steps,
        "restarts": search.restarts, "target": search.target, "seed": search.seed,
    }  # fmt: skip
    return CloudAttack(best.best, chosen | {"against": given.against}), checked


def turn_attack(
    x: "Input",
    found: "Certificate",
    given: CloudSearch,
    labels: "np.ndarray",
    victim: "AnyModel",
    certified: "AnyModel",
) -> "tuple[CloudAttack, AttackCheck]":
    """Try rotations of at most the certified angle."""
    from segcert.attacks.turns import candidates, check_turn

    radius, seed = size_and_seed(found, given)
    turns = candidates(found.counts.noise, radius, given.steps, seed=seed % 2**63)
    best, checked, record = try_changes(
        x, found, given, turns, check_turn, labels=labels, victim=victim, certified=certified,
        seed=seed,
    )  # fmt: skip
    chosen = {"kind": "rotation", "radius": radius, "axis": best.axis, "angle": best.angle}
    return cloud_attack(best.applied(x.tensor), chosen | record), checked


def pose_attack(
    x: "Input",
    found: "Certificate",
    given: CloudSearch,
    labels: "np.ndarray",
    victim: "AnyModel",
    certified: "AnyModel",
) -> "tuple[CloudAttack, AttackCheck]":
    """Try poses of at most the certified size."""
    from segcert.attacks.poses import candidates, check_pose

    radius, seed = size_and_seed(found, given)
    poses = candidates(found.counts.noise, x, radius, given.steps, seed=seed % 2**63)
    best, checked, record = try_changes(
        x, found, given, poses, check_pose, labels=labels, victim=victim, certified=certified,
        seed=seed,
    )  # fmt: skip
    chosen = {
        "kind": "pose", "radius": radius, "axis": best.axis, "angle": best.angle,
        "shift": best.shift.tolist(), "displacements": float(best.moves.norm()),
        "points_moved": int((best.moves != 0).any(1).sum()),
    }  # fmt: skip
    return cloud_attack(best.applied(x.tensor), chosen | record), checked


def size_and_seed(found: "Certificate", given: CloudSearch) -> tuple[float, int]:
    """Largest size of a change, and the seed of the search."""
    from segcert.sampling.streams import fresh_seed

    radius = found.radius if given.radius is None else given.radius
    return radius, fresh_seed() if given.seed is None else given.seed


def cloud_attack(changed: "Tensor", search: "dict[str, object]") -> "CloudAttack":
    """A changed cloud as its file holds it."""
    from segcert.report.cloud_attacks import CloudAttack

    return CloudAttack(changed.float(), search)


def try_changes(
    x: "Input",
    found: "Certificate",
    given: CloudSearch,
    changes: "Sequence[Change]",
    check: "Callable[..., AttackCheck]",
    *,
    labels: "np.ndarray",
    victim: "AnyModel",
    certified: "AnyModel",
    seed: int,
) -> "tuple[Change, AttackCheck, dict[str, object]]":
    """Find the worst of some changes, and check the certificate there.

    Returns:
        The change, the check, and what the record says about the search.
    """
    from segcert.attacks.changes import search_changes
    from segcert.cli.progress import DrawProgress
    from segcert.cli.shell import messages

    noise = found.counts.noise if given.against == "smoothed" else None
    with DrawProgress(messages) as bar:
        best, share = search_changes(
            victim, x, labels, changes, noise=noise, draws=given.draws, seed=seed,
            device=given.device, progress=lambda done, total: bar("attack", done, total),
        )  # fmt: skip
        checked = check(
            found, certified, x, best, n=given.n, device=given.device,
            progress=lambda done, total: bar("check", done, total),
        )  # fmt: skip
    record = {"tries": len(changes), "changed": share, "seed": seed, "against": given.against}
    return best, checked, record


COORDINATES = Way(coordinate_attack, "l2 norm")


def ways() -> "dict[type[AbstractNoise], Way]":
    """How certificates of each noise are attacked, if not by moving coordinates."""
    from segcert.noise.axis_rotation import AxisRotationNoise
    from segcert.noise.pose import PoseNoise
    from segcert.noise.rotation import RotationNoise

    turns = Way(turn_attack, "rotation by")
    return {
        RotationNoise: turns,
        AxisRotationNoise: turns,
        PoseNoise: Way(pose_attack, "pose of size"),
    }
