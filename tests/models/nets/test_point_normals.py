"""Normals of planes and spheres, against a fit point by point."""

import numpy as np
import pytest
import torch
from torch import Tensor

from segcert.errors import InputError
from segcert.models.nets.point_normals import estimate_normals


def sphere(count: int, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(2, count, 3, generator=rng), dim=2)


def by_loop(points: Tensor, neighbours: int) -> np.ndarray:
    """The direction in which the neighbours, centred, are the flattest: by singular values."""
    cloud = points.double().numpy()
    found = []
    for point in cloud:
        near = cloud[np.argsort(((cloud - point) ** 2).sum(1))[:neighbours]]
        normal = np.linalg.svd(near - near.mean(0))[2][-1]
        found.append(normal if normal @ (point - cloud.mean(0)) >= 0 else -normal)
    return np.array(found)


def test_normals_are_those_of_the_loop() -> None:
    points = torch.randn(2, 50, 3, generator=torch.Generator().manual_seed(0))
    found = estimate_normals(points, 8)
    for cloud, normals in zip(points, found, strict=True):
        np.testing.assert_allclose(normals.numpy(), by_loop(cloud, 8), atol=1e-4)


def test_the_normals_of_a_sphere_point_outwards() -> None:
    points = sphere(1000)
    found = estimate_normals(5 + 3 * points)
    assert (found * points).sum(2).min() > 0.95
    torch.testing.assert_close(found.norm(dim=2), torch.ones(2, 1000))


def test_all_normals_of_a_plane_are_its_own() -> None:
    flat = torch.rand(1, 200, 2, generator=torch.Generator().manual_seed(0))
    axes = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(1)))[0]
    found = estimate_normals(flat @ axes[:2] + 1)
    assert (found @ axes[2]).abs().min() > 1 - 1e-4


def test_normals_turn_with_the_cloud() -> None:
    points = sphere(300) * torch.tensor([1.0, 0.7, 0.4])
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(1)))[0]
    torch.testing.assert_close(
        estimate_normals(points @ turn), estimate_normals(points) @ turn, atol=1e-3, rtol=0
    )


def test_clouds_do_not_see_each_other() -> None:
    points = sphere(64)
    assert torch.equal(estimate_normals(points)[1:], estimate_normals(points[1:]))


def test_duplicates_and_broken_clouds_do_not_crash() -> None:
    points = sphere(20)
    points[0] = 1.5
    assert torch.isfinite(estimate_normals(points, 4)).all()
    points[0, 3, 1] = torch.nan
    found = estimate_normals(points, 4)
    assert torch.isnan(found[0]).all()
    assert torch.equal(found[1:], estimate_normals(points[1:], 4))


def test_too_few_are_refused() -> None:
    with pytest.raises(InputError, match="3 neighbours or more, got 2"):
        estimate_normals(sphere(10), 2)
    with pytest.raises(InputError, match="at least 12 points, got 10"):
        estimate_normals(sphere(10), 12)
