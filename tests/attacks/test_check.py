"""The check on models whose truth is known: it accuses what is false, and nothing else."""

from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest
import torch
from scipy.stats import binom
from torch import Tensor

import segcert as sc
from segcert.attacks.ascent import look_at_plain
from segcert.attacks.check import AttackCheck, check_attack, is_gaussian, surprising_counts
from segcert.attacks.objective import objective
from segcert.attacks.pgd import pgd
from segcert.attacks.projection import Neighbourhood, distance, exact_values
from segcert.attacks.smoothed import look_at_smoothed
from segcert.noise.gaussian import LatticeGaussianNoise
from segcert.noise.laplace import LaplaceNoise, LatticeLaplaceNoise
from segcert.sampling.streams import Streams
from segcert.stats.k_fwer import KFwer

pytestmark = pytest.mark.repeats

SIGMA, TAU, ALPHA = 0.25, 0.75, 0.1
ABOVE = 50.5 / 255  # of the cut; Phi(ABOVE / SIGMA) = 0.786
CUT = 150 / 255 - ABOVE
PIXELS = 4


def by_red(batch: Tensor) -> Tensor:
    """Scores of two classes, with a cut in red at each pixel."""
    red = batch[:, :1]
    return torch.cat([CUT - red, red - CUT], 1)


MODEL = sc.as_segmenter(by_red)
IMAGE = np.full((2, 2, 3), 150, np.uint8)
EXACT = exact_values(torch.from_numpy(IMAGE).movedim(2, 0))


@pytest.fixture(scope="module")
def cert() -> sc.Certificate:
    counts = sc.sample(MODEL, IMAGE, noise=sc.GaussianNoise(SIGMA), n0=5, n=2500, seed=1)
    found = sc.certify(counts, tau=TAU, alpha=ALPHA)
    assert found.certified.all()
    assert (found.labels == 1).all()
    return found


def moved(length: float, *, pixels: int = 1) -> Tensor:
    """Red of the first pixels, lowered by a length in all: the worst attack on them."""
    image = EXACT.clone()
    image[0].view(-1)[:pixels] -= length / pixels**0.5
    return image.float()


def checked(cert: sc.Certificate, image: Tensor, **options: object) -> AttackCheck:
    return check_attack(cert, MODEL, IMAGE, image, **{"n": 400, "seed": 5} | options)


@pytest.mark.repeats
def test_just_inside_the_class_keeps(cert: sc.Certificate) -> None:
    """Probability Phi((ABOVE - radius) / sigma) = 0.547 there, so not lost: 0.547 > 1/2."""
    found = checked(cert, moved(cert.radius * (1 - 1e-6)))
    assert found.inside
    assert not found.contradicted
    assert not found.lost.any()
    assert found.kept.ravel()[1:].all()  # whether 0.547 is proved at n = 400 is luck
    sure = checked(cert, moved(cert.radius * (1 - 1e-6)), n=6000)
    assert sure.kept.all()
    share = NormalDist().cdf((ABOVE - cert.radius) / SIGMA)
    low, high = binom.interval(1 - 1e-6, 6000, share)
    assert low <= sure.hits[0, 0] <= high


def test_outside_it_is_lost_and_that_is_no_contradiction(cert: sc.Certificate) -> None:
    found = checked(cert, moved(2 * cert.radius * (1 - 1e-6)))
    assert found.lost.tolist() == [[True, False], [False, False]]
    assert found.survivors.sum() == PIXELS - 1
    assert not found.inside
    assert not found.contradicted


def test_a_forged_radius_is_exposed(cert: sc.Certificate) -> None:
    """A certificate that claims twice its radius, and the same attack as above."""
    forged = replace(cert, radius=2 * cert.radius)
    assert checked(forged, moved(2 * cert.radius * (1 - 1e-6))).contradicted
    assert not checked(forged, moved(2 * cert.radius * (1 + 1e-6))).contradicted
    one_error = replace(forged, correction=KFwer(k=2))
    assert not checked(one_error, moved(2 * cert.radius * (1 - 1e-6))).contradicted
    assert checked(one_error, moved(4 * cert.radius * (1 - 1e-6), pixels=3)).lost.sum() == 3


