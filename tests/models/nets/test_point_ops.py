"""Sampling and neighbourhoods, against loops over single points."""

import math

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch import Tensor

from segcert.errors import InputError
from segcert.models.nets import point_ops
from segcert.models.nets.point_ops import (
    ball_query,
    closest_points,
    farthest_points,
    gather,
    interpolate,
    interpolation_weights,
    places_within,
    squared_distances,
)

Point = list[float]


def clouds(count: int, size: int, seed: int = 0) -> Tensor:
    return torch.randn(count, size, 3, generator=torch.Generator().manual_seed(seed))


def squared(a: Point, b: Point) -> float:
    return sum((x - y) ** 2 for x, y in zip(a, b, strict=True))


def farthest_by_loop(points: list[Point], count: int, start: int) -> list[int]:
    chosen = [start]
    while len(chosen) < count:
        nearest = [min(squared(p, points[c]) for c in chosen) for p in points]
        chosen.append(nearest.index(max(nearest)))
    return chosen


def ball_by_loop(points: list[Point], centre: Point, radius: float, count: int) -> list[int]:
    found = [i for i, p in enumerate(points) if squared(p, centre) <= radius**2][:count]
    found = found or [0]
    return found + [found[0]] * (count - len(found))


@given(
    seed=st.integers(0, 2**31), b=st.integers(1, 3), n=st.integers(1, 30), share=st.floats(0.01, 1)
)
@settings(max_examples=50, deadline=None)
def test_farthest_points_are_those_of_the_loop(seed: int, b: int, n: int, share: float) -> None:
    points, count = clouds(b, n, seed).double(), math.ceil(share * n)
    found = farthest_points(points, count)
    assert found.tolist() == [farthest_by_loop(p.tolist(), count, 0) for p in points]


def test_the_generator_draws_the_start() -> None:
    points = clouds(200, 5)
    starts = farthest_points(points, 5, rng=torch.Generator().manual_seed(1))[:, 0]
    assert torch.bincount(starts, minlength=5).min() >= 20  # P < 1e-4 under uniform starts
    again = farthest_points(points, 5, rng=torch.Generator().manual_seed(1))
    assert torch.equal(again[:, 0], starts)
    for cloud, chosen in zip(points.double(), again, strict=True):
        assert chosen.tolist() == farthest_by_loop(cloud.tolist(), 5, int(chosen[0]))


def test_farthest_points_find_the_corners_of_a_square_before_its_inside() -> None:
    corners = torch.tensor([[0.0, 0, 0], [1, 1, 0], [1, 0, 0], [0, 1, 0]])
    inside = 0.3 + 0.4 * torch.rand(20, 3, generator=torch.Generator().manual_seed(0))
    points = torch.cat([corners[:1], inside * torch.tensor([1.0, 1, 0]), corners[1:]])[None]
    assert set(farthest_points(points, 4)[0].tolist()) == {0, 21, 22, 23}


def test_duplicates_are_chosen_last() -> None:
    points = clouds(1, 8).repeat(1, 3, 1)
    chosen = farthest_points(points, 12)[0]
    assert set((chosen[:8] % 8).tolist()) == set(range(8))
    assert torch.equal(farthest_points(torch.zeros(2, 5, 3), 3), torch.zeros(2, 3).long())


@given(
    seed=st.integers(0, 2**31), b=st.integers(1, 3), n=st.integers(1, 40), m=st.integers(1, 5),
    radius=st.floats(0.01, 3), count=st.integers(1, 12),
)  # fmt: skip
@settings(max_examples=100, deadline=None)
def test_balls_are_those_of_the_loop(
    seed: int, b: int, n: int, m: int, radius: float, count: int
) -> None:
    points, centres = clouds(b, n, seed).double(), clouds(b, m, seed + 1).double()
    found = ball_query(points, centres, radius=radius, count=count)
    assert found.tolist() == [
        [ball_by_loop(p.tolist(), c, radius, count) for c in cs.tolist()]
        for p, cs in zip(points, centres, strict=True)
    ]


def test_a_ball_is_closed_takes_the_first_and_repeats_the_first() -> None:
    points = torch.tensor([[9.0, 0, 0], [2, 0, 0], [0, 0, 0], [1, 0, 0], [0.5, 0, 0]])[None]
    centre = torch.zeros(1, 1, 3)
    found = [ball_query(points, centre, radius=2, count=c)[0, 0].tolist() for c in (2, 4, 6)]
    assert found == [[1, 2], [1, 2, 3, 4], [1, 2, 3, 4, 1, 1]]
    assert ball_query(points, centre + 5, radius=0.1, count=2)[0, 0].tolist() == [0, 0]


def test_both_ways_of_listing_agree() -> None:
    """The one of the CPU and the one of other devices, at a limit that float32 rounds."""
    values = torch.tensor([0.2, 0.0, 0.04, 0.2**2, torch.nan, torch.inf, 0.040000004])
    found = places_within(values, 0.2**2)
    assert found.tolist() == [1, 2, 3]
    assert torch.equal(found, (values <= 0.2**2).nonzero()[:, 0])


