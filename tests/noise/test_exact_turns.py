"""Brightness, contrast, rotations and poses on their grids: every number as if computed exactly.

The inputs are chosen so that many numbers fall on ties of the grid but for an error of float64.
"""

import math

import mpmath
import numpy as np
import pytest
import torch
from scipy.stats import kstwo, norm

from segcert.errors import InputError
from segcert.noise.axis_rotation import AxisRotationNoise
from segcert.noise.base import AbstractNoise
from segcert.noise.brightness import BrightnessNoise
from segcert.noise.contrast import ContrastNoise
from segcert.noise.exact_turns import NORMAL_STEP, cloud_step
from segcert.noise.igso3 import angle_of, exact_angle, exact_cdf
from segcert.noise.parameter import IMAGE_STEP, WideNumber, wide_numbers
from segcert.noise.pose import PoseNoise
from segcert.noise.rotation import RotationNoise
from segcert.noise.rounded import grid_step
from segcert.sampling.streams import PhiloxStream

CPU = torch.device("cpu")
SIGMA, FALSE_ALARM = 0.25, 1e-6
WORDS = [0, 1, -1, 2**64, -(2**100), 2**126 + 12345, 2**127 - 1, -(2**127)]


def numbers(count: int, seed: int) -> list[WideNumber]:
    """The numbers that a draw takes first from a stream."""
    return wide_numbers(count, PhiloxStream(seed, CPU))


def normal(number: WideNumber) -> mpmath.mpf:
    """Phi^-1 of the word with 90 digits, from the definition alone."""
    beyond = number.word if number.word >= 0 else ~number.word
    size = -mpmath.sqrt(2) * mpmath.erfinv(2 * (mpmath.mpf(beyond) + 0.5) / 2**128 - 1)
    return size if number.word >= 0 else -size


@pytest.mark.parametrize("word", WORDS)
def test_wide_numbers_are_the_exact_quantiles(word: int) -> None:
    with mpmath.workdps(90):
        exact = normal(WideNumber(word))
        assert abs(WideNumber(word).exact_normal - exact) <= 1e-40 * (1 + abs(exact))
        assert abs(WideNumber(word).normal - exact) <= 4e-15 * (1 + abs(exact))
    assert abs(exact) < 13.2


def test_wide_numbers_take_two_words_each() -> None:
    high, low = PhiloxStream(5, CPU).words((3, 2)).unbind(1)
    words = [(a << 64) + b % 2**64 for a, b in zip(high.tolist(), low.tolist(), strict=True)]
    assert [number.word for number in numbers(3, 5)] == words


@pytest.mark.parametrize("family", [BrightnessNoise, ContrastNoise])
@pytest.mark.parametrize("sigma", [0.05, 1.5])
def test_changed_images_are_those_of_exact_arithmetic(
    family: type[BrightnessNoise | ContrastNoise], sigma: float
) -> None:
    """Values that the change takes to ties and around them, by less than float64 can resolve."""
    noise = family(sigma).with_grid(torch.zeros(1))
    number = numbers(1, 3)[0]
    with mpmath.workdps(90):
        change = sigma * normal(number)

        def changed(value: mpmath.mpf) -> mpmath.mpf:
            if family is BrightnessNoise:
                return value + change
            return mpmath.mpf("0.5") + mpmath.exp(change) * (value - mpmath.mpf("0.5"))

        def back(value: mpmath.mpf) -> mpmath.mpf:
            if family is BrightnessNoise:
                return value - change
            return mpmath.mpf("0.5") + mpmath.exp(-change) * (value - mpmath.mpf("0.5"))

        ties = [(mpmath.mpf(k) + mpmath.mpf("0.5")) * IMAGE_STEP for k in range(-300, 300, 7)]
        values = np.array([float(back(tie)) for tie in ties])
        values = np.concatenate([values, np.nextafter(values, 9), np.nextafter(values, -9)])
        drawn = noise.sample(torch.from_numpy(values), 1, rng=PhiloxStream(3, CPU))[0]
        exact = [mpmath.nint(changed(mpmath.mpf(v)) / IMAGE_STEP) for v in values.tolist()]
    assert (drawn.double() / IMAGE_STEP).tolist() == [float(k) for k in exact]


def test_bytes_are_changed_as_exact_fractions() -> None:
    noise, number = BrightnessNoise(SIGMA).with_grid(torch.zeros(1)), numbers(1, 4)[0]
    image = torch.arange(256, dtype=torch.uint8)
    with mpmath.workdps(90):
        change = SIGMA * normal(number)
        exact = [
            float(mpmath.nint((mpmath.mpf(v) / 255 + change) / IMAGE_STEP)) for v in range(256)
        ]
    drawn = noise.sample(image, 1, rng=PhiloxStream(4, CPU))[0].double() / IMAGE_STEP
    assert drawn.tolist() == exact


