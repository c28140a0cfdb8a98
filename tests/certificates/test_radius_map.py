"""Radius maps: Clopper-Pearson by SciPy, grids by certificates, all radii jointly."""

from dataclasses import replace

import mpmath
import numpy as np
import pytest
from scipy.stats import beta, binom, binomtest

import segcert as sc
from segcert.certificates.words import beginning
from segcert.stats.looks import even_looks

pytestmark = pytest.mark.repeats

ALPHA, SIGMA, N = 0.1, 0.25, 80
IMAGE = np.linspace(0, 255, 96).astype(np.uint8).reshape(1, 8, 12)
STEP = sc.as_segmenter(lambda x: (x[:, 0] > 0.5).long(), classes=2)


def draw(**options: object) -> sc.Counts:
    given = {"noise": sc.LatticeGaussianNoise(SIGMA), "n0": 5, "n": N, "seed": 3, "device": "cpu"}
    return sc.sample(STEP, IMAGE, **(given | options))  # type: ignore[arg-type]


@pytest.mark.parametrize(("n0", "sides"), [(5, 1), (0, 2)])
@pytest.mark.parametrize("looks", [1, 3])
def test_bounds_are_those_of_scipy(n0: int, sides: int, looks: int) -> None:
    """By quantiles of the beta distribution, and by the exact test; alpha shared by all."""
    counts = draw(n0=n0, n=N if looks == 1 else even_looks(N, looks))
    found = sc.radius_map(counts, alpha=ALPHA)
    level = ALPHA / looks / sides / 96
    lower = beta.ppf(level, counts.hits, N - counts.hits + 1)
    lower = np.where(lower > 0.5, lower, 0.5)
    expected = SIGMA * np.array([float(mpmath.erfinv(2 * p - 1)) for p in lower.ravel()]) * 2**0.5
    assert found.radius.ravel() == pytest.approx(expected, rel=1e-6)
    assert (found.certified == (lower > 0.5)).all()
    assert 0 < found.certified.sum() < 96
    assert (found.labels == counts.labels).all()
    for hits in (60, 70, 80):
        exact = (
            binomtest(hits, N, alternative="greater").proportion_ci(1 - level, method="exact").low
        )
        some = replace(counts, hits=np.full_like(counts.hits, hits))
        radius = float(sc.radius_map(some, alpha=ALPHA).radius[0, 0])
        assert radius == pytest.approx(max(0, some.noise.radius(max(exact, 0.5))), rel=1e-6)


@pytest.mark.parametrize("n0", [0, 5])
def test_radii_are_never_rounded_up(n0: int) -> None:
    """At each count the tail at the probability that the radius needs is at most the level."""
    counts = draw(n0=n0)
    level = ALPHA / (1 if n0 else 2) / 96
    found = sc.radius_map(counts, alpha=ALPHA)
    with mpmath.workdps(40):
        for hits in np.unique(counts.hits[found.certified]).tolist():
            radius = mpmath.mpf(float(found.radius[counts.hits == hits].max()))
            p = mpmath.ncdf(radius / mpmath.mpf(SIGMA))
            tail = mpmath.betainc(hits, N - hits + 1, 0, p, regularized=True)
            assert tail <= level
            assert tail >= level * (1 - mpmath.mpf(10) ** -6)


TAUS = (0.55, 0.6, 0.7, 0.8)


@pytest.mark.parametrize("correction", [sc.holm, sc.Ordered(10), sc.Capped(30)], ids=str)
@pytest.mark.parametrize("n", [N, sc.Anytime(N, 20), even_looks(N, 2)])
def test_a_grid_is_the_best_of_its_certificates(n: object, correction: object) -> None:
    counts = draw(n=n)
    found = sc.radius_map(counts, alpha=ALPHA, taus=TAUS, correction=correction)
    expected = np.zeros((8, 12))
    for tau in TAUS:
        cert = sc.certify(counts, tau=tau, alpha=ALPHA / 4, correction=correction)
        for place in np.argwhere(cert.certified):
            expected[tuple(place)] = max(expected[tuple(place)], cert.radius)
    assert (found.radius == expected).all()
    assert len(np.unique(found.radius)) >= 4
    assert str(correction) in found.method


def test_one_threshold_is_one_certificate() -> None:
    counts = draw()
    found = sc.radius_map(counts, alpha=ALPHA, taus=(0.6,))
    cert = sc.certify(counts, tau=0.6, alpha=np.nextafter(ALPHA, 0))
    assert (found.certified == cert.certified).all()
    assert set(found.radius[found.certified]) == {cert.radius}


def test_statements() -> None:
    counts = draw()
    bounds, grid = sc.radius_map(counts, alpha=ALPHA), sc.radius_map(counts, alpha=ALPHA, taus=TAUS)
    for found in (bounds, grid):
        number = int(found.certified.sum())
        words = found.statement
        assert words.startswith(f"{beginning(counts, alpha=ALPHA)} at each of the ")
        assert f"the {number} components of 96 that have a radius" in words
        assert "the radius printed there" in words
        assert words.endswith("Nothing is said about the other components.")
    assert bounds.method == "Clopper-Pearson bounds, bonferroni"


