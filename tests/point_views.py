"""A made-up cloud and its view, for tests."""

import math

import numpy as np
from page_views import made_up_evidence

from segcert.certificates.pictures import default_palette
from segcert.report.points_view import PointsView
from segcert.report.radius import l2_ball


def make_points_view(points: int = 2048, *, n: int = 100, truth: bool = True) -> PointsView:
    """Two balls, one on the other; draws agree less where they touch."""
    rng = np.random.default_rng(3)
    sphere = rng.normal(size=(points, 3))
    sphere /= np.linalg.norm(sphere, axis=1, keepdims=True)
    labels = rng.integers(0, 2, points)
    cloud = np.where(labels[:, None] == 0, sphere, 0.6 * sphere + (0, 1.5, 0))
    margin = np.abs(cloud[:, 1] - 0.95)
    hits = rng.binomial(n, 1 - 0.5 * np.exp(-6 * margin))
    threshold = math.ceil(0.87 * n)
    true = np.where(margin < 0.05, 1 - labels, labels).astype(np.uint8)
    true[:20] = 255
    return PointsView(
        title="two balls",
        points=cloud.astype(np.float32),
        labels=labels,
        certified=hits >= threshold,
        tested=np.ones(points, bool),
        hits=hits,
        n=n,
        threshold=threshold,
        rule=f"a point is certified if at least {threshold} agreed",
        shortfall="",
        class_names=("body", "head", "tail"),
        palette=default_palette(3),
        base=np.roll(labels, 5).astype(np.uint8),
        truth=true if truth else None,
        statement="With confidence 0.999: 3 < 4 points keep their part.",
        radius=l2_ball(0.16869, (points, 3)),
        radius_text="0.1686 l2",
        evidence=made_up_evidence(hits, n, threshold),
        facts=(("noise", "gaussian"), ("seed", "77")),
        metrics=(("certified", "81.2%", "of the points"), ("radius", "0.1686", "l2")),
        certificate_json='{"alpha": 0.001}',
    )
