"""Sampling point clouds: what is read, what is counted, what is refused."""

import gc
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from point_models import ByHeight
from scipy.stats import binom, norm
from torch import Tensor

from segcert.errors import InputError, ModelError, SamplingError
from segcert.inputs.input import Source, read
from segcert.models.protocol import SegmentationModel
from segcert.models.wrapping import as_segmenter
from segcert.noise.axis_rotation import AxisRotationNoise
from segcert.noise.base import AbstractNoise
from segcert.noise.contrast import ContrastNoise
from segcert.noise.gaussian import GaussianNoise
from segcert.noise.points import PointNoise
from segcert.noise.pose import PoseNoise
from segcert.noise.rotation import RotationNoise
from segcert.sampling.counts import Counts
from segcert.sampling.sampler import sample
from segcert.stats.looks import Looks

NOISES = [
    PointNoise(0.25),
    RotationNoise(0.25),
    AxisRotationNoise(0.25, 1.0, 0.0, 0.0),
    PoseNoise(0.2, 0.1, 0.1),
]
EVERY = pytest.mark.parametrize("noise", NOISES, ids=lambda noise: noise.kind)
SIGMA = 0.25


@dataclass(frozen=True)
class Cloud:
    """What a loader may return: more than is read here."""

    points: np.ndarray | Tensor
    normals: np.ndarray | Tensor | None = None
    labels: np.ndarray | None = None


def points(count: int = 30, *, columns: int = 6, seed: int = 0) -> torch.Tensor:
    drawn = np.random.default_rng(seed).normal(size=(count, columns)).astype(np.float32)
    return torch.from_numpy(drawn)


def draw(cloud: Source, noise: AbstractNoise = NOISES[0], **options: object) -> Counts:
    given = {"noise": noise, "n0": 9, "n": 50, "seed": 3, "device": "cpu"}
    return sample(ByHeight(), cloud, **(given | options))  # type: ignore[arg-type]


def assert_same(one: Counts, other: Counts) -> None:
    assert (one.labels == other.labels).all()
    assert (one.hits == other.hits).all()
    assert (one.pilot_fingerprints == other.pilot_fingerprints).all()
    assert (one.test_fingerprints == other.test_fingerprints).all()


def test_models_of_both_kinds_are_base_models() -> None:
    assert isinstance(ByHeight(), SegmentationModel)
    assert isinstance(as_segmenter(lambda x: x), SegmentationModel)
    assert not isinstance(torch.nn.ReLU(), SegmentationModel)


@EVERY
@pytest.mark.parametrize("n0", [0, 9])
def test_one_component_per_point_and_one_print_per_draw(noise: AbstractNoise, n0: int) -> None:
    counts = draw(points(), noise, n0=n0)
    assert counts.labels.shape == counts.hits.shape == (30,)
    assert (counts.components, counts.n0, counts.n, counts.classes) == (30, n0, 50, 2)
    prints = [*counts.pilot_fingerprints, *counts.test_fingerprints]
    assert len(set(prints)) == n0 + 50
    assert counts.provenance.input_shape == (30, 6)
    assert counts.provenance.input_dtype == "float32"
    assert counts.provenance.scale == "1"
    assert counts.noise == noise.with_grid(points())


@EVERY
@pytest.mark.parametrize("batch_size", [1, 7, "auto"])
def test_batch_size_changes_nothing(noise: AbstractNoise, batch_size: int | str) -> None:
    assert_same(draw(points(), noise), draw(points(), noise, batch_size=batch_size))


def test_hits_have_the_closed_form() -> None:
    """A threshold on one coordinate: hits of 3,000 points are binomial, p = Phi((z - cut) / sigma).

    Total of all hits within limits of false alarm 1e-6 at each height; sigma 10% off is seen.
    """
    n, heights = 120, [-0.2, 0.1, 0.3]
    x = torch.zeros(3000, 3)
    x[:, 2] = torch.tensor(heights).repeat(1000)
    counts = draw(x, n0=1, n=n)
    up = np.where(counts.labels == 1, counts.hits, n - counts.hits).reshape(-1, 3).sum(0)
    for height, found in zip(heights, up.tolist(), strict=True):
        low, high = binom.interval(1 - 1e-6, 1000 * n, norm.cdf(height / SIGMA))
        wrong = norm.cdf(height / (1.1 * SIGMA))
        miss = (
            binom.sf(low - 1, 1000 * n, wrong) if height > 0 else binom.cdf(high, 1000 * n, wrong)
        )
        assert miss <= 1e-6  # power
        assert low <= found <= high


def test_every_source_of_the_same_numbers_is_the_same_input() -> None:
    """Arrays, tensors, float64, what has points and normals: one hash, one noise."""
    x = points()
    sources = [
        x,
        x.numpy(),
        x.double(),
        Cloud(x[:, :3], x[:, 3:]),
        Cloud(x[:, :3].numpy(), x[:, 3:].numpy(), np.zeros(30, dtype=np.int16)),
    ]
    first = draw(sources[0])
    for source in sources[1:]:
        again = draw(source)
        assert again.provenance.input_sha256 == first.provenance.input_sha256
        assert_same(first, again)
    without = draw(Cloud(x[:, :3]))
    assert without.provenance.input_shape == (30, 3)
    assert without.provenance.input_sha256 != first.provenance.input_sha256
    assert not set(without.test_fingerprints.tolist()) & set(first.test_fingerprints.tolist())


