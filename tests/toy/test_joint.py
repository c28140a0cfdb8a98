"""What the pilot of JointClass chooses, against the enumeration of all pilots and plain draws."""

from collections import Counter
from itertools import product
from math import prod

import numpy as np
import pytest
from scipy.stats import binom

from segcert.toy.draws import Draws
from segcert.toy.joint import NEGLIGIBLE, chance_of_certificate, chosen_segmentations
from segcert.toy.model import Toy

pytestmark = pytest.mark.repeats

FALSE_ALARM = 1e-6
LOOSE = 0.6  # an error rate at which every segmentation may be certified


def rights(toy: Toy) -> list[float]:
    """Probability of the right class, for each component."""
    return [group.right for group in toy.groups for _ in range(group.size)]


def probability(pattern: tuple[int, ...], right: list[float]) -> float:
    """Probability of a segmentation (1 = right)."""
    return prod(p if one else 1 - p for one, p in zip(pattern, right, strict=True))


def mean_of_chosen(toy: Toy) -> float:
    """Mean probability of the chosen segmentation, through all pilots of few draws."""
    right = rights(toy)
    patterns = list(product((1, 0), repeat=toy.components))
    chances = {pattern: probability(pattern, right) for pattern in patterns}

    def rank(pattern: tuple[int, ...]) -> tuple[int, int]:
        """Deviations from the most probable class: of ordinary components, of bad ones."""
        off = [one != (p >= 0.5) for one, p in zip(pattern, right, strict=True)]
        ordinary = toy.components - toy.bad
        return sum(off[:ordinary]), sum(off[ordinary:])

    total = 0.0
    for pilot in product(patterns, repeat=toy.n0):
        times = Counter(pilot)
        best = min(times, key=lambda pattern: (-times[pattern], rank(pattern)))
        total += prod(chances[pattern] for pattern in pilot) * chances[best]
    return total


@pytest.mark.parametrize(
    ("gamma", "components", "bad", "n0"),
    [(0.05, 2, 1, 3), (0.15, 3, 2, 2), (0.1, 3, 1, 3), (0.2, 3, 0, 3), (0.08, 3, 3, 3)],
)
@pytest.mark.sampled
def test_probability_of_what_the_pilot_chooses(
    gamma: float, components: int, bad: int, n0: int
) -> None:
    toy = Toy(
        gamma=gamma, components=components, bad=bad, n0=n0, n=5, alpha=LOOSE, repetitions=5000
    )
    found = chosen_segmentations(toy, np.random.default_rng(0))
    error = np.sqrt(np.log(2 / FALSE_ALARM) / (2 * toy.repetitions))  # Hoeffding
    best = max(probability(p, rights(toy)) for p in product((0, 1), repeat=components))
    assert found.max() == pytest.approx(best)
    expected = mean_of_chosen(toy)
    assert abs(found.mean() - expected) <= error
    assert len(set(found.tolist())) > 1


def test_a_pilot_that_is_always_right_would_be_seen() -> None:
    """Power of the test above: the most probable segmentation is not what is chosen on average."""
    toy = Toy(gamma=0.15, components=3, bad=2, n0=2)
    error = np.sqrt(np.log(2 / FALSE_ALARM) / (2 * 5000))
    assert 0.85 * 0.75**2 - mean_of_chosen(toy) > 2 * error


@pytest.mark.repeats
def test_plain_draws_give_the_same_joint_hits() -> None:
    """Patterns of 30 components, drawn one by one, counted as they are."""
    toy = Toy(gamma=0.01, components=30, bad=2, n0=5, n=10, alpha=0.1, repetitions=4000)
    rng = np.random.default_rng(1)
    right = rng.random((toy.repetitions, 15, 30)) >= np.repeat([0.01, 0.05], [28, 2])
    hits = np.empty(toy.repetitions)
    for row, draws in enumerate(right):
        patterns, times = np.unique(~draws[:5], axis=0, return_counts=True)
        by_size = np.argsort(patterns[:, :28].sum(1) * 3 + patterns[:, 28:].sum(1), kind="stable")
        chosen = patterns[by_size[np.argmax(times[by_size])]]
        hits[row] = (~draws[5:] == chosen).all(1).sum()
    found = Draws(toy).joint_hits
    error = 2 * 10 * np.sqrt(np.log(4 / FALSE_ALARM) / (2 * toy.repetitions))
    assert abs(hits.mean() - found.mean()) <= error
    always_right = 10 * 0.99**28 * 0.95**2
    assert found.mean() < always_right


def test_hits_on_the_best_segmentation_are_binomial() -> None:
    """With a long pilot, N = 100; a bad component that is as good as the others would show."""
    toy = Toy(gamma=0.003, n0=100, n=100, repetitions=5000)
    p = 0.997**99 * 0.985
    low, high = binom.interval(1 - FALSE_ALARM, 500_000, p)
    defect = 0.997**100
    assert binom.cdf(high, 500_000, defect) <= FALSE_ALARM  # power
    assert low <= Draws(toy).joint_hits.sum() <= high


def test_no_pilot_is_drawn_where_no_segmentation_can_be_certified() -> None:
    """Then nothing is missed: even the most probable one has a chance below 1e-12."""
    toy = Toy(gamma=0.05)
    best = 0.95**99 * 0.75
    assert chance_of_certificate(toy, best) < NEGLIGIBLE
    rng = np.random.default_rng(0)
    assert chosen_segmentations(toy, rng) == pytest.approx(best)
    assert rng.random() == np.random.default_rng(0).random()


def test_chance_of_a_certificate_is_a_binomial_tail() -> None:
    """100 draws at alpha = 0.001: 66 hits prove a probability above 1/2, 65 do not."""
    assert binom.sf(65, 100, 0.5) <= 0.001 < binom.sf(64, 100, 0.5)
    assert chance_of_certificate(Toy(), 0.6) == pytest.approx(binom.sf(65, 100, 0.6))
    assert chance_of_certificate(Toy(), 1.0) == 1
    assert chance_of_certificate(Toy(), 0.0) == 0
    assert chance_of_certificate(Toy(n=9), 1.0) == 0  # 2^-9 > 0.001: nothing proves it
