"""Certificates of point clouds: the statement, files, replay, and that certified points hold.

The guarantee test repeats ``certify`` on clouds whose points have a probability of exactly tau;
it fails with a probability of at most 1e-6 and asserts which defects it would have seen.
"""

import math
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from point_models import ByHeight
from scipy.stats import binom, norm

import segcert as sc
from segcert.certificates.words import share_of_diameter
from segcert.errors import InputError, VerificationError
from segcert.noise.axis_angle import AxisAngleNoise
from segcert.noise.axis_rotation import AxisRotationNoise
from segcert.noise.base import AbstractNoise
from segcert.noise.clouds import rotation_matrix, turned
from segcert.noise.points import PointNoise
from segcert.noise.pose import PoseNoise
from segcert.noise.rotation import RotationNoise

FALSE_ALARM = 1e-6
TAU, ALPHA = 0.6, 0.1
NOISES = [
    PointNoise(0.25),
    RotationNoise(0.25),
    AxisRotationNoise(0.25, 1.0, 0.0, 0.0),
    PoseNoise(0.2, 0.1, 0.1),
    AxisAngleNoise(0.25),
]
EVERY = pytest.mark.parametrize("noise", NOISES, ids=lambda noise: noise.kind)


def cloud(count: int = 40) -> torch.Tensor:
    rng = np.random.default_rng(1)
    points = rng.normal(size=(count, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return torch.from_numpy(np.concatenate([points, points], 1).astype(np.float32))


def certified(noise: AbstractNoise, *, n0: int = 5) -> sc.Certificate:
    counts = sc.sample(ByHeight(), cloud(), noise=noise, n0=n0, n=60, seed=4, device="cpu")
    return sc.certify(counts, tau=TAU, alpha=ALPHA)


@EVERY
@pytest.mark.parametrize("n0", [0, 5])
def test_saved_loaded_and_replayed(noise: AbstractNoise, n0: int, tmp_path: Path) -> None:
    cert = certified(noise, n0=n0)
    assert 0 < cert.certified.sum() < 40
    cert.save(tmp_path)
    again = sc.load_certificate(tmp_path)
    assert again.counts.noise == noise.with_grid(cloud())
    assert again.statement == cert.statement
    assert (again.certified == cert.certified).all()
    assert (again.radius, again.norm, again.unit) == (cert.radius, noise.norm, noise.unit)
    assert sc.replay(again, ByHeight(), cloud(), device="cpu").identical
    with pytest.raises(InputError, match="the cloud is not the one that was certified: its points"):
        sc.replay(again, ByHeight(), cloud() + 1, device="cpu")


def test_a_changed_scale_of_a_pose_is_seen(tmp_path: Path) -> None:
    certified(NOISES[3]).save(tmp_path)
    path = tmp_path / "certificate.json"
    path.write_text(path.read_text().replace('"jitter": 0.1', '"jitter": 0.2'))
    with pytest.raises(VerificationError, match="was changed after it was made"):
        sc.load_certificate(tmp_path)


@EVERY
def test_statement_names_set_unit_and_what_is_taken_for_granted(noise: AbstractNoise) -> None:
    words = certified(noise).statement
    number = int(certified(noise).certified.sum())
    assert f"at each of the {number} certified components of 40, " in words
    for needed in {
        "points": ("l2 norm at most 0.06333 (units of the file)", "normals, if the cloud has any"),
        "rotation": ("any axis through the origin by an angle of at most 0.06383 (radians)",),
        "axis-rotation": ("along (1, 0, 0) by an angle of at most 0.06333 (radians)",),
        "pose": (
            "(|d| / 0.1)^2 at most 0.2533^2",
            "turn with the rotation in real numbers and are trusted",
        ),
        "axis-angle": ("angle of at most 0.0000 (radians)", "proves nothing about rotated clouds"),
    }[noise.kind]:
        assert needed in words
    assert noise.with_grid(cloud()).description in words


@pytest.mark.parametrize("defect", [1.0, 1.1])
def test_guarantee(defect: float) -> None:
    """Points whose class has a probability of exactly tau: at most alpha of 1200 clouds err.

    Detected: a noise 10% smaller than its radius claims. It is put in, and it is seen.
    """
    size, repetitions, n, sigma, alpha = 8, 1200, 60, 0.25, 0.1
    tau = 0.75
    height = sigma * float(norm.ppf(tau))
    k = int(np.flatnonzero(binom.sf(np.arange(n + 1) - 1, n, tau) <= alpha / size)[0])
    most = int(binom.isf(FALSE_ALARM, repetitions, alpha))

    def family(p: float) -> float:
        return float(1 - (1 - binom.sf(k - 1, n, p)) ** size)

    assert family(tau) <= alpha
    wrong_p = float(norm.cdf(1.1 * float(norm.ppf(tau))))
    low, high = binom.interval(1 - FALSE_ALARM, repetitions, family(tau))
    assert binom.cdf(high, repetitions, family(wrong_p)) <= FALSE_ALARM  # power
    x = torch.zeros(size * repetitions, 3)
    x[:, 2] = height
    counts = sc.sample(
        ByHeight(), x, noise=PointNoise(sigma / defect), n0=51, n=n, seed=5, device="cpu"
    )
    errors = 0
    for start in range(0, len(x), size):
        part = slice(start, start + size)
        one = replace(
            counts, labels=counts.labels[part], hits=counts.hits[part],
            pilot_hits=None if counts.pilot_hits is None else counts.pilot_hits[part],
        )  # fmt: skip
        cert = sc.certify(one, tau=tau, alpha=alpha, correction=sc.bonferroni)
        errors += bool((cert.certified & (cert.labels == 1)).any())
    if defect == 1:
        assert errors <= most
        assert low <= errors <= high
    else:
        assert errors > high


@pytest.mark.repeats
def test_certified_points_keep_their_class_under_rotations() -> None:
    """Three rotations, about any axis, just inside the certified angle, on a sphere of points.

    The smoothed class is drawn again with 200 draws. At the edge a certified class has a
    probability above 1/2; here it is measured, and a probability of 0.1 would be refuted with a
    probability of at least 1 - 1e-6. At three times the angle some certified point is lost.
    """
    noise, n, again = RotationNoise(0.3), 200, 200
    x, model = cloud(200), ByHeight(cut=0.1)
    counts = sc.sample(model, x, noise=noise, n0=20, n=n, seed=6, device="cpu")
    cert = sc.certify(counts, tau=0.8, alpha=1e-3)
    assert cert.certified.sum() > 100
    lowest = binom.ppf(FALSE_ALARM / (3 * 200), again, 0.5)
    assert binom.sf(lowest - 1, again, 0.1) <= FALSE_ALARM  # power
    rng = np.random.default_rng(7)

    def fewest(angle: float, axis: np.ndarray, seed: int) -> int:
        changed = turned(x, rotation_matrix(tuple((axis / np.linalg.norm(axis)).tolist()), angle))
        drawn = sc.sample(
            model, changed.float(), noise=noise, n0=0, n=again, seed=seed, device="cpu"
        )
        assert drawn.class_counts is not None
        kept = np.take_along_axis(drawn.class_counts, cert.labels[None].astype(np.int64), 0)[0]
        return int(kept[cert.certified].min())

    for turn in range(3):
        axis = rng.normal(size=3)
        assert fewest(cert.radius, axis, turn) >= lowest
    assert fewest(3 * cert.radius, np.array([1.0, 0, 0]), 99) < lowest


def test_certified_points_hold_exactly_where_the_truth_is_known() -> None:
    """Rotation about one axis, a threshold on the angle: the true radius of each point.

    Every certified point has a true radius of at least the certified one.
    """
    noise = AxisRotationNoise(0.3)
    bearing = np.linspace(-1.2, 1.2, 121)
    x = np.stack([np.cos(bearing), np.zeros(121), np.sin(bearing)], 1).astype(np.float32)
    noise = AxisRotationNoise(0.3, 0.0, 1.0, 0.0)
    counts = sc.sample(ByHeight(), x, noise=noise, n0=20, n=200, seed=8, device="cpu")
    cert = sc.certify(counts, tau=0.75, alpha=1e-3)

    def above(angle: float) -> float:
        """P(sin(angle + Z) > 0), wrapped."""
        turns = 2 * math.pi * np.arange(-3, 4)
        upper = norm.cdf((turns + math.pi - angle) / 0.3) - norm.cdf((turns - angle) / 0.3)
        return float(upper.sum())

    assert 60 < cert.certified.sum() < 121
    for label, angle in zip(cert.labels[cert.certified], bearing[cert.certified], strict=True):
        for by in (-cert.radius, cert.radius):
            p = above(angle + by)
            assert (p if label == 1 else 1 - p) > 0.5


@given(st.floats(1e-6, 10), st.floats(1e-6, 1e6))
def test_share_of_the_diameter_is_never_rounded_up(radius: float, diameter: float) -> None:
    share = share_of_diameter(radius, diameter)
    assert Fraction(share) <= Fraction(radius) / Fraction(diameter)
    assert share == pytest.approx(radius / diameter, rel=1e-11)


@pytest.mark.parametrize("diameter", [0.0, math.nan])
def test_a_cloud_without_extent_has_no_share(diameter: float) -> None:
    with pytest.raises(InputError, match="all points coincide"):
        share_of_diameter(0.1, diameter)
