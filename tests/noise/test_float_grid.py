"""Models that read the grid of floating-point numbers, and deployments that round elsewhere.

Each is certified wrongly where noise is added in float32 (format version 2), and learns nothing
where noise is drawn exactly and then rounded to a declared grid.
"""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scipy.stats import norm

import segcert as sc
from segcert.models.wrapping_points import as_point_segmenter
from segcert.noise.base import AbstractNoise
from segcert.noise.clouds import rotation_matrix, turned
from segcert.noise.gaussian import LatticeGaussianNoise
from segcert.noise.off_grid import RoundedGaussianNoise
from segcert.noise.pose import PoseNoise
from segcert.sampling.streams import PhiloxStream

CPU = torch.device("cpu")
SIDE, SIGMA, SMALL = 48, 0.25, 2.0**-11
DARK = torch.zeros(1, SIDE, SIDE)
BRIGHTER = DARK + 0.00225  # at an l2 distance of 0.108


def reads_the_grid(x: torch.Tensor) -> torch.Tensor:
    """Class 1 if a small value is no multiple of 2^-34: never so where it is what two cancel to.

    Around 0 small values of float32 have finer digits; 0.00225 plus noise near -0.00225 has not.
    """
    v = x[:, 0].double()
    fine = ((v.abs() < SMALL) & (v * 2.0**34 != (v * 2.0**34).round())).any(-1).any(-1)
    return fine.long()[:, None, None].expand(v.shape)


def share(noise: AbstractNoise, x: torch.Tensor, draws: int = 200) -> float:
    """How often the model that reads the grid gives class 1."""
    noisy = noise.sample(x, draws, rng=PhiloxStream(1, CPU))
    return float(reads_the_grid(noisy)[:, 0, 0].double().mean())


def test_noise_in_float32_tells_the_reader_where_it_is() -> None:
    """The defect itself, in the noise of format version 2: class 1 at x, never within R of it.

    (The probability of class 1 at x is above 0.85: 200 draws at 0.75 exceed 0.82 once in 100.)
    """
    noise = sc.GaussianNoise(SIGMA)
    distance = float((BRIGHTER - DARK).double().norm())
    assert distance < 0.1081 < noise.radius(0.75)
    assert share(noise, DARK) > 0.85
    assert share(noise, BRIGHTER) == 0
    assert "reads the last digits" in noise.assumption


@pytest.mark.parametrize("noise", [sc.GaussianNoise(SIGMA), sc.LaplaceNoise(SIGMA)])
def test_noise_on_a_declared_grid_tells_it_nothing(noise: AbstractNoise) -> None:
    gridded = noise.with_grid(DARK)
    assert share(gridded, DARK) == share(gridded, BRIGHTER) == 0
    assert gridded.assumption == ""


@pytest.mark.parametrize("noise", [sc.GaussianNoise(SIGMA), sc.LaplaceNoise(SIGMA)])
def test_float_images_are_certified_on_a_grid_by_default(noise: AbstractNoise) -> None:
    """Through the public way: one class at x and within the radius of it, and the grid is said."""
    model = sc.as_segmenter(reads_the_grid, classes=2, name="reader")
    found = [
        sc.certify(sc.sample(model, x, noise=noise, n0=4, n=60, seed=1, device="cpu"), tau=0.75)
        for x in (DARK, BRIGHTER)
    ]
    assert all(one.certified.all() for one in found)
    assert (found[0].labels == found[1].labels).all()
    for one in found:
        assert "then rounding to multiples of 2^-11. " in one.statement
        assert "last digits" not in one.statement


def test_volumes_are_certified_on_a_grid_by_default() -> None:
    volume = torch.rand(1, 4, 5, 6, generator=torch.Generator().manual_seed(0))
    model = sc.as_segmenter(lambda x: (x[:, 0] > 0.5).long(), classes=2)
    counts = sc.sample(model, volume, noise=sc.GaussianNoise(0.1), n0=2, n=5, seed=1)
    assert counts.noise == sc.GaussianNoise(0.1, 2.0**-13)


LEVEL, WIDE, CUT = 100, 84, 100.52  # grey levels, but the side


def bright_on_average(x: torch.Tensor) -> torch.Tensor:
    """Class 1 where the mean is above 100.52 grey levels: a linear model."""
    bright = 255 * x[:, 0].double().mean((1, 2)) > CUT
    return bright.long()[:, None, None].expand(len(x), *x.shape[2:])


def probability_of_dark(noise: AbstractNoise, x: torch.Tensor, draws: int) -> float:
    """Share of draws in which the mean is below the cut."""
    noisy = noise.sample(x, draws, rng=PhiloxStream(2, CPU))
    return float((bright_on_average(noisy)[:, 0, 0] == 0).double().mean())


