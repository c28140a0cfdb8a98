"""The projection onto ball and box: against an optimiser, its conditions, and exact fractions."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from segcert.attacks.projection import Neighbourhood, distance, exact_values
from segcert.errors import InputError

values = st.lists(st.integers(0, 255), min_size=1, max_size=6)


def drawn(centre: list[int], seed: int, size: float) -> tuple[torch.Tensor, torch.Tensor]:
    """A centre on the grid, and a point somewhere."""
    rng = torch.Generator().manual_seed(seed)
    x = exact_values(torch.tensor(centre, dtype=torch.uint8))
    return x, x + size * torch.randn(len(centre), generator=rng, dtype=torch.float64)


def exact_square(point: torch.Tensor, centre: list[int]) -> Fraction:
    """Squared distance of a float32 point from a grid image, without any rounding."""
    return sum(
        (Fraction(value) - Fraction(level, 255)) ** 2
        for value, level in zip(point.tolist(), centre, strict=True)
    )


@settings(max_examples=300, deadline=None)
@given(values, st.integers(0, 10**6), st.floats(1e-5, 3), st.floats(0, 5), st.booleans())
def test_a_projected_point_is_inside_exactly(
    centre: list[int], seed: int, radius: float, size: float, box: bool
) -> None:
    """In rational arithmetic: the float32 image is in the ball of the real image k / 255."""
    x, point = drawn(centre, seed, size)
    found = Neighbourhood(x, radius, box).project(point)
    assert found.dtype == torch.float32
    assert exact_square(found, centre) <= Fraction(radius) ** 2
    assert not box or (found.min() >= 0 and found.max() <= 1)


@settings(max_examples=60, deadline=None)
@given(values, st.integers(0, 10**6), st.floats(0.05, 1), st.floats(0.1, 3))
def test_nearest_point_of_ball_and_box_by_an_optimiser(
    centre: list[int], seed: int, radius: float, size: float
) -> None:
    x, point = drawn(centre, seed, size)
    found = Neighbourhood(x, radius).project(point)
    a, p = x.numpy(), point.numpy()
    best = minimize(
        lambda y: ((y - p) ** 2).sum(), a, jac=lambda y: 2 * (y - p), bounds=[(0, 1)] * len(a),
        constraints={
            "type": "ineq", "fun": lambda y: radius**2 - ((y - a) ** 2).sum(),
            "jac": lambda y: -2 * (y - a),
        },
        method="SLSQP", options={"ftol": 1e-14, "maxiter": 500},
    )  # fmt: skip
    assert distance(found, point) <= float(np.sqrt(best.fun)) + 1e-6


@settings(max_examples=40, deadline=None)
@given(values, st.integers(0, 10**6), st.floats(0.01, 2), st.floats(0.1, 3))
@pytest.mark.repeats
def test_no_point_of_the_set_is_on_the_far_side(
    centre: list[int], seed: int, radius: float, size: float
) -> None:
    """The variational inequality of a projection y of p: <p - y, q - y> <= 0 for all q inside."""
    x, point = drawn(centre, seed, size)
    ball = Neighbourhood(x, radius)
    found = ball.project(point).double()
    others = x + 3 * radius * torch.randn(
        50, len(centre), generator=torch.Generator().manual_seed(seed + 1), dtype=torch.float64
    )
    inside = torch.stack([ball.project(other) for other in others]).double()
    assert float(((inside - found) @ (point - found)).max()) <= 1e-5 * (1 + size)


def test_an_image_of_real_size_lands_just_inside_and_at_the_edge() -> None:
    """3 x 100 x 120 values, many of them saturated: the edge is reached to a millionth."""
    rng = torch.Generator().manual_seed(0)
    image = torch.randint(0, 256, (3, 100, 120), generator=rng, dtype=torch.uint8)
    image[:, :50] = 255
    x = exact_values(image)
    for radius in (0.17, 3.0, 40.0):
        found = Neighbourhood(x, radius).project(x + torch.randn(x.shape, generator=rng))
        square = exact_square(found.flatten(), image.flatten().tolist())
        assert Fraction(radius) ** 2 * (1 - Fraction(1, 10**5)) < square <= Fraction(radius) ** 2
    assert bool((found == 1).any())  # the box was at work


def test_points_inside_stay() -> None:
    x = torch.tensor([0.25, 0.5], dtype=torch.float64)
    point = torch.tensor([0.25, 0.75])
    assert torch.equal(Neighbourhood(x, 0.5).project(point), point)
    assert torch.equal(Neighbourhood(x, 0.25 + 1e-6).project(point), point)


def test_clipping_after_scaling_would_not_be_nearest() -> None:
    """Ball first, box second loses length that the free value could use."""
    x = torch.tensor([0.9, 0.5], dtype=torch.float64)
    found = Neighbourhood(x, 0.3).project(torch.tensor([2.0, 1.0]))
    assert found[0] == 1
    assert float(found[1]) == pytest.approx(0.5 + (0.3**2 - 0.1**2) ** 0.5, abs=1e-6)


@pytest.mark.repeats
def test_random_points_fill_the_ball() -> None:
    """In 2 dimensions half of them are within radius / sqrt 2: 5000 draws, false alarm < 1e-6."""
    ball = Neighbourhood(torch.full((2,), 0.5, dtype=torch.float64), 0.3)
    rng = torch.Generator().manual_seed(1)
    far = [distance(ball.random_point(rng), ball.centre) for _ in range(5000)]
    assert max(far) <= 0.3
    near = sum(one <= 0.3 / 2**0.5 for one in far)
    assert 2300 < near < 2700


@pytest.mark.parametrize("radius", [0, -1, float("nan"), float("inf")])
def test_impossible_radii_are_refused(radius: float) -> None:
    with pytest.raises(InputError, match="positive number"):
        Neighbourhood(torch.zeros(2, dtype=torch.float64), radius)


def test_what_cannot_be_projected_is_refused() -> None:
    with pytest.raises(InputError, match="below the rounding"):
        Neighbourhood(torch.full((4,), 1 / 255, dtype=torch.float64), 1e-11)
    with pytest.raises(InputError, match=r"values in \[0, 1\]"):
        Neighbourhood(torch.full((4,), 1.5, dtype=torch.float64), 1.0)
    ball = Neighbourhood(torch.zeros(2, dtype=torch.float64), 1.0)
    with pytest.raises(InputError, match="finite"):
        ball.project(torch.tensor([0.0, float("nan")]))