def test_gradient_attacks_find_what_the_worst_attack_does(cert: sc.Certificate) -> None:
    """Plain and smoothed: one pixel counts, and all of the radius goes into its red."""
    labels = torch.full((2, 2), 255)
    labels[0, 0] = 1
    goal = objective(labels, device=torch.device("cpu"))
    ball = Neighbourhood(EXACT, 2 * cert.radius)
    looks = {
        "plain": look_at_plain(MODEL, goal),
        "smoothed": look_at_smoothed(
            MODEL, goal, sc.GaussianNoise(SIGMA), Streams(3, "x", torch.device("cpu"), "cpu"),
            draws=4,
        ),
    }  # fmt: skip
    for name, look in looks.items():
        image = pgd(look, ball, steps=10, rng=torch.Generator().manual_seed(0)).best
        assert ball.holds(image), name
        found = checked(cert, image)
        assert found.lost.tolist() == [[True, False], [False, False]], name
        assert not found.contradicted
        assert checked(replace(cert, radius=2 * cert.radius), image).contradicted


def test_the_norm_is_never_rounded_down(cert: sc.Certificate) -> None:
    image = moved(cert.radius)
    found = checked(cert, image, n=20)
    assert distance(image, EXACT) < found.norm < cert.radius * (1 + 1e-5)
    assert checked(cert, EXACT.float(), n=20).norm < 1e-6


def test_few_draws_prove_nothing(cert: sc.Certificate) -> None:
    found = checked(cert, moved(3 * cert.radius), n=3)
    assert not found.lost.any()
    assert not found.kept.any()


def test_seeds_are_fresh_unless_given(cert: sc.Certificate) -> None:
    image = moved(cert.radius)
    assert checked(cert, image, seed=None).seed != checked(cert, image, seed=None).seed
    assert (checked(cert, image).hits == checked(cert, image, batch_size=3).hits).all()


@pytest.mark.parametrize("level", [0.05, 1e-3, 6e-9])
@pytest.mark.parametrize("n", [5, 100, 1001])
def test_surprising_counts_by_scipy(n: int, level: float) -> None:
    """Lost and kept each with at most the level if the probability is 1/2; one count more, not."""
    lowest, highest = surprising_counts(n, level=level)
    assert binom.cdf(lowest, n, 0.5) < level <= binom.cdf(lowest + 1, n, 0.5)
    assert binom.sf(highest - 1, n, 0.5) < level <= binom.sf(highest - 2, n, 0.5)


def test_false_accusations_are_as_rare_as_alpha_says() -> None:
    """20,000 pixels of probability 1/2 each; false alarm 1e-6.

    A check at alpha in place of alpha / N would accuse hundreds, which is asserted.
    """
    image = np.full((100, 200, 3), 150, np.uint8)
    counts = sc.sample(MODEL, image, noise=sc.GaussianNoise(SIGMA), n0=5, n=120, seed=1)
    cert = sc.certify(counts, tau=0.5, alpha=ALPHA)
    certified = int(cert.certified.sum())
    assert certified > 15_000
    edge = exact_values(torch.from_numpy(image).movedim(2, 0)) - ABOVE
    found = check_attack(cert, MODEL, image, edge.float(), n=60, seed=2)
    low, high = binom.interval(1 - 1e-6, certified * 60, 0.5)
    assert low <= found.hits[cert.certified].sum() <= high
    most = int(binom.isf(1e-6, certified, ALPHA / certified))
    assert found.lost.sum() <= most
    lowest, _ = surprising_counts(60, level=ALPHA)
    assert (found.hits[cert.certified] <= lowest).sum() > 10 * most  # power


def test_what_cannot_be_checked_is_refused(cert: sc.Certificate) -> None:
    def refuse(words: str, *, of: sc.Certificate = cert, **options: object) -> None:
        with pytest.raises(sc.InputError, match=words):
            checked(of, options.pop("image", EXACT.float()), **options)

    refuse("alpha must be in", alpha=1.0)
    refuse("n must be >= 1", n=0)
    refuse("has shape", image=torch.zeros(3, 2, 3))
    refuse("lie in", image=EXACT.float() + 1)
    counts = sc.sample(MODEL, IMAGE, noise=LaplaceNoise(0.1), n0=0, n=30, seed=1)
    refuse("l1 changes", of=sc.certify(counts, tau=0.6, alpha=0.1))
    with pytest.raises(sc.InputError, match="not the one that was certified"):
        check_attack(cert, MODEL, IMAGE + 1, EXACT.float())


def test_attacks_are_made_in_the_balls_of_gaussian_noise() -> None:
    assert is_gaussian(LatticeGaussianNoise(0.3))
    assert not is_gaussian(LatticeLaplaceNoise(0.3))
