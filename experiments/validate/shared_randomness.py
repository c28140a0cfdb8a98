"""Models with randomness of their own, through the real sampler: fresh for each draw, or shared.

Each repetition is a pixel of one image, with a coin of its own: class 0 with probability tau, so
that each certificate is an error. One model throws it for each draw; the other for each call, so
that all draws of a batch share it. The sampler must not batch the other's draws; where its test
is off, in batches of 32, n hits out of n have the probability tau^4.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from unittest.mock import patch

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from segcert.certificates.segcertify import certify
from segcert.models.wrapping import as_segmenter
from segcert.noise.gaussian import LatticeGaussianNoise
from segcert.sampling import mixing
from segcert.sampling.counts import Counts
from segcert.sampling.sampler import sample

from .cases import TAU, sharp
from .controls import CONTROLS
from .end_to_end import END_TO_END
from .harness import Case, Tally

ALPHA, STRICT = 0.1, 0.001
BATCH = 32
N = sharp(ALPHA)  # one component each: the whole of alpha


def draw(rng: Generator, repetitions: int, n: int, *, shared: bool) -> Counts:
    """Sample one image, a pixel for each repetition.

    Args:
        rng: Throws the coins.
        repetitions: Number of pixels.
        n: Draws that are counted.
        shared: Whether all draws of a batch have the same coins.
    """

    def coins(x: Tensor) -> Tensor:
        thrown = rng.random((1 if shared else len(x), *x.shape[2:])) >= TAU
        return torch.from_numpy(thrown).long().expand(len(x), *x.shape[2:])

    return sample(
        as_segmenter(coins, classes=2, stochastic=True),
        np.full((1, repetitions, 1), 100, dtype=np.uint8),
        noise=LatticeGaussianNoise(0.25),
        n0=12,
        n=n,
        seed=int(rng.integers(2**32)),
        device="cpu",
        batch_size=BATCH,
    )


def certified_pixels(counts: Counts, *, alpha: float) -> int:
    """Pixels that are certified, each by a statement of its own."""
    certified = 0
    for at in range(len(counts.labels)):
        part = slice(at, at + 1)
        pilot, promise = counts.pilot_hits, counts.promise
        one = replace(
            counts,
            labels=counts.labels[part],
            hits=counts.hits[part],
            pilot_hits=None if pilot is None else pilot[part],
            promise=None if promise is None else promise[part],
        )
        certified += bool(certify(one, tau=TAU, alpha=alpha).certified.any())
    return certified


@contextmanager
def believed() -> Iterator[None]:
    """Take every model's word that its randomness is fresh for each draw."""
    with patch.object(mixing, "is_fresh_for_each_draw", lambda *_: True):
        yield


def shared_randomness(repetitions: int) -> list[Case]:
    """Fresh and shared coins as the sampler treats them, and shared ones that it believes."""

    def treated(name: str, *, shared: bool) -> Case:
        def measure(rng: Generator, number: int) -> Tally:
            return Tally(certified_pixels(draw(rng, number, N, shared=shared), alpha=ALPHA), number)

        return Case(
            END_TO_END, f"{name}, batches of {BATCH} asked for", "one pixel",
            f"1 at {TAU:g}", ALPHA, repetitions, measure,
        )  # fmt: skip

    def trusted(rng: Generator, number: int) -> Tally:
        with believed():
            return Tally(
                certified_pixels(draw(rng, number, 100, shared=True), alpha=STRICT), number
            )

    return [
        treated("a coin of the model for each draw", shared=False),
        treated("a coin of the model for each call", shared=True),
        Case(
            CONTROLS, f"a coin for each call, believed, batches of {BATCH}", "one pixel",
            f"1 at {TAU:g}", STRICT, repetitions, trusted, defect=True,
        ),
    ]  # fmt: skip
