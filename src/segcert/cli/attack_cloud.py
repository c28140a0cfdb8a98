"""What ``segcert attack`` does with point clouds."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from segcert.attacks.check import AttackCheck
    from segcert.certificates.result import Certificate
    from segcert.models.point_segmenter import PointSegmenter
    from segcert.report.cloud_attacks import CloudAttack


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
    from segcert.certificates.replay import check_same
    from segcert.cli.clouds import kind_for, reopen_point_model
    from segcert.files import check_writable

    certified = reopen_point_model(found, smoothed)
    plain = certified if model is None else reopen_point_model(found, model)
    x = kind_for(certified).read(path)
    check_same(found, certified, x)
    check_writable(given.out / "attack.json")
    attack_tensor(x, found, given, plain=plain, certified=certified)


def attack_tensor(
    x: "Tensor",
    found: "Certificate",
    given: CloudSearch,
    *,
    plain: "PointSegmenter",
    certified: "PointSegmenter",
) -> None:
    """Attack a cloud that was read, with models that were opened; see `attack_cloud`."""
    from segcert.attacks.attack import certified_only, plain_labels
    from segcert.cli.shell import results
    from segcert.errors import InputError, VerificationError
    from segcert.noise.axis_rotation import AxisRotationNoise
    from segcert.noise.rotation import RotationNoise
    from segcert.report.attacks import PlainEffect, attack_table
    from segcert.report.cloud_attacks import write_cloud_attack

    turns = isinstance(found.counts.noise, (RotationNoise, AxisRotationNoise))
    if turns and given.target is not None:
        raise InputError("--target is for attacks on coordinates: leave it out for rotations")
    before = plain_labels(plain, x, device=given.device)
    labels = certified_only(found.labels, found.certified)
    goal = labels if given.against == "smoothed" else before
    search = turn_attack if turns else coordinate_attack
    attacked, checked = search(
        x, found, given, goal, plain if given.against == "plain" else certified, certified
    )
    effect = PlainEffect(plain.name, before, plain_labels(plain, attacked.cloud))
    write_cloud_attack(given.out, found, x, attacked, effect, checked)
    size = "rotation by" if turns else "l2 norm"
    results.print(attack_table(effect, checked, size=size, parts="points"))
    results.print()
    results.print(f"Open {given.out / 'figure1.png'}", markup=False)
    if checked.contradicted:
        raise VerificationError(
            f"the certificate is contradicted: {int(checked.lost.sum())} certified points provably "
            f"changed within its radius, {checked.errors_allowed} are allowed"
        )


def coordinate_attack(
    x: "Tensor",
    found: "Certificate",
    given: CloudSearch,
    labels: "np.ndarray",
    victim: "PointSegmenter",
    certified: "PointSegmenter",
) -> "tuple[CloudAttack, AttackCheck]":
    """Move points by projected gradients within an l2 ball."""
    from segcert.attacks.attack import Search, attack
    from segcert.attacks.check import check_attack, check_attackable
    from segcert.cli.shell import messages
    from segcert.report.cloud_attacks import CloudAttack
    from segcert.report.progress import DrawProgress
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
            found, certified, x, best.image, n=given.n, device=given.device,
            progress=lambda done, total: bar("check", done, total),
        )  # fmt: skip
    chosen = {
        "kind": "coordinates", "radius": search.radius, "steps": search.steps,
        "restarts": search.restarts, "target": search.target, "seed": search.seed,
    }  # fmt: skip
    return CloudAttack(best.image, chosen | {"against": given.against}), checked


def turn_attack(
    x: "Tensor",
    found: "Certificate",
    given: CloudSearch,
    labels: "np.ndarray",
    victim: "PointSegmenter",
    certified: "PointSegmenter",
) -> "tuple[CloudAttack, AttackCheck]":
    """Try rotations of at most the certified angle."""
    from segcert.attacks.turns import candidates, check_turn, search_turns
    from segcert.cli.shell import messages
    from segcert.noise.clouds import rotation_matrix, turned
    from segcert.report.cloud_attacks import CloudAttack
    from segcert.report.progress import DrawProgress
    from segcert.sampling.streams import fresh_seed

    noise = found.counts.noise
    radius = found.radius if given.radius is None else given.radius
    seed = fresh_seed() if given.seed is None else given.seed
    turns = candidates(noise, radius, given.steps, seed=seed % 2**63)
    with DrawProgress(messages) as bar:
        best, share = search_turns(
            victim, x, labels, turns, noise=noise if given.against == "smoothed" else None,
            draws=given.draws, seed=seed, device=given.device,
            progress=lambda done, total: bar("attack", done, total),
        )  # fmt: skip
        checked = check_turn(
            found, certified, x, best, n=given.n, device=given.device,
            progress=lambda done, total: bar("check", done, total),
        )  # fmt: skip
    cloud = turned(x, rotation_matrix(best.axis, best.angle)).float()
    chosen = {"kind": "rotation", "radius": radius, "tries": len(turns), "axis": best.axis,
              "angle": best.angle, "changed": share, "seed": seed}  # fmt: skip
    return CloudAttack(cloud, chosen | {"against": given.against}), checked
