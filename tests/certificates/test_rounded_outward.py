"""Nothing that bounds is rounded the wrong way: every outward rounding is seen if it is dropped.

Each bound is compared with 50 digits at many arguments. The second test of each pair takes the
outward rounding away and sees the bound broken, so the first one would have seen it missing.
"""

import math
from collections.abc import Callable, Iterator
from types import ModuleType

import mpmath
import numpy as np
import pytest

import segcert as sc
from segcert.attacks import check
from segcert.certificates import claim, words
from segcert.certificates.words import share_of_diameter
from segcert.noise import gaussian, laplace, rotation, uniform
from segcert.report import cloud_radius

PS = [0.5 + 2**-k for k in range(2, 40)] + [1 - 2**-k for k in range(2, 40)]
PS += [0.51 + 0.007 * k for k in range(69)]
SCALES = (0.12, 0.25, 0.5, 1.0, 1.7, 3.3)


def quantile(p: float) -> mpmath.mpf:
    """Phi^-1 with the digits that mpmath works with."""
    return mpmath.sqrt(2) * mpmath.erfinv(2 * mpmath.mpf(p) - 1)


def half_angle(sigma: float) -> mpmath.mpf:
    """sqrt(2 (exp(sigma^2 / 2) - 1))."""
    return mpmath.sqrt(2 * mpmath.expm1(mpmath.mpf(sigma) ** 2 / 2))


RADII: dict[str, tuple[ModuleType, type, Callable[[float, float], mpmath.mpf]]] = {
    "gaussian": (gaussian, sc.GaussianNoise, lambda s, p: s * quantile(p)),
    "uniform": (uniform, sc.UniformNoise, lambda s, p: 2 * mpmath.mpf(s) * (mpmath.mpf(p) - 0.5)),
    "laplace": (
        laplace,
        sc.LaplaceNoise,
        lambda s, p: -mpmath.mpf(s) * mpmath.log(2 * (1 - mpmath.mpf(p))),
    ),
    "rotation": (rotation, sc.RotationNoise, lambda s, p: half_angle(s) * quantile(p)),
}


def too_large(name: str) -> Iterator[float]:
    """Arguments at which a radius is larger than the exact one."""
    _, family, exact = RADII[name]
    with mpmath.workdps(50):
        for scale in SCALES:
            if name == "rotation" and scale > 2:
                continue
            for p in PS:
                if mpmath.mpf(family(scale).radius(p)) > exact(scale, p):
                    yield p


@pytest.mark.parametrize("name", RADII)
@pytest.mark.repeats
@pytest.mark.sampled
def test_no_radius_is_rounded_up(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not list(too_large(name))
    monkeypatch.setattr(RADII[name][0], "DOWN", 1.0)
    assert list(too_large(name))


def certificate(tau: float) -> sc.Certificate:
    """A certificate at a threshold."""
    counts = sc.sample(
        sc.as_segmenter(lambda x: (x[:, 0] > 0.1).long(), classes=2),
        np.full((1, 2, 2), 200, dtype=np.uint8),
        noise=sc.GaussianNoise(0.25), n0=2, n=400, seed=1, device="cpu",
    )  # fmt: skip
    return sc.certify(counts, tau=tau, alpha=0.1)


def overstated(found: sc.Certificate) -> int:
    """How many radii without abstention are larger than the exact difference."""
    number, sigma = 0, mpmath.mpf(0.25)
    with mpmath.workdps(50):
        for power in range(3, 45):
            deployed = found.tau * (1 - 2.0**-power)
            exact = sigma * (quantile(found.tau) - quantile(deployed))
            number += mpmath.mpf(found.radius_no_abstain(deployed)) > exact
    return number


@pytest.mark.repeats
def test_no_radius_without_abstention_is_rounded_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thresholds close to each other: the difference is then of the size of the rounding."""
    certificates = [certificate(tau) for tau in (0.6, 0.75, 0.9)]
    assert not any(overstated(found) for found in certificates)
    assert all(found.radius_no_abstain(found.tau) == 0 for found in certificates)
    monkeypatch.setattr(claim, "UP", 1.0)
    assert any(overstated(found) for found in certificates)


def test_no_share_of_a_diameter_is_rounded_up(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = np.random.default_rng(0).uniform(0.01, 9, (200, 2)).tolist()

    def wrong() -> int:
        with mpmath.workdps(50):
            return sum(
                mpmath.mpf(share_of_diameter(radius, size)) > mpmath.mpf(radius) / size
                for radius, size in pairs
            )

    assert wrong() == 0
    monkeypatch.setattr(words, "DOWN", 1.0)
    assert wrong() > 0


def test_the_margins_are_larger_than_what_they_are_for() -> None:
    """Of one-sided factors that no float can be caught at: larger than a few roundings."""
    few = 8 * 2.0**-53
    assert few < 1 - cloud_radius.DOWN
    assert few < check.UP - 1
    assert math.nextafter(check.UP, 0) > 1
