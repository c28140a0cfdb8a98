"""Every radius a second time: against the worst set of labels, by Neyman-Pearson, numerically.

The worst model for a shift gives the class where the shifted noise is least likely relative to
the noise. On cells this is a fractional knapsack: sort by the ratio of the probabilities and
take cells until they hold ``p``. The closed forms of the library are not used to find it.
"""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import laplace, norm, uniform

from segcert.certificates.claim import UP
from segcert.noise.base import AbstractNoise
from segcert.noise.brightness import BrightnessNoise
from segcert.noise.contrast import ContrastNoise
from segcert.noise.gaussian import GaussianNoise, gaussian_table
from segcert.noise.grid import InverseTable
from segcert.noise.laplace import LaplaceNoise, laplace_table
from segcert.noise.uniform import UniformNoise, uniform_table

SCALE = 0.3
LAWS = {
    "uniform": (UniformNoise(SCALE), uniform(-SCALE, 2 * SCALE)),
    "laplace": (LaplaceNoise(SCALE), laplace(scale=SCALE)),
    "gaussian": (GaussianNoise(SCALE), norm(scale=SCALE)),
    "brightness": (BrightnessNoise(SCALE), norm(scale=SCALE)),
    "contrast": (ContrastNoise(SCALE), norm(scale=SCALE)),
}
PS = [0.5 + 1e-9, 0.51, 0.6, 0.75, 0.9, 0.99]


def smallest_probability(before: np.ndarray, after: np.ndarray, p: float) -> float:
    """Least probability after the shift of a class that had ``p`` before; cells may be shared."""
    order = np.argsort(after / np.maximum(before, 1e-300), axis=None)
    before, after = before.ravel()[order], after.ravel()[order]
    taken = np.clip((p - (np.cumsum(before) - before)) / np.maximum(before, 1e-300), 0, 1)
    return float((taken * after).sum())


