"""Recommendations: the first number of draws that reaches a share, the threshold of a radius."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segcert.errors import InputError
from segcert.noise.base import AbstractNoise
from segcert.noise.registry import IMAGE, named_noise, names
from segcert.planning.forecast import PROCEDURES, Forecast
from segcert.planning.population import Population
from segcert.planning.recommend import (
    TAU_STEPS,
    largest_tau,
    reaches,
    recommend,
    tau_of_radius,
    worthwhile,
)

ORDERED, HOLM, BONFERRONI, NO_PILOT = range(4)
CURVES = np.array(
    [
        [[0.5, 0.80, 0.90, 0.930, 0.935], [0.0, 0.80, 0.90, 0.931, 0.934],
         [0.0, 0.70, 0.80, 0.900, 0.920], [0.0, 0.00, 0.91, 0.920, 0.940]],
        np.zeros((4, 5)),
    ]
)  # fmt: skip
PREDICTED = Forecast(4, (0.75, 0.9), (50, 80, 100, 200, 400), CURVES, np.array([0.95, 0.02]))


@pytest.mark.parametrize(
    ("share", "which", "total", "n", "predicted"),
    [
        (0.1, ORDERED, 50, 46, 0.5),
        (0.8, ORDERED, 80, 76, 0.80),  # the first of equally good ones
        (0.9, NO_PILOT, 100, 100, 0.91),  # the best of those that suffice
        (0.931, HOLM, 200, 196, 0.931),  # not a hair below
        (0.94, NO_PILOT, 400, 400, 0.94),
        (None, HOLM, 200, 196, 0.931),  # 400 draws add 0.9 points, 100 before 200 added 2.1
    ],
)
def test_the_first_number_of_draws_that_suffices(
    share: float | None, which: int, total: int, n: int, predicted: float
) -> None:
    best = recommend(PREDICTED, share=share)
    assert best.reached
    assert (best.procedure, best.total, best.n) == (PROCEDURES[which], total, n)
    assert best.share == predicted
    assert best.goal == pytest.approx(0.931 if share is None else share)


def test_out_of_reach_the_largest_share_is_told() -> None:
    best = recommend(PREDICTED, share=0.9401)
    assert not best.reached
    assert (best.procedure, best.total, best.share) == (PROCEDURES[NO_PILOT], 400, 0.94)
    nothing = recommend(PREDICTED, 1)
    assert (nothing.reached, nothing.share) == (False, 0)


@pytest.mark.parametrize("share", [0.0, -0.1, 1.0001, math.nan])
def test_shares_out_of_range_are_refused(share: float) -> None:
    with pytest.raises(InputError, match=r"share must be in \(0, 1\], got"):
        recommend(PREDICTED, share=share)
    recommend(PREDICTED, share=1.0)


families = [type(named_noise(name, 1.0)) for name in names(IMAGE)]
noises = st.builds(
    lambda family, scale: family(scale),
    st.sampled_from(families),
    st.floats(0.05, 2),
)


@settings(deadline=None)
@given(noises, st.floats(0.5005, 1 - 1e-5))
def test_the_threshold_is_the_smallest_of_the_radius(noise: AbstractNoise, tau: float) -> None:
    """It gives the radius, and less two millionths would not."""
    radius = noise.radius(tau)
    found = tau_of_radius(noise, radius)
    assert noise.radius(found) >= radius
    assert noise.radius(found - 2e-6) < radius
    assert found == round(found, 6)


@pytest.mark.parametrize("tau", [0.6, 0.75, 0.95, 0.999])
def test_a_round_threshold_comes_back(tau: float) -> None:
    noise = named_noise("gaussian", 0.25)
    assert tau_of_radius(noise, noise.radius(tau)) == tau


def test_near_the_largest_radius_nothing_is_rounded() -> None:
    noise = named_noise("gaussian", 0.25)
    for radius in (1.9, noise.radius(math.nextafter(1, 0))):
        found = tau_of_radius(noise, radius)
        assert found < 1
        assert noise.radius(found) >= radius


def test_radii_that_no_threshold_gives_are_refused() -> None:
    with pytest.raises(InputError, match=r"radius 2.1 is beyond .* at most 2.05"):
        tau_of_radius(named_noise("gaussian", 0.25), 2.1)
    with pytest.raises(InputError, match=r"radius 0.25 is beyond .* at most 0.24"):
        tau_of_radius(named_noise("uniform", 0.25), 0.25)
    for radius in (0.0, -1.0, math.nan):
        with pytest.raises(InputError, match="radius must be positive"):
            tau_of_radius(named_noise("gaussian", 0.25), radius)


def test_the_largest_threshold_in_reach() -> None:
    """Of components of 0.7 and 0.9 in equal parts: half of them up to just below 0.9."""
    p = np.repeat([[0.7, 0.9]], 500, axis=1)
    some = [Population(4, 1000, p, p, np.zeros(p.shape, np.uint16))]
    for share, below in ((0.4, 0.9), (0.9, 0.7)):
        found = largest_tau(some, share=share, alpha=1e-3)
        assert found is not None
        assert below - 0.03 < found < below
        assert reaches(some, tau=found, share=share, alpha=1e-3)
        assert not reaches(some, tau=found + 1 / TAU_STEPS, share=share, alpha=1e-3)
    hopeless = [Population(4, 1000, 0 * p, 0 * p + 0.3, np.zeros(p.shape, np.uint16))]
    assert largest_tau(hopeless, share=0.1, alpha=1e-3) is None


def test_twice_the_draws_have_to_be_worth_it() -> None:
    """The first total that is not worth doubling, between the totals by interpolation."""
    totals = (50, 100, 200, 400)
    assert worthwhile(totals, np.array([0.0, 0.8, 0.9, 0.905])) == 0.9
    assert worthwhile(totals, np.array([0.0, 0.8, 0.809, 0.9])) == 0.8
    assert worthwhile(totals, np.array([0.0, 0.0, 0.0, 0.0])) == 0.0  # nothing is certified
    assert worthwhile((50, 150, 450), np.array([0.5, 0.6, 0.6])) == 0.6
