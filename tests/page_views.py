"""A made-up view of a page, for tests."""

import math

import numpy as np
from PIL import Image

from segcert.certificates.pictures import default_palette
from segcert.report.evidence import CountEvidence, listed_counts
from segcert.report.page_view import ReportView
from segcert.report.radius import l2_ball
from segcert.stats.p_values import pilot_p_values

STATEMENT = "With confidence 0.999: 3 < 4 components keep their class."


def smooth(shape: tuple[int, int], seed: int) -> np.ndarray:
    """Noise of several scales with mean 0 and deviation 1: blurred by resizing."""
    rng, total = np.random.default_rng(seed), np.zeros(shape)
    for cells in (8, 32, 128):
        coarse = Image.fromarray(rng.normal(size=(cells, 2 * cells)).astype(np.float32))
        total += np.asarray(coarse.resize(shape[::-1], Image.Resampling.BICUBIC)) * 8 / cells
    return np.asarray(total / total.std())


def made_up_evidence(hits: np.ndarray, n: int, threshold: int) -> CountEvidence:
    """p-values at tau = 0.75, and radii that grow with the count."""
    counts, p_values = listed_counts(hits, threshold, n), pilot_p_values(n, tau=0.75)
    radii = np.maximum(counts / n - 0.8, 0)
    return CountEvidence(
        counts, p_values[counts], float(p_values[threshold]), radii, "A map of radii."
    )


def make_view(shape: tuple[int, int] = (24, 40), *, n: int = 100, truth: bool = True) -> ReportView:
    scores = np.stack([smooth(shape, seed) for seed in range(4)])
    labels = scores.argmax(0).astype(np.uint8)
    margin = np.diff(np.sort(scores, axis=0)[-2:], axis=0)[0]
    hits = np.random.default_rng(9).binomial(n, 1 - 0.5 * np.exp(-9 * margin))
    threshold = math.ceil(0.87 * n)
    image = np.clip(128 + 40 * np.stack([smooth(shape, s) for s in (5, 6, 7)], -1), 0, 255)
    true = np.where(margin < 0.02, 255, np.roll(labels, 1)).astype(np.uint8) if truth else None
    return ReportView(
        title="a street",
        image=image.astype(np.uint8),
        labels=labels,
        certified=hits >= threshold,
        tested=np.ones(shape, bool),
        hits=hits,
        n=n,
        n0=10,
        threshold=threshold,
        rule=f"a pixel is certified if at least {threshold} agreed",
        shortfall="",
        root=-1,
        class_names=("road", "sky", "tree", "car", "unicorn"),
        palette=default_palette(5),
        base=np.roll(labels, 3, axis=1),
        truth=true,
        right=None if true is None else true == labels,
        statement=STATEMENT,
        radius=l2_ball(0.16869, (3, *shape)),
        radius_text="0.1686 l2",
        evidence=made_up_evidence(hits, n, threshold),
        facts=(("noise", "gaussian"), ("seed", "77")),
        metrics=(("certified share", "12.3%", "of the pixels"),),
        certificate_json='{"alpha": 0.001}',
    )