def matrix(axis: list[mpmath.mpf], angle: mpmath.mpf) -> mpmath.matrix:
    """Rotation matrix as the exponential of a skew matrix: I + sin K + (1 - cos) K^2."""
    x, y, z = axis
    skew = mpmath.matrix([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return mpmath.eye(3) + mpmath.sin(angle) * skew + (1 - mpmath.cos(angle)) * skew * skew


def near_ties(rotation: mpmath.matrix, step: float, rows: int = 20) -> np.ndarray:
    """Points that a rotation takes to ties in all three coordinates, but for float64."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(rows):
        tie = mpmath.matrix([
            (mpmath.mpf(int(k)) + mpmath.mpf("0.5")) * step
            for k in rng.integers(-(2**19), 2**19, 3) * (1.0 if step < 1e-5 else 2.0**-10)
        ])  # fmt: skip
        point = rotation.T * tie
        found.append([float(value) for value in point])
    return np.array(found)


def expected(rotation: mpmath.matrix, x: np.ndarray, step: float) -> np.ndarray:
    """The rotated points in steps, each number rounded once from its exact value."""
    return np.array([
        [float(mpmath.nint(v / step)) for v in rotation * mpmath.matrix(row.tolist())] for row in x
    ])  # fmt: skip


@pytest.mark.parametrize("axis", [(0.0, 0.0, 2.0), (0.0, 0.6, 0.8), (1.0, 2.0, 3.0)])
def test_turned_clouds_are_those_of_exact_arithmetic(axis: tuple[float, float, float]) -> None:
    step, number = 2.0**-22, numbers(1, 6)[0]
    noise = AxisRotationNoise(SIGMA, *axis, step=step)
    with mpmath.workdps(90):
        length = mpmath.sqrt(sum(mpmath.mpf(part) ** 2 for part in axis))
        rotation = matrix([mpmath.mpf(part) / length for part in axis], SIGMA * normal(number))
        x = np.concatenate([near_ties(rotation, step), near_ties(rotation, NORMAL_STEP)], 1)
        drawn = noise.sample(torch.from_numpy(x), 1, rng=PhiloxStream(6, CPU))[0].double().numpy()
        assert np.array_equal(drawn[:, :3] / step, expected(rotation, x[:, :3], step))
        assert np.array_equal(drawn[:, 3:] / NORMAL_STEP, expected(rotation, x[:, 3:], NORMAL_STEP))


@pytest.mark.parametrize("sigma", [0.05, 1.0])
def test_freely_turned_clouds_are_those_of_exact_arithmetic(sigma: float) -> None:
    step = 2.0**-22
    share, height, turn = numbers(3, 7)
    with mpmath.workdps(90):
        side = [1 if one.word >= 0 else -1 for one in (share, height, turn)]
        tails = [
            (mpmath.mpf(one.word if one.word >= 0 else ~one.word) + 0.5) / 2**128
            for one in (share, height, turn)
        ]
        z, longitude = (side[i] * (1 - 2 * tails[i]) for i in (1, 2))
        wide = mpmath.sqrt(1 - z * z)
        vector = [
            wide * mpmath.cos(mpmath.pi * longitude),
            wide * mpmath.sin(mpmath.pi * longitude),
        ]
        wanted = tails[0] if side[0] < 0 else 1 - tails[0]
        angle = mpmath.findroot(
            lambda w: exact_cdf(w, sigma)[0] - wanted, (0.01 * sigma, 3.0), solver="anderson",
            tol=1e-80, maxsteps=200,
        )  # fmt: skip
        rotation = matrix([*vector, z], angle)
        x = near_ties(rotation, step)
        drawn = RotationNoise(sigma, step).sample(torch.from_numpy(x), 1, rng=PhiloxStream(7, CPU))[
            0
        ]
        assert np.array_equal(drawn.double().numpy() / step, expected(rotation, x, step))


@pytest.mark.parametrize("axis", [(0.0, 0.0, 1.0), (1.0, 2.0, 3.0)])
@pytest.mark.parametrize("jitter", [0.05, 3.0])
def test_posed_clouds_are_those_of_exact_arithmetic(
    axis: tuple[float, float, float], jitter: float
) -> None:
    """Coordinates with all three kinds of noise, near ties; normals with the rotation alone."""
    noise = PoseNoise(0.3, 0.2, jitter, *axis, step=NORMAL_STEP)
    step, points = grid_step(jitter), 30
    stream = PhiloxStream(8, CPU)
    turn, *shift = wide_numbers(4, stream)
    words = stream.words((points, 3)).tolist()
    with mpmath.workdps(90):
        length = mpmath.sqrt(sum(mpmath.mpf(part) ** 2 for part in axis))
        rotation = matrix([mpmath.mpf(part) / length for part in axis], 0.3 * normal(turn))
        moves = [
            [0.2 * normal(shift[i]) + jitter * normal_of(row[i]) for i in range(3)] for row in words
        ]
        rng = np.random.default_rng(1)
        x = []
        for move in moves:
            ties = [(int(k) + mpmath.mpf("0.5")) * step for k in rng.integers(-900, 900, 3)]
            point = rotation.T * mpmath.matrix([t - m for t, m in zip(ties, move, strict=True)])
            x.append([float(value) for value in point])
        cloud = np.concatenate([x, near_ties(rotation, NORMAL_STEP, points)], 1)
        exact = [
            [float(mpmath.nint((v + m) / step)) for v, m in zip(
                rotation * mpmath.matrix(row), move, strict=True)]
            for row, move in zip(x, moves, strict=True)
        ]  # fmt: skip
        drawn = noise.sample(torch.from_numpy(cloud), 1, rng=PhiloxStream(8, CPU))[0]
        drawn = drawn.double().numpy()
        assert np.array_equal(drawn[:, :3] / step, exact)
        turned = expected(rotation, cloud[:, 3:], NORMAL_STEP)
        assert np.array_equal(drawn[:, 3:] / NORMAL_STEP, turned)


def normal_of(word: int) -> mpmath.mpf:
    """The normal number of a 64-bit word."""
    size = -mpmath.sqrt(2) * mpmath.erfinv(
        2 * (mpmath.mpf(word if word >= 0 else ~word) + 0.5) / 2**64 - 1
    )
    return size if word >= 0 else -size


@pytest.mark.parametrize("sigma", [0.05, 0.25, 2.0])
@pytest.mark.repeats
def test_exact_angles_and_their_errors(sigma: float) -> None:
    """Shares from the middle to 2^-129, also where float64 knows the angle badly."""
    for word in (2**126, -(2**126), 2**110, -(2**110), -1, 0):
        number = WideNumber(word)
        angle, error = angle_of(number, sigma)
        exact = exact_angle(number, sigma, 0.0 if word < 0 else 3.0)
        with mpmath.workdps(90):
            wanted = number.exact_tail if word < 0 else 1 - number.exact_tail
            assert abs(exact_cdf(exact, sigma)[0] - wanted) <= mpmath.mpf("1e-45")
        assert abs(angle - exact) <= error
        assert 0 < error < 1e-9


@pytest.mark.parametrize(
    "noise",
    [AxisRotationNoise(SIGMA), RotationNoise(SIGMA), PoseNoise(0.1, 0.2, 0.3)],
    ids=lambda noise: noise.kind,
)
def test_grids_are_chosen_once(noise: AbstractNoise) -> None:
    """By the size of the cloud, and kept for another one: it is part of the model."""
    x = torch.randn(30, 6, generator=torch.Generator().manual_seed(0))
    found = noise.with_grid(x)
    assert found == found.with_grid(100 * x)
    assert "then rounding to multiples of 2^" in found.description
    assert "normals, if the cloud has any, to multiples of 2^-12" in found.description
    assert found.variation((30, 6)) > noise.variation((30, 6)) == 0
    assert found.variation((30, 6)) < 1e-9
    drawn = found.sample(x, 3, rng=PhiloxStream(1, CPU)).double()
    steps = drawn[..., 3:] / NORMAL_STEP
    assert torch.equal(steps, steps.round())


def test_the_grid_of_a_cloud_is_finer_than_its_size() -> None:
    for size in (1e-3, 0.5, 1.0, 1.5, 4096.0):
        step = cloud_step(size)
        assert math.frexp(step)[0] == 0.5
        assert 2**20 < size / step <= 2**22


def test_grids_that_are_none_and_numbers_beyond_them_are_refused() -> None:
    for step in (-1.0, 0.3, math.nan, math.inf):
        with pytest.raises(InputError, match="step must be a power of two"):
            RotationNoise(0.1, step)
    with pytest.raises(InputError, match="coordinates and normals must be at most"):
        AxisRotationNoise(0.1, step=2.0**-60).sample(torch.ones(2, 3), 1, rng=PhiloxStream(1, CPU))


@pytest.mark.parametrize("sigma", [0.3, 4.0])
def test_the_scale_of_an_angle_is_the_one_that_is_said(sigma: float) -> None:
    """Below and above 1 radian: Kolmogorov-Smirnov, false alarm 1e-6, a scale 30% off is seen."""
    n = 1500
    limit = kstwo.isf(FALSE_ALARM, n)
    grid = np.linspace(-4, 4, 1000)
    assert np.abs(norm.cdf(grid) - norm.cdf(grid / 1.35)).max() > limit * 0.9
    x = torch.tensor([[1.0, 0.0, 0.0]])
    noise = AxisRotationNoise(sigma).with_grid(x)
    found = noise.sample(x, n, rng=PhiloxStream(2, CPU))[:, 0].double()
    angles = torch.atan2(found[:, 1], found[:, 0]).numpy()
    turns = np.arange(-20, 21)[:, None] * 2 * math.pi

    def cdf(values: np.ndarray) -> np.ndarray:  # of the angle modulo a turn, in (-pi, pi]
        below = norm.cdf((values + turns) / sigma) - norm.cdf((turns - math.pi) / sigma)
        total: np.ndarray = below.sum(0)
        return total

    shares = cdf(np.sort(angles))
    steps = np.arange(n + 1) / n
    assert max((shares - steps[:-1]).max(), (steps[1:] - shares).max()) <= limit
