"""What is decided before the first draw."""

import numpy as np
import pytest
import torch

import segcert as sc
from segcert.sampling.setup import choose_batch_size, make_task

IMAGE = np.random.default_rng(0).integers(0, 256, (5, 6, 3), dtype=np.uint8)


def red_wins(batch: torch.Tensor) -> torch.Tensor:
    """Two classes: red above a half or not."""
    return (batch[:, 0] > 0.5).long()


MODEL = sc.as_segmenter(red_wins, classes=2)


def test_gaussian_noise_on_uint8_is_drawn_on_the_grid() -> None:
    runs = [
        sc.sample(MODEL, IMAGE, noise=noise, n0=2, n=5, seed=4)
        for noise in (sc.GaussianNoise(0.25), sc.LatticeGaussianNoise(0.25))
    ]
    assert all(run.noise == sc.LatticeGaussianNoise(0.25) for run in runs)
    assert (runs[0].test_fingerprints == runs[1].test_fingerprints).all()
    assert runs[0].hits.tolist() == runs[1].hits.tolist()


def test_gaussian_noise_on_floats_gets_its_grid() -> None:
    image = torch.from_numpy(IMAGE).movedim(2, 0).float() / 255
    counts = sc.sample(MODEL, image, noise=sc.GaussianNoise(0.25), n0=2, n=5, seed=4)
    assert counts.noise == sc.GaussianNoise(0.25, step=0.25 / 512)
    assert counts.provenance.input_dtype == "float32"


def test_lattice_noise_on_floats_is_refused() -> None:
    with pytest.raises(sc.InputError, match=r"needs uint8 input, got torch\.float32"):
        sc.sample(MODEL, torch.rand(3, 5, 6), noise=sc.LatticeGaussianNoise(0.25), n0=1, n=2)


@pytest.mark.parametrize(
    ("shape", "size"),
    [((1, 1), 32), ((90, 120), 16), ((180, 240), 4), ((360, 480), 1), ((1024, 2048), 1)],
)
def test_automatic_batch_falls_with_the_size_of_the_image(
    shape: tuple[int, int], size: int
) -> None:
    image = np.zeros((*shape, 3), dtype=np.uint8)
    task = make_task(MODEL, image, noise=sc.GaussianNoise(0.25), seed=0, device="cpu")
    assert choose_batch_size("auto", task) == size
    assert choose_batch_size(5, task) == 5


def test_fresh_seeds_differ_and_are_recorded() -> None:
    noise = sc.GaussianNoise(0.25)
    seeds = {sc.sample(MODEL, IMAGE, noise=noise, n0=1, n=2).provenance.seed for _ in range(3)}
    assert len(seeds) == 3
    assert all(0 <= seed < 2**128 for seed in seeds)


def test_draws_that_coincide_by_chance_are_explained() -> None:
    image = np.zeros((1, 1, 3), dtype=np.uint8)
    with pytest.raises(sc.SamplingError, match="coincide by chance"):
        sc.sample(MODEL, image, noise=sc.GaussianNoise(1e-3), n0=1, n=20, seed=0)
