"""The small networks of clouds: PointNet and the slim PointNet++."""

from functools import partial

import pytest
import torch
from torch import Tensor, nn

from segcert.errors import InputError
from segcert.models.nets.point_blocks import SetAbstraction
from segcert.models.nets.point_ops import ball_query
from segcert.models.nets.pointnet import PointNet
from segcert.models.nets.slim_pointnet2 import SlimPointNet2

SLIM = partial(SlimPointNet2, centres=(32, 8), count=8)
BOTH = pytest.mark.parametrize("make", [PointNet, SLIM], ids=["pointnet", "slim"])


def clouds(count: int, size: int = 64, columns: int = 3, seed: int = 0) -> Tensor:
    points = torch.randn(count, size, columns, generator=torch.Generator().manual_seed(seed))
    return points / points[..., :3].norm(dim=2).amax(1)[:, None, None]


def fresh(make: partial[nn.Module], classes: int = 5, **options: int) -> nn.Module:
    """A network whose batch norms have seen clouds, in eval mode."""
    torch.manual_seed(0)
    net = make(classes, **options)
    for part in net.modules():
        if isinstance(part, nn.BatchNorm1d):
            nn.init.uniform_(part.running_mean, -0.2, 0.2)  # type: ignore[arg-type]
            nn.init.uniform_(part.running_var, 0.2, 0.5)  # type: ignore[arg-type]
    return net.eval()


@BOTH
@pytest.mark.parametrize(("columns", "categories"), [(3, 0), (6, 0), (3, 16), (6, 4)])
def test_every_point_is_scored(make: partial[nn.Module], columns: int, categories: int) -> None:
    net = fresh(make, columns=columns, categories=categories)
    told = torch.tensor([0, categories - 1]) if categories else None
    scores = net(clouds(2, columns=columns), told)
    assert scores.shape == (2, 5, 64)
    assert torch.isfinite(scores).all()
    if told is not None:
        assert not torch.allclose(scores, net(clouds(2, columns=columns), told.flip(0)))


@BOTH
def test_the_small_networks_are_small(make: partial[nn.Module]) -> None:
    net = make(50, columns=6, categories=16)
    floats = sum(weight.numel() for weight in net.state_dict().values())
    assert 1e5 < floats < 1e6  # 4 MB in float32


@BOTH
def test_a_cloud_gets_the_same_scores_alone(make: partial[nn.Module]) -> None:
    net, points = fresh(make), clouds(4)
    with torch.inference_mode():
        together = net(points)
        alone = torch.cat([net(cloud[None]) for cloud in points])
        assert (together - alone).abs().max() < 1e-5
        assert (together[0] - together[1]).abs().max() > 1e-2


def test_the_order_of_the_points_does_not_matter_to_pointnet() -> None:
    net, points = fresh(PointNet), clouds(2)
    order = torch.randperm(64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(
            net(points[:, order]), net(points)[:, :, order], atol=1e-5, rtol=0
        )


def test_the_order_hardly_matters_to_the_slim_one() -> None:
    """With large balls that hold every point, only the first point matters: it starts."""
    net = fresh(partial(SlimPointNet2, centres=(32, 8), count=64, radii=(3, 3)))
    points = clouds(2)
    order = torch.randperm(64, generator=torch.Generator().manual_seed(0))
    order = torch.cat([torch.tensor([0]), order[order != 0]])
    with torch.inference_mode():
        torch.testing.assert_close(
            net(points[:, order]), net(points)[:, :, order], atol=1e-5, rtol=0
        )


def test_random_starts_come_from_the_generator() -> None:
    net, points = fresh(SLIM), clouds(2)
    with torch.inference_mode():
        one, other = (net(points, rng=torch.Generator().manual_seed(s)) for s in (1, 2))
        assert torch.equal(one, net(points, rng=torch.Generator().manual_seed(1)))
        assert not torch.equal(one, other)
        assert torch.equal(net(points), net(points))


@BOTH
def test_every_parameter_learns_and_every_coordinate_matters(make: partial[nn.Module]) -> None:
    torch.manual_seed(0)
    net, points = make(5, categories=3), clouds(2).requires_grad_()
    net(points, torch.tensor([0, 2])).square().sum().backward()
    assert [n for n, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []
    assert points.grad is not None
    assert points.grad.abs().sum(2).min() > 0


@BOTH
def test_it_learns_to_cut_a_cloud_in_two(make: partial[nn.Module]) -> None:
    """Parts above and below the middle: learned in a few steps, in ten times as many at the most.

    How soon depends on the rounding of the processor, so no number of steps is asked for.
    """
    torch.manual_seed(0)
    net = make(2, width=16)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    unseen = clouds(8, seed=999)
    for seed in range(200):
        points = clouds(8, seed=seed)
        loss = nn.functional.cross_entropy(net.train()(points), (points[..., 2] > 0).long())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        right = net.eval()(unseen).argmax(1) == (unseen[..., 2] > 0)
        if right.float().mean() > 0.85:
            return
    pytest.fail("the network has not learned it in 200 steps")


@BOTH
def test_wrong_columns_categories_and_sizes_are_refused(make: partial[nn.Module]) -> None:
    net = fresh(make, categories=3)
    with pytest.raises(InputError, match="takes 3 columns per point, got 6"):
        net(clouds(1, columns=6), torch.tensor([0]))
    with pytest.raises(InputError, match=r"needs the category of each cloud, 0\.\.2"):
        net(clouds(1))
    with pytest.raises(InputError, match=r"category must lie in 0\.\.2, got 3 to 3"):
        net(clouds(1), torch.tensor([3]))
    for options in ({"classes": 0}, {"width": 0}, {"columns": 4}, {"categories": -1}):
        with pytest.raises(InputError, match="classes and width must be positive"):
            make(**({"classes": 2} | options))


def test_the_slim_one_needs_its_centres() -> None:
    with pytest.raises(InputError, match="at least 32 points, got 31"):
        fresh(SLIM)(clouds(1, 31))
    assert fresh(PointNet)(clouds(1, 1)).shape == (1, 5, 1)


def test_balls_are_described_by_offsets_and_features_side_by_side() -> None:
    torch.manual_seed(0)
    part = SetAbstraction(4, (6, 5), centres=8, radius=0.6, count=7).eval()
    points, features = clouds(2), clouds(2, columns=4, seed=1)
    centres, found = part(points, features)
    near = ball_query(points, centres, radius=0.6, count=7)
    for b in range(2):
        for j in range(8):
            offsets = points[b, near[b, j]] - centres[b, j]
            whole = torch.cat([offsets, features[b, near[b, j]]], 1)
            torch.testing.assert_close(found[b, j], part.layers(whole).amax(0))
