"""Noise on floating-point inputs, through sampler and certificate; and models that read floats.

The models are thresholds at inputs between the points of the grid: class 1 up to a value, with a
probability of exactly tau. The reader asks whether small values have digits beyond 2^-34: where
noise is added in float32 to 0 they have, where it is added to 0.00225 they have not. Its
certificate at 0 is an error if it names another class than the reader's at 0.00225, within R.
"""

from dataclasses import replace
from unittest.mock import patch

import numpy as np
import torch
from numpy.random import Generator
from scipy.stats import laplace, norm, uniform
from torch import Tensor

from segcert.certificates.segcertify import certify
from segcert.models.wrapping import as_segmenter
from segcert.noise.base import AbstractNoise
from segcert.noise.brightness import BrightnessNoise
from segcert.noise.contrast import ContrastNoise
from segcert.noise.gaussian import GaussianNoise
from segcert.noise.laplace import LaplaceNoise
from segcert.noise.uniform import UniformNoise
from segcert.sampling import setup
from segcert.sampling.counts import Counts
from segcert.sampling.sampler import sample

from .cases import sharp
from .controls import CONTROLS
from .end_to_end import END_TO_END
from .harness import Case, Tally

ALPHA, M, SCALE, X = 0.1, 8, 0.25, 0.4
SIDE, DISTANT, SMALL, READER_TAU = 48, 0.00225, 2.0**-11, 0.75


def thresholds() -> list[tuple[AbstractNoise, float, float]]:
    """Noise, cut, and the exact probability that a value is at most the cut."""
    found: list[tuple[AbstractNoise, float, float]] = []
    for noise, law in (
        (GaussianNoise(SCALE), norm),
        (UniformNoise(SCALE), uniform(-1, 2)),
        (LaplaceNoise(SCALE), laplace),
        (BrightnessNoise(SCALE), norm),
        (ContrastNoise(SCALE), norm),
    ):
        gridded = noise.with_grid(torch.zeros(1))
        x, step = float(np.float32(X)), gridded.step
        cut = round((X + 0.15) / step) * step
        if isinstance(noise, ContrastNoise):
            x, cut = float(np.float32(0.9)), round(0.96 / step) * step
            distance = np.log((cut + step / 2 - 0.5) / (x - 0.5)) / SCALE
        else:
            distance = (cut + step / 2 - x) / SCALE
        found.append((noise, cut, float(law.cdf(distance))))
    return found


def draw_rows(rng: Generator, repetitions: int, noise: AbstractNoise, cut: float, n: int) -> Counts:
    """Sample an image with a row for each repetition, of noise that is independent there."""
    x = 0.9 if isinstance(noise, ContrastNoise) else X
    return sample(
        as_segmenter(lambda batch: (batch[:, 0].double() <= cut).long(), classes=2),
        np.full((1, repetitions, M), x, dtype=np.float32),
        noise=noise, n0=12, n=n, seed=int(rng.integers(2**32)), device="cpu",
    )  # fmt: skip


def part_of(counts: Counts, rows: slice, columns: slice) -> Counts:
    """Counts of some of the pixels."""
    at = (rows, columns)
    return replace(
        counts,
        labels=counts.labels[at],
        hits=counts.hits[at],
        pilot_hits=None if counts.pilot_hits is None else counts.pilot_hits[at],
        promise=None if counts.promise is None else counts.promise[at],
    )


def threshold_case(
    noise: AbstractNoise, cut: float, tau: float, *, repetitions: int, images: int
) -> Case:
    """At p = tau every certified pixel is an error; one number per draw decides all pixels."""
    together = isinstance(noise, (BrightnessNoise, ContrastNoise))
    n = sharp(ALPHA if together else ALPHA / M, tau)

    def measure(rng: Generator, number: int) -> Tally:
        if together:  # a draw is one event: one image for each repetition
            found = [draw_rows(rng, 1, noise, cut, n) for _ in range(number)]
            rows = [part_of(counts, slice(0, 1), slice(0, 1)) for counts in found]
        else:
            counts = draw_rows(rng, number, noise, cut, n)
            rows = [part_of(counts, slice(row, row + 1), slice(None)) for row in range(number)]
        errors = sum(bool(certify(row, tau=tau, alpha=ALPHA).certified.any()) for row in rows)
        return Tally(errors, number)

    return Case(
        END_TO_END, f"{noise.kind} on floats, Holm", "all together" if together else "independent",
        f"{1 if together else M} pixels at {tau:.4f}", ALPHA,
        images if together else repetitions, measure,
    )  # fmt: skip


def reads_the_grid(batch: Tensor) -> Tensor:
    """Class 1 of the whole image where a small value is no multiple of 2^-34."""
    v = batch[:, 0].double()
    fine = ((v.abs() < SMALL) & (v * 2.0**34 != (v * 2.0**34).round())).any(-1).any(-1)
    return fine.long()[:, None, None].expand(v.shape)


def reader_case(images: int, *, gridded: bool) -> Case:
    """The reader under the noise of today, or under that of format version 2: the defect."""

    def measure(rng: Generator, number: int) -> Tally:
        errors = sum(misled(rng, gridded=gridded) for _ in range(number))
        return Tally(errors, number)

    return Case(
        END_TO_END if gridded else CONTROLS,
        "model that reads the float grid" + ("" if gridded else ", noise added in float32"),
        "all together", f"class at a distance of 0.108 < R at {READER_TAU}", ALPHA,
        images, measure, defect=not gridded,
    )  # fmt: skip


def misled(rng: Generator, *, gridded: bool) -> bool:
    """Whether the certificate at 0 names another class than the reader's at the distant image."""
    noise, n = GaussianNoise(SCALE), sharp(ALPHA, READER_TAU)
    segmenter = as_segmenter(reads_the_grid, classes=2)

    def drawn(value: float, n: int) -> Counts:
        return sample(
            segmenter, np.full((1, SIDE, SIDE), value, dtype=np.float32),
            noise=noise, n0=5, n=n, seed=int(rng.integers(2**32)), device="cpu",
        )  # fmt: skip

    if gridded:
        here, there = drawn(0.0, n), drawn(DISTANT, 1)  # there, the pilot tells the class
    else:
        with patch.object(setup, "fitted_noise", lambda noise, _: noise):
            here, there = drawn(0.0, n), drawn(DISTANT, 1)
    found = certify(part_of(here, slice(0, 1), slice(0, 1)), tau=READER_TAU, alpha=ALPHA)
    return bool(found.certified.any()) and found.labels[0, 0] != there.labels[0, 0]


def float_noise(repetitions: int, images: int) -> list[Case]:
    """All of them.

    Args:
        repetitions: How often what a row of one image tells is measured.
        images: How often what takes a whole image is.
    """
    return [
        *(
            threshold_case(*threshold, repetitions=repetitions, images=images)
            for threshold in thresholds()
        ),
        reader_case(images, gridded=True),
        reader_case(images, gridded=False),
    ]
