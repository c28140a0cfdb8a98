"""The worst model for rotations, by Neyman-Pearson, numerically: used as an oracle by tests.

A cloud without symmetries shows a model the whole rotation, so the worst model is any set of
rotations. For a noise whose density depends on the rotation angle alone, and a rotation by
``theta`` about the third axis, the ratio of the densities depends on two numbers of the unit
quaternion, ``q0`` and ``q3``: the angle of ``R`` is ``2 acos|q0|``, and that of ``R Q^-1`` is
``2 acos|q0 cos(theta / 2) + q3 sin(theta / 2)|``. Uniform quaternions have these two uniform in
the unit disc (Archimedes, in four dimensions). So the worst set is a fractional knapsack on the
cells of a disc.
"""

import math
from collections.abc import Callable

import numpy as np

Density = Callable[[np.ndarray], np.ndarray]


def igso3_density(sigma: float) -> Density:
    """Density of IGSO(3) relative to the uniform law, as the theta function of short times.

    With ``t = sigma^2 / 2`` the series of characters equals ``sqrt(pi) t^-1.5 exp(t / 4) / (2 sin(w
    / 2)) sum_k (-1)^k (w - 2 pi k) exp(-(w - 2 pi k)^2 / (4 t))`` (Poisson summation): no term of
    it is in the library.
    """
    t = sigma**2 / 2

    def density(w: np.ndarray) -> np.ndarray:
        w = np.maximum(w, 1e-9)
        total = sum(
            (-1) ** k * (w - 2 * math.pi * k) * np.exp(-((w - 2 * math.pi * k) ** 2) / (4 * t))
            for k in range(-6, 7)
        )
        found: np.ndarray = (
            math.sqrt(math.pi) * t**-1.5 * math.exp(t / 4) * total / (2 * np.sin(w / 2))
        )
        return np.maximum(found, 0)

    return density


def axis_angle_density(sigma: float) -> Density:
    """Density of the rotation by a Gaussian rotation vector, relative to the uniform law."""

    def density(w: np.ndarray) -> np.ndarray:
        w = np.maximum(w, 1e-9)
        lengths = [np.abs(w + 2 * math.pi * k) for k in range(-4, 5)]
        total = sum(v**2 * np.exp(-(v**2) / (2 * sigma**2)) for v in lengths)
        found: np.ndarray = (
            8 * math.pi**2 * (2 * math.pi * sigma**2) ** -1.5 * total / (4 * np.sin(w / 2) ** 2)
        )
        return found

    return density


def worst_probability(density: Density, p: float, theta: float, *, cells: int = 500) -> float:
    """Least probability after a rotation by ``theta`` of a class that had ``p`` before."""
    height = (np.arange(cells) + 0.5)[:, None] / cells * math.pi / 2  # q0^2 + q3^2 = cos(height)^2
    turn = (
        (np.arange(2 * cells) + 0.5) / (2 * cells) - 0.5
    ) * math.pi  # half a disc; q and -q agree
    radius, area = np.cos(height), np.cos(height) * np.sin(height)
    known = np.linspace(1e-6, math.pi, 20_001)
    levels = np.log(np.maximum(density(known), 1e-280))

    def masses(shift: float) -> np.ndarray:
        angle = 2 * np.arccos(np.minimum(np.abs(radius * np.cos(turn - shift)), 1))
        found = area * np.exp(np.interp(angle, known, levels))
        return (found / found.sum()).ravel()

    before, after = masses(0.0), masses(theta / 2)
    order = np.argsort(after / np.maximum(before, 1e-300))
    before, after = before[order], after[order]
    share = np.clip((p - (np.cumsum(before) - before)) / np.maximum(before, 1e-300), 0, 1)
    return float((share * after).sum())


def worst_radius(density: Density, p: float) -> float:
    """Largest rotation angle, up to pi, at which no class of probability ``p`` falls below 1/2."""
    low, high = 0.0, math.pi
    for _ in range(18):
        middle = (low + high) / 2
        if worst_probability(density, p, middle) >= 0.5:
            low = middle
        else:
            high = middle
    return low
