"""A tiny certified image, made once."""

import numpy as np
import pytest
import torch

import segcert as sc

ALPHA, TAU = 0.1, 0.6


def threshold_model(batch: torch.Tensor) -> torch.Tensor:
    """Class 1 where red exceeds a half, class 2 where it exceeds two; exact in any batch."""
    red = batch[:, 0]
    return (red > 0.5).long() + (red > 2).long()


@pytest.fixture(scope="session")
def image() -> np.ndarray:
    rng = np.random.default_rng(3)
    return rng.integers(0, 256, (9, 14, 3), dtype=np.uint8)


@pytest.fixture(scope="session")
def segmenter() -> sc.Segmenter:
    return sc.as_segmenter(threshold_model, classes=3, class_names=("low", "high", "never"))


@pytest.fixture(scope="session")
def counts(segmenter: sc.Segmenter, image: np.ndarray) -> sc.Counts:
    noise = sc.LatticeGaussianNoise(0.25)
    return sc.sample(segmenter, image, noise=noise, n0=5, n=40, seed=11, batch_size=4)


@pytest.fixture(scope="session")
def cert(counts: sc.Counts) -> sc.Certificate:
    return sc.certify(counts, tau=TAU, alpha=ALPHA)


@pytest.fixture(scope="session")
def cert_no_pilot(segmenter: sc.Segmenter, image: np.ndarray) -> sc.Certificate:
    noise = sc.LatticeGaussianNoise(0.25)
    counts = sc.sample(segmenter, image, noise=noise, n0=0, n=40, seed=12)
    return sc.certify(counts, tau=TAU, alpha=ALPHA, correction=sc.bonferroni)
