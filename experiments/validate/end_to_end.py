"""The whole way: noise on the grid, model, sampler, counts, certificate; and a defective sampler.

The model is a threshold: class 1 where the noise moves a pixel by at most 43 grey levels, which
has a probability of exactly tau. Each repetition is a row of 8 pixels of one large image.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from statistics import NormalDist
from unittest.mock import patch

import numpy as np
from numpy.random import Generator
from torch import Tensor

from segcert.certificates.segcertify import certify
from segcert.errors import SamplingError
from segcert.models.wrapping import as_segmenter
from segcert.noise.gaussian import LatticeGaussianNoise
from segcert.sampling import counting, sampler
from segcert.sampling.counting import Task, noisy_batch
from segcert.sampling.counts import Counts
from segcert.sampling.sampler import sample
from segcert.sampling.streams import Stage

from .cases import sharp
from .controls import BATCH, CONTROLS
from .harness import Case, Tally

END_TO_END = "end to end"
ALPHA, M, SIGMA, STEPS = 0.1, 8, 0.25, 43
TAU = NormalDist().cdf((STEPS + 0.5) / (255 * SIGMA))  # P(noise <= 43 steps) = 0.7525
N = sharp(ALPHA / M, TAU) // BATCH * BATCH


def by_themselves(x: Tensor) -> Tensor:
    """Class 1 up to the threshold: components are independent."""
    return ((x[:, 0] * 255).round() <= 100 + STEPS).long()


def by_the_first(x: Tensor) -> Tensor:
    """The first pixel of a row decides for the row."""
    return by_themselves(x[..., :1].expand(x.shape))


def draw(rng: Generator, repetitions: int, n0: int, *, together: bool = False) -> Counts:
    """Sample one image, a row for each repetition."""
    return sample(
        as_segmenter(by_the_first if together else by_themselves, classes=2),
        np.full((1, repetitions, M), 100, dtype=np.uint8),
        noise=LatticeGaussianNoise(SIGMA),
        n0=n0,
        n=N,
        seed=int(rng.integers(2**32)),
        device="cpu",
        batch_size=BATCH,
    )


def certified_rows(counts: Counts) -> int:
    """Rows with a certified component: at p = tau each of them is an error."""
    errors = 0
    for row in range(len(counts.labels)):
        at = slice(row, row + 1)
        part = replace(
            counts,
            labels=counts.labels[at],
            hits=counts.hits[at],
            pilot_hits=None if counts.pilot_hits is None else counts.pilot_hits[at],
            promise=None if counts.promise is None else counts.promise[at],
            class_counts=None if counts.class_counts is None else counts.class_counts[:, at],
        )
        errors += bool(certify(part, tau=TAU, alpha=ALPHA).certified.any())
    return errors


@contextmanager
def one_noise_a_batch(*, checked: bool) -> Iterator[None]:
    """Feed the first noisy image of each batch through the model in all its places.

    Args:
        checked: Whether the sampler still compares the fingerprints of the draws.
    """

    def repeated(task: Task, stage: Stage, draws: range) -> Tensor:
        return noisy_batch(task, stage, draws[:1]).expand(len(draws), *task.x.shape)

    with patch.object(counting, "noisy_batch", repeated):
        if checked:
            yield
            return
        with patch.object(sampler, "check_distinct", lambda *_: None):
            yield


def repeats_are_refused() -> bool:
    """Whether the sampler as shipped refuses the defect."""
    try:
        with one_noise_a_batch(checked=True):
            draw(np.random.default_rng(0), 50, 12)
    except SamplingError:
        return True
    return False


def end_to_end(repetitions: int) -> list[Case]:
    """The sampler as shipped, and with one noise for each batch."""

    def shipped(n0: int, *, together: bool) -> Case:
        def measure(rng: Generator, number: int) -> Tally:
            found = draw(rng, number, n0, together=together)
            return Tally(certified_rows(found), number)

        return Case(
            END_TO_END,
            f"sample and certify, Holm{', no pilot' * (not n0)}",
            "all together" if together else "independent",
            f"{M} pixels at {TAU:.4f}",
            ALPHA,
            repetitions,
            measure,
        )

    def defective(rng: Generator, number: int) -> Tally:
        with one_noise_a_batch(checked=False):
            return Tally(certified_rows(draw(rng, number, 12)), number)

    return [
        *(shipped(n0, together=together) for n0 in (12, 0) for together in (False, True)),
        Case(
            CONTROLS, "one noise through each batch of 4, real sampler", "independent",
            f"{M} pixels at {TAU:.4f}", ALPHA, repetitions, defective, defect=True,
        ),
    ]  # fmt: skip