def test_close_points_far_from_the_origin_keep_their_distance() -> None:
    """The expansion |a|^2 - 2ab + |b|^2 is off by 0.06 here."""
    points = torch.tensor([[[1000.0, 0, 0], [1000.0, 0, 0.125]]])
    assert squared_distances(points, points)[0].tolist() == [[0, 0.015625], [0.015625, 0]]


@given(seed=st.integers(0, 2**31), n=st.integers(3, 30), m=st.integers(1, 10))
@settings(max_examples=50, deadline=None)
def test_closest_points_are_those_of_sorting(seed: int, n: int, m: int) -> None:
    points, centres = clouds(2, n, seed).double(), clouds(2, m, seed + 1).double()
    indices = closest_points(points, centres, 3)
    for b in range(2):
        for j, centre in enumerate(centres[b].tolist()):
            gaps = [squared(p, centre) for p in points[b].tolist()]
            order = sorted(range(n), key=gaps.__getitem__)[:3]
            assert indices[b, j].tolist() == order


def test_interpolation_is_the_weighted_mean_of_three() -> None:
    points, centres = clouds(2, 9).double(), clouds(2, 4, 1).double()
    features = torch.randn(2, 9, 5, generator=torch.Generator().manual_seed(2)).double()
    found = interpolate(features, points, centres)
    for b in range(2):
        for j, centre in enumerate(centres[b].tolist()):
            gaps = [squared(p, centre) for p in points[b].tolist()]
            order = sorted(range(9), key=gaps.__getitem__)[:3]
            weights = [1 / (gaps[i] + 1e-8) for i in order]
            wanted = sum(w * features[b, i] for w, i in zip(weights, order, strict=True))
            torch.testing.assert_close(found[b, j], torch.as_tensor(wanted) / sum(weights))


def test_a_known_point_keeps_its_feature_and_one_point_gives_all_its_own() -> None:
    points, features = clouds(1, 20), torch.arange(20.0).view(1, 20, 1)
    torch.testing.assert_close(interpolate(features, points, points), features, rtol=0, atol=1e-3)
    alone = interpolate(features[:, 7:8], points[:, 7:8], points)
    assert alone.flatten().tolist() == [7] * 20
    weights = interpolation_weights(torch.tensor([[[0.0, 0, 0], [1, 1, 2]]]))
    torch.testing.assert_close(weights, torch.tensor([[[1 / 3] * 3, [0.4, 0.4, 0.2]]]))


def test_gather_takes_rows_of_each_cloud() -> None:
    features = torch.arange(24.0).view(2, 4, 3)
    indices = torch.tensor([[[0, 3], [1, 1]], [[2, 0], [3, 3]]])
    wanted = torch.stack([features[b][indices[b]] for b in range(2)])
    assert torch.equal(gather(features, indices), wanted)


def test_clouds_do_not_see_each_other() -> None:
    points = clouds(5, 40)
    centres = gather(points, farthest_points(points, 8))
    balls = ball_query(points, centres, radius=0.8, count=6)
    near = closest_points(points, centres, 3)
    for b in range(5):
        one, its = points[b : b + 1], centres[b : b + 1]
        assert torch.equal(gather(one, farthest_points(one, 8)), its)
        assert torch.equal(ball_query(one, its, radius=0.8, count=6)[0], balls[b])
        assert torch.equal(closest_points(one, its, 3)[0], near[b])


@pytest.mark.parametrize("pairs", [1, 40, 100, 200, 320, 700])
def test_blocks_make_the_whole(pairs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One row, several rows, all rows of one cloud, several clouds at once."""
    points, centres = clouds(5, 40), clouds(5, 4, 1)
    ball, near = ball_query(points, centres, radius=1, count=6), closest_points(points, centres, 3)
    monkeypatch.setattr(point_ops, "FAST_PAIRS", pairs)
    assert torch.equal(ball_query(points, centres, radius=1, count=6), ball)
    assert torch.equal(closest_points(points, centres, 3), near)
    sizes = [block.numel() for block in point_ops.in_blocks(points, centres)]
    assert sum(sizes) == 5 * 40 * 4
    assert max(sizes) <= max(pairs, 40)


def test_too_few_points_are_refused() -> None:
    with pytest.raises(InputError, match="clouds of at least 9 points, got 8"):
        farthest_points(clouds(1, 8), 9)
    with pytest.raises(InputError, match="at least 3 points, got 2"):
        closest_points(clouds(1, 2), clouds(1, 2), 3)


def test_points_that_are_not_numbers_do_not_crash() -> None:
    points = clouds(2, 10)
    points[0, 3] = torch.nan
    chosen = farthest_points(points, 5)
    assert int(chosen.min()) >= 0
    assert int(chosen.max()) < 10
    assert torch.equal(chosen[1], farthest_points(points[1:], 5)[0])
    found = ball_query(points, gather(points, chosen), radius=1.0, count=4)
    assert int(found.max()) < 10
