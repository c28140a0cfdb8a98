"""The guarantee by Monte Carlo: a worst model, attacked through the sampler, at the radius.

The model compares one value with a cut. Its probability at the centre is chosen as ``p``; on the
image attacked by the whole radius it must be 1/2, and not before.
"""

import math

import pytest
import torch
from scipy.stats import binom, laplace, norm, uniform

from segcert.noise.base import AbstractNoise
from segcert.noise.gaussian import GaussianNoise
from segcert.noise.laplace import LaplaceNoise
from segcert.noise.uniform import UniformNoise
from segcert.sampling.streams import PhiloxStream

CPU = torch.device("cpu")
N, SCALE, FALSE_ALARM = 60_000, 0.25, 1e-6
LAWS = {
    "gaussian": (GaussianNoise, norm),
    "uniform": (UniformNoise, uniform(-1, 2)),
    "laplace": (LaplaceNoise, laplace),
}
CASES = [(name, p) for name in LAWS for p in (0.8, 0.95)]


def hits(noise: AbstractNoise, value: torch.Tensor, cut: float, *, seed: int) -> int:
    """How many of N noisy copies of one value exceed a cut; an image of N equal values."""
    (drawn,) = noise.sample(value.expand(N), 1, rng=PhiloxStream(seed, CPU))
    return int((drawn.double() > cut).sum())


@pytest.mark.parametrize(("name", "p"), CASES)
def test_worst_model_is_lost_at_the_radius_and_not_before(name: str, p: float) -> None:
    """Floats. False alarm 1e-6 each. Power at least 1 - 1e-6 against each of these defects:

    noise 10% larger than claimed (seen at the centre), and a radius of 1.1 times the right one
    (the share at the edge is then below 1/2).
    """
    family, law = LAWS[name]
    noise, x = family(SCALE), 0.4
    cut = x + SCALE * float(law.isf(p))
    low, high = binom.interval(1 - FALSE_ALARM, N, p)
    assert binom.sf(low - 1, N, law.sf(law.isf(p) / 1.1)) <= FALSE_ALARM  # power
    assert low <= hits(noise, torch.tensor([x]), cut, seed=1) <= high

    radius = noise.radius(p)
    low, high = binom.interval(1 - FALSE_ALARM, N, 0.5)
    assert low <= hits(noise, torch.tensor([x - radius]), cut, seed=2) <= high
    beyond = law.sf(law.isf(p) + 1.1 * radius / SCALE)
    assert binom.sf(low - 1, N, beyond) <= FALSE_ALARM  # power
    assert hits(noise, torch.tensor([x - 1.1 * radius]), cut, seed=3) < low
    inside = law.sf(law.isf(p) + 0.9 * radius / SCALE)
    assert binom.cdf(high, N, inside) <= FALSE_ALARM
    assert hits(noise, torch.tensor([x - 0.9 * radius]), cut, seed=4) > high


@pytest.mark.parametrize(("name", "p"), CASES)
def test_worst_model_on_the_grid(name: str, p: float) -> None:
    """uint8, whole steps: probabilities of ``P(255 Z > k + 1/2)`` before and after an attack.

    False alarm 1e-6 each; noise 10% larger than claimed is missed with at most 1e-6. The largest
    attack of whole steps within the radius leaves the class above the lower limit of 1/2.
    """
    family, law = LAWS[name]
    noise, x = family(SCALE).on_grid(), 250
    step = math.floor(255 * SCALE * float(law.isf(p)) - 0.5)  # K > step has p or a little more

    def share(shift: int, scale: float = SCALE) -> float:
        return float(law.sf((step + shift + 0.5) / (255 * scale)))

    assert p <= share(0) < p + 0.02
    attack = math.floor(255 * noise.radius(share(0)))
    assert share(attack) >= 0.5
    for shift, seed in ((0, 5), (attack, 6)):
        low, high = binom.interval(1 - FALSE_ALARM, N, share(shift))
        image = torch.tensor([x - shift], dtype=torch.uint8)
        assert low <= hits(noise, image, (x + step + 0.5) / 255, seed=seed) <= high
    low, _ = binom.interval(1 - FALSE_ALARM, N, share(0))
    assert binom.sf(low - 1, N, share(0, 1.1 * SCALE)) <= FALSE_ALARM  # power