def test_errors_that_the_correction_allows_are_said() -> None:
    """Up to k - 1 at each of J thresholds, so J (k - 1) components in all."""
    found = sc.radius_map(draw(), alpha=ALPHA, taus=TAUS, correction=sc.KFwer(3))
    assert f"at all but at most 8 of the {found.certified.sum()} components" in found.statement
    assert "at each of" not in found.statement


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": 0.0}, "alpha must be in"),
        ({"alpha": 1.0}, "alpha must be in"),
        ({"taus": (0.5,)}, r"taus must be different numbers in \(1/2, 1\)"),
        ({"taus": (0.6, 1.0)}, "taus must be different numbers"),
        ({"taus": (0.6, 0.6)}, "taus must be different numbers"),
        ({"taus": (float("nan"),)}, "taus must be different numbers"),
        (
            {"taus": (0.6, 0.999)},
            r"n = 80 draws cannot certify any of 96 components at tau = 0.999",
        ),
    ],
)
def test_arguments_out_of_range_are_refused(options: dict, message: str) -> None:
    with pytest.raises(sc.InputError, match=message):
        sc.radius_map(draw(), **({"alpha": ALPHA} | options))


def test_bounds_need_planned_numbers_of_draws() -> None:
    with pytest.raises(sc.InputError, match="bounds hold at planned numbers of draws"):
        sc.radius_map(draw(n=sc.Anytime(N, 20)), alpha=ALPHA)


FALSE_ALARM, COMPONENTS = 1e-6, 8
TRUE_P = np.array([0.5, 0.55, 0.6, 0.7, 0.75, 0.8, 0.9, 0.97])


def shell(n0: int) -> sc.Counts:
    """Counts of an image of eight components, to be filled."""
    image = np.full((1, 1, COMPONENTS), 100, dtype=np.uint8)
    noise = sc.LatticeGaussianNoise(SIGMA)
    return sc.sample(STEP, image, noise=noise, n0=n0, n=N, seed=1, device="cpu")


def filled(empty: sc.Counts, ones: np.ndarray) -> sc.Counts:
    """Counts with so many hits of class 1; without pilot the most frequent class is the class."""
    if empty.n0:
        return replace(empty, hits=ones, labels=np.ones((1, COMPONENTS), np.int16))
    both = np.stack([N - ones, ones])
    labels = both.argmax(0).astype(np.int16)
    return replace(empty, class_counts=both, hits=both.max(0), labels=labels)


def drawn_ones(repetitions: int) -> np.ndarray:
    """Hits of class 1 in (repetitions, 1, COMPONENTS); pairs of components share their draws."""
    rng = np.random.default_rng(11)
    uniform = rng.random((repetitions, COMPONENTS // 2, N)).repeat(2, axis=1)
    return (uniform < TRUE_P[:, None]).sum(-1).astype(np.int32)[:, None]


def too_large(counts: sc.Counts, radius: np.ndarray) -> bool:
    """Whether any radius is beyond that of its true probability."""
    truth = np.where(counts.labels[0] == 1, TRUE_P, 1 - TRUE_P)
    true = [counts.noise.radius(p) if p > 0.5 else 0.0 for p in truth.tolist()]
    return bool((radius[0] > np.array(true) * (1 + 1e-9)).any())


@pytest.mark.parametrize("n0", [0, 5])
def test_all_bounds_hold_jointly(n0: int) -> None:
    """At most alpha of the images have any radius beyond that of its true probability.

    Detected: the level not divided by the number of components.
    """
    repetitions, empty = 3000, shell(n0)
    most = int(binom.isf(FALSE_ALARM, repetitions, ALPHA))

    def errors(alpha: float) -> int:
        table = np.zeros(N + 1)  # the radius of each count: eight counts a map
        for first in range(0, N + 1, COMPONENTS):
            hits = np.minimum(np.arange(first, first + COMPONENTS), N).astype(np.int32)[None]
            some = replace(filled(empty, hits), hits=hits)
            table[hits[0]] = sc.radius_map(some, alpha=alpha).radius[0]
        images = (filled(empty, ones) for ones in drawn_ones(repetitions))
        return sum(too_large(image, table[image.hits]) for image in images)

    assert 0 < errors(ALPHA) <= most
    assert errors(min(0.9, ALPHA * COMPONENTS)) > most  # power


@pytest.mark.parametrize("n0", [0, 5])
def test_all_radii_of_a_grid_hold_jointly(n0: int) -> None:
    """As above, over three thresholds. Detected: counts that are one in ten too high."""
    repetitions, empty, taus = 400, shell(n0), (0.6, 0.75, 0.8)
    most = int(binom.isf(FALSE_ALARM, repetitions, ALPHA))
    errors = [0, 0]
    for ones in drawn_ones(repetitions):
        for kind, some in enumerate((ones, np.minimum(ones + N // 10, N).astype(np.int32))):
            image = filled(empty, some)
            radius = sc.radius_map(image, alpha=ALPHA, taus=taus).radius
            errors[kind] += too_large(image, radius)
    assert errors[0] <= most
    assert errors[1] > most  # power