def cells(law: object, shift: float, *, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Edges of cells with all kinks among them, and their probabilities before and after."""
    kinks = [0.0, -SCALE, SCALE]
    fine = np.linspace(-40 * SCALE, 40 * SCALE, count)
    near = np.linspace(-SCALE, SCALE + shift, count)
    edges = np.unique([*fine, *near, *kinks, *(shift + k for k in kinks)])
    edges = np.array([-np.inf, *edges, np.inf])
    return edges, mass(law, edges), mass(law, edges - shift)


def mass(law: object, edges: np.ndarray) -> np.ndarray:
    """Probability of each cell, from the tail that is nearer, so that none loses its digits."""
    below, above = np.diff(law.cdf(edges)), -np.diff(law.sf(edges))
    return np.maximum(np.where(edges[1:] <= 0, below, above), 0)


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("p", PS)
def test_no_model_loses_the_class_within_the_radius_and_one_does_beyond(
    name: str, p: float
) -> None:
    """In one dimension: 1/2 at the radius and never less, and less at 1.01 times the radius."""
    noise, law = LAWS[name]

    def worst(shift: float) -> float:
        _, before, after = cells(law, shift, count=4001)
        assert before.sum() == pytest.approx(1, abs=1e-12)
        return smallest_probability(before, after, p)

    radius = noise.radius(p)
    assert worst(radius) == pytest.approx(0.5, abs=2e-4)
    assert worst(radius) >= 0.5 - 1e-12
    if p > 0.51:
        assert worst(1.01 * radius) < 0.5 - 1e-3 * (p - 0.5)


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("p", PS)
def test_half_line_attains_the_radius(name: str, p: float) -> None:
    """The class where the noise exceeds a quantile has ``p``, and 1/2 after a shift by -R."""
    noise, law = LAWS[name]
    start = law.isf(p)
    assert law.sf(start) == pytest.approx(p, abs=1e-12)
    assert law.sf(start + noise.radius(p)) == pytest.approx(0.5, abs=1e-10)
    assert law.sf(start + noise.radius(p)) >= 0.5 - 1e-15
    assert law.sf(start + 1.01 * noise.radius(p)) < 0.5 - 1e-12


@pytest.mark.parametrize("name", ["uniform", "laplace"])
@pytest.mark.parametrize("share", [0.0, 0.05, 0.3, 0.5])
@pytest.mark.parametrize("p", [0.6, 0.75, 0.95])
def test_l1_shifts_of_two_values_are_no_worse_than_of_one(
    name: str, share: float, p: float
) -> None:
    """In two dimensions, all ways to split the shift: a rigorous lower bound on the worst model.

    Uniform densities are constant on the cells, so the enumeration is exact. For Laplace noise
    the least ratio of the densities in each cell takes the place of the ratio, so that no set,
    of cells or not, has a smaller probability after the shift. Splitting makes it larger.
    """
    noise, law = LAWS[name]
    parts = ((1 - share) * noise.radius(p), share * noise.radius(p))
    pairs = [cells(law, part, count=161) for part in parts]
    before = np.outer(pairs[0][1], pairs[1][1])
    if name == "uniform":
        after = np.outer(pairs[0][2], pairs[1][2])
        overlap = math.prod(1 - part / (2 * SCALE) for part in parts)
        assert smallest_probability(before, after, p) == pytest.approx(p - 1 + overlap, abs=1e-9)
        assert p - 1 + overlap >= 0.5
        return
    ratios = [least_laplace_ratio(pair[0], part) for pair, part in zip(pairs, parts, strict=True)]
    worst = smallest_probability(before, before * np.outer(*ratios), p)
    assert worst >= 0.5 - 0.02  # what the least ratios of cells of finite size cost
    if share >= 0.3:
        assert worst > 0.5 + 0.01


def least_laplace_ratio(edges: np.ndarray, shift: float) -> np.ndarray:
    """Least ratio of the densities, after to before, in each cell: at its lower edge."""
    lower = np.maximum(edges[:-1], -1e3)
    return np.exp((np.abs(lower) - np.abs(lower - shift)) / SCALE)


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize(("high", "low"), [(0.99, 0.75), (0.75, 0.6), (0.6, 0.5), (0.9, 0.9)])
def test_difference_of_radii_keeps_the_lower_probability(
    name: str, high: float, low: float
) -> None:
    """Within radius(tau) - radius(tau') the class keeps tau', and beyond it may lose it."""
    noise, law = LAWS[name]
    shift = max(0.0, noise.radius(high) - noise.radius(low) * UP)

    def worst(shift: float) -> float:
        _, before, after = cells(law, shift, count=4001)
        return smallest_probability(before, after, high)

    assert worst(shift) >= low - 1e-12
    assert worst(shift) == pytest.approx(low, abs=2e-4)
    if high > low:
        assert worst(1.01 * shift) < low - 1e-4


def lattice_law(table: InverseTable) -> np.ndarray:
    """Probabilities of the steps lowest, ..., -lowest, from the integer thresholds."""
    borders = [0, *(int(word) + 2**63 for word in table.thresholds), 2**64]
    return np.array([(b - a) / 2**64 for a, b in pairwise(borders)])


@pytest.mark.parametrize(
    ("noise", "table"),
    [
        (UniformNoise(SCALE), uniform_table(SCALE)),
        (LaplaceNoise(SCALE), laplace_table(SCALE)),
        (GaussianNoise(SCALE), gaussian_table(SCALE)),
    ],
)  # fmt: skip
def test_drawn_laws_on_the_grid_keep_the_radius(noise: AbstractNoise, table: InverseTable) -> None:
    """Exact enumeration for images of the grid: shifts by whole steps, from the thresholds drawn.

    The largest shift within the radius keeps 1/2; three steps beyond it, a model is lost.
    """
    law = lattice_law(table)
    for p in (0.6, 0.75, 0.95):
        steps = math.floor(255 * noise.radius(p))

        def worst(shift: int, p: float = p) -> float:
            before, after = np.append(law, np.zeros(shift)), np.append(np.zeros(shift), law)
            return smallest_probability(before, after, p)

        assert worst(steps) >= 0.5 - 1e-12
        assert worst(steps + 3) < 0.5


def test_knapsack_is_right_on_a_small_example() -> None:
    """By hand: p = 0.6 takes the cell of ratio 0, then the cell of ratio 1/2, then a third."""
    before, after = np.array([0.2, 0.5, 0.3]), np.array([0.0, 0.25, 0.75])
    assert smallest_probability(before, after, 0.6) == pytest.approx(0.2)
    assert smallest_probability(before, after, 0.8) == pytest.approx(0.25 + 0.25)
