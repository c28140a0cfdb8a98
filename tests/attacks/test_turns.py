"""Turn a cloud inside the certified angle: no certified point changes; far outside, many do."""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest
import torch
from cloud_files import mug

from segcert.attacks.changes import ChangedNoise, search_changes
from segcert.attacks.turns import Turn, candidates, check_turn
from segcert.certificates.result import Certificate
from segcert.certificates.segcertify import certify
from segcert.errors import InputError
from segcert.models.wrapping_points import as_point_segmenter
from segcert.noise.axis_rotation import AxisRotationNoise
from segcert.noise.points import PointNoise
from segcert.noise.rotation import RotationNoise
from segcert.sampling.sampler import sample
from segcert.stats.bonferroni import bonferroni

Z = (0.0, 0.0, 1.0)


@dataclass(frozen=True)
class Quadrants:
    """Label a point by the signs of its first two coordinates: rotations change that."""

    def __call__(self, batch: torch.Tensor) -> torch.Tensor:
        return 2 * (batch[..., 0] > 0).long() + (batch[..., 1] > 0).long()


def model() -> object:
    return as_point_segmenter(Quadrants(), classes=4, name="quadrants", normalise=False)


def cloud() -> torch.Tensor:
    return torch.from_numpy(mug(200).points)


@cache
def certificate(noise: RotationNoise | AxisRotationNoise | PointNoise) -> Certificate:
    counts = sample(model(), cloud(), noise=noise, n0=10, n=200, seed=3)
    return certify(counts, tau=0.75, alpha=0.01, correction=bonferroni)


@pytest.mark.parametrize("noise", [RotationNoise(0.4), AxisRotationNoise(0.4)])
@pytest.mark.repeats
def test_no_certified_point_changes_inside_the_certified_angle(
    noise: RotationNoise | AxisRotationNoise,
) -> None:
    """Each lost point would be proved at 0.01 / N: a false alarm of at most 0.02 in each check.

    Far outside the same check finds lost points, so it can find them.
    """
    found = certificate(noise)
    assert 0.1 < found.certified.mean() < 1
    turns = candidates(noise, found.radius, 3, seed=1)
    for turn in turns:
        checked = check_turn(found, model(), cloud(), turn, n=100, seed=7)
        assert checked.inside
        assert not checked.lost.any()
        assert not checked.contradicted
        assert checked.survivors.sum() == found.certified.sum()
    far = replace(turns[0], axis=Z, angle=np.pi / 2)
    checked = check_turn(found, model(), cloud(), far, n=100, seed=7)
    assert not checked.inside
    assert checked.lost.sum() > 0.5 * found.certified.sum()


def test_a_certificate_that_claims_too_much_is_contradicted() -> None:
    found = certificate(AxisRotationNoise(0.4))
    too_much = replace(found, radius=np.pi / 2 + 0.01)
    checked = check_turn(too_much, model(), cloud(), Turn(Z, np.pi / 2), n=100, seed=7)
    assert checked.inside
    assert checked.contradicted


def test_the_search_finds_the_turn_that_changes_most() -> None:
    labels = model().to_labels(model().output(cloud()[None]), (200,))[0].numpy()
    turns = tuple(Turn(Z, angle) for angle in (0.0, 0.3, np.pi / 2, -0.2))
    best, share = search_changes(model(), cloud(), labels, turns)
    assert (best, share) == (turns[2], 1.0)
    best, share = search_changes(
        model(), cloud(), labels, turns, noise=AxisRotationNoise(0.1), draws=4, seed=2
    )
    assert best == turns[2]
    assert share > 0.9


def test_candidates_stay_within_the_angle_and_about_the_axis() -> None:
    for noise in (RotationNoise(0.3), AxisRotationNoise(0.3)):
        found = candidates(noise, 0.2, 40, seed=5)
        assert all(abs(turn.angle) < 0.2 for turn in found)
        assert max(abs(turn.angle) for turn in found) > 0.2 - 1e-6
        assert np.allclose([np.linalg.norm(turn.axis) for turn in found], 1)
        assert {turn.angle > 0 for turn in found} == {True, False}
    assert {turn.axis for turn in found} == {Z}


def test_the_turned_noise_is_the_noise_at_the_turned_cloud() -> None:
    """A quarter turn about z maps (x, y) to (-y, x); yaw noise of any angle adds to it."""
    from segcert.sampling.streams import Stage, Streams

    x = cloud()
    noise = AxisRotationNoise(0.3)
    streams = Streams(3, "x", torch.device("cpu"), "cpu")
    around = ChangedNoise(noise, Turn(Z, np.pi / 2))
    drawn = around.sample(x, 2, rng=streams.of_draw(Stage.TEST, 0))
    quarter = torch.stack([-x[:, 1], x[:, 0], x[:, 2]], 1)
    plain = noise.sample(quarter, 2, rng=streams.of_draw(Stage.TEST, 0))
    assert torch.allclose(drawn, plain, atol=1e-6)


def test_other_certificates_and_axes_are_refused() -> None:
    found = certificate(PointNoise(0.05))
    with pytest.raises(InputError, match="certifies no rotations"):
        check_turn(found, model(), cloud(), Turn(Z, 0.1))
    found = certificate(AxisRotationNoise(0.4))
    with pytest.raises(InputError, match="only"):
        check_turn(found, model(), cloud(), Turn((1.0, 0.0, 0.0), 0.1))
    with pytest.raises(InputError, match="hash differently"):
        check_turn(found, model(), cloud() * 1.5, Turn(Z, 0.1))
    with pytest.raises(InputError, match="tries >= 1"):
        candidates(found.counts.noise, 0.1, 0, seed=0)
