"""Probabilities that are averaged over the closest points, against a plain loop."""

import numpy as np
import pytest
import torch
from torch import Tensor

import segcert as sc
from segcert.errors import InputError, ModelError
from segcert.inputs.kind import CLOUD
from segcert.models.nets.point_smoothing import smoothed_over_points
from segcert.models.reference import ModelReference, recorded

RNG = torch.Generator().manual_seed(0)
POINTS = torch.rand(2, 40, 3, generator=RNG)
FEW = {"sigma": 0.05, "tau": 0.5, "alpha": 0.5, "n0": 2, "n": 20, "seed": 1}


def sharp(points: Tensor) -> Tensor:
    return 20 * points.transpose(1, 2)


def by_loop(scores: Tensor, points: Tensor, k: int) -> np.ndarray:
    probabilities = scores.double().softmax(1).numpy()
    found = np.empty_like(probabilities)
    for cloud, at in np.ndindex(*points.shape[:2]):
        gaps = ((points[cloud].double() - points[cloud, at].double()) ** 2).sum(1).numpy()
        found[cloud, :, at] = probabilities[cloud][:, np.argsort(gaps, kind="stable")[:k]].mean(1)
    return found


@pytest.mark.parametrize("k", [1, 2, 7, 40])
def test_it_is_the_mean_over_the_closest_points(k: int) -> None:
    found = smoothed_over_points(sharp(POINTS), POINTS, k)
    np.testing.assert_allclose(found.exp(), by_loop(sharp(POINTS), POINTS, k), atol=1e-6)


def test_one_neighbour_leaves_scores_as_they_are() -> None:
    plain = sc.as_point_segmenter(sharp, normalise=False)
    one = sc.as_point_segmenter(sharp, normalise=False, smooth_neighbours=1)
    assert torch.equal(one.output(POINTS), plain.output(POINTS))
    assert one.identity_sha256 == plain.identity_sha256
    three = sc.as_point_segmenter(sharp, normalise=False, smooth_neighbours=3)
    assert three.identity_sha256 != plain.identity_sha256
    assert not torch.equal(three.labels(POINTS), plain.labels(POINTS))


def test_constant_scores_stay_and_no_cloud_depends_on_its_batch() -> None:
    scores = torch.tensor([0.0, 2.0, 1.0])[None, :, None].expand(1, 3, 40)
    found = smoothed_over_points(scores, POINTS[:1], 5)
    torch.testing.assert_close(found, scores.log_softmax(1))
    model = sc.as_point_segmenter(sharp, smooth_neighbours=5)
    together = model.output(POINTS)
    for at in (0, 1):
        assert torch.equal(model.output(POINTS[at : at + 1]), together[at : at + 1])


def test_a_score_that_is_not_finite_counts_against_all_it_is_averaged_into() -> None:
    scores = sharp(POINTS).clone()
    scores[0, 0, 3] = torch.inf
    found = smoothed_over_points(scores, POINTS, 4)
    gaps = (POINTS[0, :, None] - POINTS[0, None]).square().sum(2)
    reached = (gaps.argsort(1)[:, :4] == 3).any(1)
    assert torch.equal(found[0].isnan().any(0), reached)
    assert not bool(found[1].isnan().any())


def test_parts_stay_parts() -> None:
    model = sc.as_point_segmenter(sharp, parts=(0, 2), smooth_neighbours=4)
    assert set(model.labels(POINTS).unique().tolist()) == {0, 2}


def test_gradients_pass() -> None:
    x = POINTS.clone().requires_grad_()
    model = sc.as_point_segmenter(sharp, normalise=False, smooth_neighbours=3)
    model.scores(x).max().backward()
    assert x.grad is not None
    assert int((x.grad.abs().sum(2) > 0).sum()) == 3


def test_what_cannot_be_averaged_is_refused() -> None:
    labels = sc.as_point_segmenter(
        lambda x: (x[..., 0] > 0.5).long(), classes=2, smooth_neighbours=3
    )
    with pytest.raises(ModelError, match=r"labels: smooth_neighbours .* leave it out"):
        labels.labels(POINTS)
    with pytest.raises(InputError, match="smooth_neighbours must be 1 or more, got 0"):
        sc.as_point_segmenter(sharp, smooth_neighbours=0)
    wide = sc.as_point_segmenter(sharp, smooth_neighbours=41)
    with pytest.raises(InputError, match="at least 41 points, got 40"):
        wide.labels(POINTS)


def test_it_is_replayed_and_recorded_in_the_name() -> None:
    reference = ModelReference("ground", CLOUD, smooth_neighbours=4)
    if recorded("ground[smooth_neighbours=4]", CLOUD) != reference:
        pytest.fail("the recorded name does not open the same model")
    model = sc.as_point_segmenter(sharp, smooth_neighbours=4)
    cloud = POINTS[0].numpy()
    certificate = sc.certify_cloud(model, cloud, **FEW)
    assert sc.replay(certificate, model, cloud)
    with pytest.raises(InputError, match="is not the one that was certified"):
        sc.replay(certificate, sc.as_point_segmenter(sharp), cloud)