def test_hash_is_of_what_a_model_sees() -> None:
    x = points(4)
    cloud, same = Cloud(x[:, :3], x[:, 3:]), Cloud(x[:, :3], x[:, 3:], np.zeros(4, np.int16))
    moved, turned = x[:, :3].clone(), x[:, 3:].clone()
    moved[0, 0] = torch.nextafter(moved[0, 0], torch.tensor(9.0))
    turned[0] = torch.tensor([0.0, 1.0, 0.0])
    others = [replace(cloud, points=moved), replace(cloud, normals=turned), Cloud(x[:, :3])]
    assert read(cloud).sha256 == read(same).sha256
    assert len({read(one).sha256 for one in (cloud, *others)}) == 4


def test_reading_copies() -> None:
    x = points()
    given = read(x)
    x += 1
    assert not torch.equal(given.tensor, x)


def test_gaussian_noise_is_that_of_coordinates() -> None:
    x = points()
    assert_same(draw(x, GaussianNoise(0.25)), draw(x, PointNoise(0.25)))
    assert draw(x, GaussianNoise(0.25)).noise == PointNoise(0.25)


@pytest.mark.repeats
def test_counts_at_a_look_are_those_of_a_run_by_itself() -> None:
    seen: list[Counts] = []

    def look(counts: Counts) -> bool:
        seen.append(counts)
        return False

    many = draw(points(), NOISES[1], n0=5, n=Looks((20, 50)), stop=look)
    (few,) = seen
    assert (few.n, many.n) == (20, 50)
    assert_same(few, draw(points(), NOISES[1], n0=5, n=20))
    assert_same(many, draw(points(), NOISES[1], n0=5))


@pytest.mark.repeats
def test_memory_does_not_grow_with_the_number_of_draws() -> None:
    """As many tensor elements alive in the last batch for n = 8 and 800.

    Noisy clouds or labels that are kept would be 24,000 elements more.
    """
    alive: dict[int, int] = {}

    def look(done: int, total: int) -> None:
        if done == total:
            gc.collect()
            found = [x for x in gc.get_objects() if type(x) is torch.Tensor]
            alive[total - 2] = sum(x.numel() for x in found)

    draw(points(), n0=2, n=8, batch_size=4)  # fills caches
    for n in (8, 800):
        draw(points(), n0=2, n=n, batch_size=4, progress=look)
    assert alive[800] <= alive[8] + 4 * 6 * 30


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (torch.zeros(0, 3), r"must have shape \(points, 3\).*got \(0, 3\)"),
        (torch.zeros(5, 4), r"must have shape \(points, 3\).*got \(5, 4\)"),
        (np.full((5, 3), np.nan), "must be finite, got NaN or infinite values at 5 of 5 points"),
        (np.array([[0, 0, 1.0], [0, np.inf, 0]]), "at 1 of 2 points: remove these points"),
        (np.array([[0, 0, 1e39]]), "must be finite"),
        (Cloud(torch.zeros(5, 3), torch.zeros(4, 3)), r"got \(5, 3\) and \(4, 3\)"),
        (Cloud(torch.zeros(5, 2)), r"both have shape \(points, 3\), got \(5, 2\)"),
        (Cloud(np.zeros((5, 3), dtype=np.int64)), "must be floating point, got torch.int64"),
        (np.zeros((5, 3), dtype=np.uint8), "an image must have shape"),
    ],
)
def test_bad_clouds_are_refused(source: Source, words: str) -> None:
    with pytest.raises(InputError, match=words) as error:
        draw(source)
    assert "\n" not in str(error.value)


def test_kinds_do_not_mix() -> None:
    image = np.zeros((4, 5, 3), dtype=np.uint8)
    pixels = as_segmenter(lambda x: (x[:, 0] > 0.5).long(), classes=2, name="pixels")
    with pytest.raises(InputError, match="input is a point cloud, but model pixels labels images"):
        sample(pixels, points(), noise=NOISES[0], device="cpu")
    with pytest.raises(InputError, match="input is an image, but model height labels point clouds"):
        draw(image)
    with pytest.raises(InputError, match="contrast noise is for images"):
        draw(points(), ContrastNoise(0.25))
    with pytest.raises(InputError, match="rotation noise is for point clouds"):
        sample(pixels, image, noise=NOISES[1], device="cpu")


def test_a_model_that_mixes_the_clouds_of_a_batch_is_refused() -> None:
    mixing = ByHeight(centre_over_batch=True)
    with pytest.raises(ModelError, match="mixes the draws of a batch"):
        sample(mixing, points(200), noise=NOISES[0], seed=1, device="cpu")
    assert (
        sample(
            replace(mixing, stochastic=True), points(), noise=NOISES[0], n=9, seed=1, device="cpu"
        ).n
        == 9
    )


def test_a_cloud_at_the_origin_cannot_be_turned() -> None:
    """Every draw repeats: no certificate follows."""
    with pytest.raises(SamplingError, match="repeat another"):
        draw(torch.zeros(5, 3), NOISES[1])
