"""Pose a cloud inside the certified set: no certified point changes; far outside, many do."""

import math
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest
import torch
from cloud_files import mug
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from segcert.attacks.changes import search_changes
from segcert.attacks.poses import Pose, candidates, check_pose, projected
from segcert.certificates.result import Certificate
from segcert.certificates.segcertify import certify
from segcert.errors import InputError
from segcert.models.wrapping_points import as_point_segmenter
from segcert.noise.points import PointNoise
from segcert.noise.pose import PoseNoise
from segcert.sampling.sampler import sample
from segcert.stats.bonferroni import bonferroni

Y, Z = (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
ABOUT_Y = PoseNoise(0.3, 0.1, 0.05, *Y)
POINTS = 200


@dataclass(frozen=True)
class Quadrants:
    """Label a point by the signs of its first and third coordinates: all of a pose counts."""

    def __call__(self, batch: torch.Tensor) -> torch.Tensor:
        return 2 * (batch[..., 0] > 0).long() + (batch[..., 2] > 0).long()


def model() -> object:
    return as_point_segmenter(Quadrants(), classes=4, name="quadrants", normalise=False)


def cloud() -> torch.Tensor:
    return torch.from_numpy(mug(POINTS).points)


@cache
def certificate(noise: PoseNoise | PointNoise = ABOUT_Y) -> Certificate:
    counts = sample(model(), cloud(), noise=noise, n0=10, n=200, seed=3)
    return certify(counts, tau=0.75, alpha=0.01, correction=bonferroni)


def drawn_pose(seed: int, *, points: int = 5, axis: tuple[float, float, float] = Y) -> Pose:
    """Any pose."""
    rng = np.random.default_rng(seed)
    shift, moves = rng.normal(size=3), rng.normal(size=(points, 3))
    size = math.exp(rng.normal())
    return Pose(
        axis, size * rng.normal(), torch.from_numpy(size * shift), torch.from_numpy(size * moves)
    )


def scaled(pose: Pose, noise: PoseNoise) -> np.ndarray:
    """All numbers of a pose, each over its scale: in one vector."""
    parts = (
        [pose.angle / noise.yaw],
        pose.shift.numpy() / noise.shift,
        pose.moves.numpy().ravel() / noise.jitter,
    )
    return np.concatenate(parts)


@pytest.mark.repeats
def test_no_certified_point_changes_inside_the_certified_set() -> None:
    """Each lost point would be proved at 0.01 / N: a false alarm of at most 0.02 in each check.

    Far outside the same check finds lost points, by each part of a pose: so it can find them.
    """
    found = certificate()
    assert 0.1 < found.certified.mean() < 1
    for pose in candidates(ABOUT_Y, cloud(), found.radius, 4, seed=1):
        checked = check_pose(found, model(), cloud(), pose, n=100, seed=7)
        assert checked.inside
        assert not checked.lost.any()
        assert checked.survivors.sum() == found.certified.sum()
    none = torch.zeros(3, dtype=torch.float64)
    still = torch.zeros(POINTS, 3, dtype=torch.float64)
    over = torch.tensor([3.0, 0.0, 3.0], dtype=torch.float64)
    for far in (
        Pose(Y, math.pi / 2, none, still),
        Pose(Y, 0.0, over, still),
        Pose(Y, 0.0, none, still + over),
    ):
        checked = check_pose(found, model(), cloud(), far, n=100, seed=7)
        assert not checked.inside
        assert not checked.contradicted
        assert checked.lost.sum() > 0.4 * found.certified.sum()


def test_a_certificate_that_claims_too_much_is_contradicted() -> None:
    found = certificate()
    none, still = torch.zeros(3).double(), torch.zeros(POINTS, 3).double()
    far = Pose(Y, math.pi / 2, none, still)
    checked = check_pose(
        replace(found, radius=far.size(ABOUT_Y) + 0.01), model(), cloud(), far, n=100, seed=7
    )
    assert checked.inside
    assert checked.contradicted


@given(st.integers(0, 10**6), st.floats(1e-3, 5.0), st.integers(0, 10**6))
def test_the_projection_is_the_nearest_pose_of_the_set(
    seed: int, radius: float, other: int
) -> None:
    """In numbers over their scales: within the ball, the same if it was, nearer than any other."""
    pose = drawn_pose(seed)
    near = projected(pose, ABOUT_Y, radius)
    before, after = scaled(pose, ABOUT_Y), scaled(near, ABOUT_Y)
    assert pose.size(ABOUT_Y) == pytest.approx(np.linalg.norm(before), rel=1e-12)
    assert near.size(ABOUT_Y) <= radius
    if np.linalg.norm(before) <= radius * (1 - 1e-12):
        assert near is pose
    else:
        assert np.linalg.norm(after) == pytest.approx(radius, rel=1e-9)
    assert projected(near, ABOUT_Y, radius) is near
    inside = scaled(drawn_pose(other), ABOUT_Y)
    inside *= min(1, radius / np.linalg.norm(inside))
    distance = np.linalg.norm(before - after)
    assert distance <= np.linalg.norm(before - inside) * (1 + 1e-9) + 1e-12


@pytest.mark.parametrize("axis", [Y, Z, (0.48, 0.6, 0.64)])
def test_a_pose_turns_shifts_and_moves_and_normals_only_turn(
    axis: tuple[float, float, float],
) -> None:
    pose = drawn_pose(4, axis=axis)
    x = torch.randn(5, 6, generator=torch.Generator().manual_seed(0))
    turn = Rotation.from_rotvec(pose.angle * np.array(axis))
    found = pose.applied(x).numpy()
    expected = turn.apply(x[:, :3].double()) + pose.shift.numpy() + pose.moves.numpy()
    assert found[:, :3] == pytest.approx(expected, abs=1e-12)
    assert found[:, 3:] == pytest.approx(turn.apply(x[:, 3:].double()), abs=1e-12)


def test_candidates_are_of_every_kind_and_within_the_radius() -> None:
    found = candidates(ABOUT_Y, cloud(), 0.5, 60, seed=5)
    sizes = [pose.size(ABOUT_Y) for pose in found]
    assert max(sizes) <= 0.5
    assert sum(size > 0.5 - 1e-6 for size in sizes) >= 40
    assert min(sizes) < 0.4
    assert {pose.axis for pose in found} == {Y}
    kinds = {(p.angle != 0, bool((p.shift != 0).any()), bool((p.moves != 0).any())) for p in found}
    assert kinds == {
        (True, False, False), (False, True, False), (False, False, True), (True, True, True),
    }  # fmt: skip
    assert {pose.angle > 0 for pose in found if pose.angle} == {True, False}
    moved = {int((pose.moves != 0).any(1).sum()) for pose in found}
    assert moved == {0, 1, 14, POINTS}
    again = candidates(ABOUT_Y, cloud(), 0.5, 60, seed=5)
    assert all(torch.equal(a.moves, b.moves) for a, b in zip(found, again, strict=True))


def test_the_search_finds_the_pose_that_changes_most() -> None:
    labels = model().to_labels(model().output(cloud()[None]), (POINTS,))[0].numpy()
    none, still = torch.zeros(3).double(), torch.zeros(POINTS, 3).double()
    poses = [Pose(Y, angle, none, still) for angle in (0.0, 0.3, math.pi, -0.2)]
    best, share = search_changes(model(), cloud(), labels, poses)
    assert (best, share) == (poses[2], 1.0)
    tiny = PoseNoise(0.01, 0.001, 0.001, *Y)
    best, share = search_changes(model(), cloud(), labels, poses, noise=tiny, draws=4, seed=2)
    assert best is poses[2]
    assert share > 0.9


def test_other_certificates_axes_and_clouds_are_refused() -> None:
    pose = drawn_pose(0, points=POINTS)
    with pytest.raises(InputError, match="points noise certifies no poses"):
        check_pose(certificate(PointNoise(0.05)), model(), cloud(), pose)
    found = certificate()
    with pytest.raises(InputError, match=r"rotations about the axis .* along \(0, 1, 0\) only"):
        check_pose(found, model(), cloud(), replace(pose, axis=Z))
    with pytest.raises(InputError, match="moves 5 points, the cloud has 200"):
        check_pose(found, model(), cloud(), drawn_pose(0))
    with pytest.raises(InputError, match="hash differently"):
        check_pose(found, model(), cloud() * 1.5, pose)
    with pytest.raises(InputError, match="tries >= 1 and a radius > 0, got 0"):
        candidates(ABOUT_Y, cloud(), 0.5, 0, seed=0)
    with pytest.raises(InputError, match="needs a cloud"):
        candidates(ABOUT_Y, torch.zeros(3, 4, 4), 0.5, 1, seed=0)