def test_rounding_comes_after_the_noise_or_another_class_is_certified() -> None:
    """84 x 84 values brighter by 0.51 grey levels each, inside R: decision 2 was wrong about it.

    Rounded after the noise, as certified, the class keeps its probability of 0.505 (the mean is a
    Gaussian number). A deployment that rounds the image first, and adds noise then, sees a whole
    grey level more, and its class is the other one with 0.74. False alarms: 1,000 draws are off by
    0.08 once in 10^6 each.
    """
    spread = 255 * SIGMA / WIDE  # of the mean, grey levels
    attack = 0.51 / 255 * WIDE
    at_x = norm.cdf((CUT - LEVEL) / spread)
    radius = sc.GaussianNoise(SIGMA).radius(0.75)
    assert at_x > 0.75
    assert attack < radius
    image = torch.full((1, WIDE, WIDE), LEVEL, dtype=torch.uint8)
    attacked = image.double().add(0.51).div(255)
    lattice, deployed = LatticeGaussianNoise(SIGMA), RoundedGaussianNoise(SIGMA)
    n = 1000
    assert probability_of_dark(lattice, image, n) == pytest.approx(at_x, abs=0.08)
    after = norm.cdf((CUT - LEVEL - 0.51) / spread)
    assert after > 0.5
    assert probability_of_dark(deployed, attacked, n) == pytest.approx(after, abs=0.08)
    first = (attacked * 255).round().to(torch.uint8)
    assert probability_of_dark(lattice, first, n) < 0.35


@pytest.mark.parametrize("seed", range(5))
def test_rounding_first_doubles_a_perturbation_at_most(seed: int) -> None:
    """So a deployment that rounds its input first is covered within R / 2, and 2 is attained."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 256, 500)
    d = rng.standard_normal(500) * 10.0 ** rng.uniform(-2, 1)
    moved = np.round(x + d) - x
    assert np.linalg.norm(moved) <= 2 * np.linalg.norm(d)
    assert (np.abs(moved) <= 2 * np.abs(d)).all()
    just = np.nextafter(0.5, 1)
    assert (np.round(7 + just) - 7) / just == pytest.approx(2)


POINTS = 500
UP = (0.0, 0.0, 1.0)


def with_normals() -> torch.Tensor:
    """Points with horizontal unit normals in all directions."""
    rng = np.random.default_rng(3)
    angles = rng.uniform(0, 2 * math.pi, POINTS)
    normals = np.stack([np.cos(angles), np.sin(angles), 0 * angles], 1)
    return torch.from_numpy(np.concatenate([rng.normal(size=(POINTS, 3)), normals], 1)).float()


@dataclass(frozen=True)
class ReadsNormals:
    """Class 1 where all normals together are the remembered ones, rotated and rounded once."""

    remembered: torch.Tensor

    def residual(self, batch: torch.Tensor) -> torch.Tensor:
        """Root mean square distance from the best rotation about z of the remembered normals."""
        seen = torch.view_as_complex(batch[..., 3:5].double().contiguous())
        known = torch.view_as_complex(self.remembered[:, 3:5].double().contiguous())
        turn = (seen * known.conj()).sum(1)
        turn = turn / turn.abs()
        return (seen - turn[:, None] * known).abs().square().mean(1).sqrt()

    def __call__(self, batch: torch.Tensor) -> torch.Tensor:
        good = self.residual(batch) < 2.4e-8  # one rounding to float32 gives 2.1e-8, two 2.9e-8
        return good.long()[:, None].expand(len(batch), batch.shape[1])


def test_rounded_normals_are_another_change_and_are_said_to_be() -> None:
    """A turn by 0.01 rad stored in float32 loses the class of a model that reads float32 normals.

    In the noise of format version 2; a turn in real numbers keeps it. On the grid this reader
    sees nothing, and the statement says what is not covered.
    """
    cloud = with_normals()
    noise, model = PoseNoise(0.1, 0.05, 0.05), ReadsNormals(cloud)
    real = turned(cloud, rotation_matrix(UP, 0.01))
    distance = float((real - real.float()).norm())
    assert 0.01 / 0.1 + distance / 0.05 < 0.67  # well within the certified pose

    def ones(one: AbstractNoise, x: torch.Tensor) -> float:
        return float(model(one.sample(x, 40, rng=PhiloxStream(4, CPU))).double().mean())

    assert ones(noise, cloud) == ones(noise, real) == 1
    assert ones(noise, real.float()) == 0
    gridded = noise.with_grid(cloud)
    assert ones(gridded, cloud) == ones(gridded, real) == ones(gridded, real.float()) == 0

    reader = as_point_segmenter(model, classes=2, name="reader", columns=6, normalise=False)
    counts = sc.sample(reader, cloud, noise=noise, n0=2, n=60, seed=1, device="cpu")
    assert counts.noise == gridded
    statement = sc.certify(counts, tau=0.75, alpha=0.01).statement
    assert "normals that were rounded after the rotation, as in a file, are another" in statement
