"""The radius of a cloud in words: never more than is true, for every noise."""

import math
import re

import numpy as np
import pytest
from point_models import ByHeight

from segcert.certificates.segcertify import certify
from segcert.noise.base import AbstractNoise
from segcert.noise.points import PointNoise
from segcert.noise.pose import PoseNoise
from segcert.noise.rotation import RotationNoise
from segcert.report.cloud_radius import cloud_radius_in_words, cloud_radius_line
from segcert.sampling.sampler import sample

POINTS = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
Z = 0.2533471031357997  # Phi^-1(0.6)


@pytest.mark.parametrize(
    ("noise", "expected"),
    [
        (PointNoise(0.1), [0.1 * Z, 0.1 * Z, 0.1 * Z / math.sqrt(40), 100 * 0.1 * Z / 4]),
        (PoseNoise(0.2, 0.3, 0.05), [Z, math.degrees(0.2 * Z), 0.3 * Z, 0.05 * Z]),
    ],
)
def test_examples_are_the_radius_spent_in_different_ways(
    noise: AbstractNoise, expected: list[float]
) -> None:
    counts = sample(ByHeight(), POINTS, noise=noise, n0=3, n=40, seed=1)  # type: ignore[arg-type]
    found = certify(counts, tau=0.6, alpha=0.1)
    words = cloud_radius_in_words(found, diameter=4.0)
    numbers = [float(re.match(r"[\d.]+", value).group()) for value, _, _ in words.examples]  # type: ignore[union-attr]
    for number, exact in zip(numbers, expected, strict=True):
        assert number <= exact
        assert number == pytest.approx(exact, rel=2e-2)
    assert words.line == cloud_radius_line(found, diameter=4.0)


def test_rotations_are_in_radians_and_degrees() -> None:
    counts = sample(ByHeight(), POINTS, noise=RotationNoise(0.3), n0=3, n=40, seed=1)  # type: ignore[arg-type]
    found = certify(counts, tau=0.6, alpha=0.1)
    (radians, _, _), (degrees, unit, _) = cloud_radius_in_words(found, diameter=4.0).examples
    assert float(radians) <= found.radius
    assert float(degrees.rstrip("°")) <= math.degrees(found.radius)
    assert float(degrees.rstrip("°")) == pytest.approx(math.degrees(found.radius), rel=1e-2)
    assert unit == "of rotation"
