"""Counts after several numbers of draws: those of runs by themselves."""

import numpy as np
import pytest
import torch

from segcert.certificates.segcertify import certify
from segcert.errors import InputError
from segcert.models.adapter import Segmenter
from segcert.models.wrapping import as_segmenter
from segcert.noise.gaussian import GaussianNoise
from segcert.sampling.counts import Counts
from segcert.sampling.sampler import sample
from segcert.sampling.several import sample_several

NOISE = GaussianNoise(0.25)
IMAGE = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)


def bright(batch: torch.Tensor) -> torch.Tensor:
    return (batch[:, 0] > 0.5).long()


@pytest.fixture
def model() -> Segmenter:
    return as_segmenter(bright, classes=2, name="bright")


def same(one: Counts, other: Counts) -> bool:
    arrays = ("labels", "hits", "test_fingerprints", "pilot_fingerprints")
    return one.n == other.n and all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in arrays
    )


@pytest.mark.parametrize("n0", [0, 3])
def test_each_is_what_a_run_by_itself_counts(model: Segmenter, n0: int) -> None:
    numbers = (7, 20, 33)
    found = sample_several(model, IMAGE, noise=NOISE, n0=n0, n=numbers, seed=4)
    for n, counts in zip(numbers, found, strict=True):
        by_itself = sample(model, IMAGE, noise=NOISE, n0=n0, n=n, seed=4)
        assert same(counts, by_itself)
        assert counts.sequential is None
        assert counts.provenance.stop_rule == ""
    assert not np.array_equal(found[0].hits, found[2].hits)


def test_certificates_are_at_the_whole_alpha(model: Segmenter) -> None:
    """Not at the share of a look; 33 hits of 33 are a proof at 0.05 / 48, not at a third of it."""
    *_, last = sample_several(model, IMAGE, noise=NOISE, n0=3, n=(5, 20, 33), seed=4)
    by_itself = certify(sample(model, IMAGE, noise=NOISE, n0=3, n=33, seed=4), tau=0.8, alpha=0.05)
    shared = certify(last, tau=0.8, alpha=0.05)
    assert shared.threshold == by_itself.threshold
    assert np.array_equal(shared.certified, by_itself.certified)
    assert shared.statement == by_itself.statement


def test_draws_are_made_once_and_counts_are_handed_on_the_way(model: Segmenter) -> None:
    drawn, taken = [], []
    sample_several(
        model, IMAGE, noise=NOISE, n0=3, n=(7, 20), seed=4, batch_size=1,
        progress=lambda done, total: drawn.append((done, total)), at=taken.append,
    )  # fmt: skip
    assert drawn == [(done, 23) for done in range(1, 24)]
    assert [counts.n for counts in taken] == [7]


@pytest.mark.parametrize("n", [(), (5, 5), (7, 3), (0, 3)])
def test_numbers_must_increase(model: Segmenter, n: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="looks must"):
        sample_several(model, IMAGE, noise=NOISE, n0=3, n=n)
