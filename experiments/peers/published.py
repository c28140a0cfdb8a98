"""SegCertify as it was published: every label kept, one-hot counts, a SciPy test for each pixel.

Written from the description in the paper, to be compared with. Unlike the scripts that came with
it, it draws independent noise for each copy within a batch.

Source:
    Fischer, Baader, Vechev (2021), Algorithm 2 and section 5.
"""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int64
from scipy.stats import binomtest
from torch import Tensor

from .setting import Found, Setting

Network = Callable[[Tensor], Tensor]


def certify(setting: Setting) -> Found:
    """Certify an image: its labels, and which of them are proved."""
    network, image = setting.network(), setting.pixels()
    with setting.part("draws"):
        pilot = drawn_labels(network, image, setting, setting.n0)
        labels = drawn_labels(network, image, setting, setting.n)
    with setting.part("statistics"):
        guess = one_hot_counts(pilot, setting.classes).argmax(-1)
        counts = one_hot_counts(labels, setting.classes)
        hits = np.take_along_axis(counts, guess[..., None], -1)[..., 0]
        p_values = tests_by_pixel(hits.ravel(), n=setting.n, tau=setting.tau)
        certified = step_down(p_values, alpha=setting.alpha).reshape(guess.shape)
    return Found(guess, certified)


def drawn_labels(
    network: Network, image: Float[Tensor, " 3 h w"], setting: Setting, draws: int
) -> Int64[np.ndarray, " n h w"]:
    """Labels of noisy copies of an image, all of them kept."""
    found = []
    with torch.inference_mode():
        for begin in range(0, draws, setting.batch):
            copies = image.expand(min(setting.batch, draws - begin), *image.shape)
            noisy = copies + setting.sigma * torch.randn(copies.shape)
            scores = network(noisy)
            whole = torch.nn.functional.interpolate(
                scores, size=image.shape[1:], mode="bilinear", align_corners=False
            )
            found.append(whole.argmax(1).numpy())
    return np.concatenate(found)


def one_hot_counts(
    labels: Int64[np.ndarray, " n h w"], classes: int
) -> Int64[np.ndarray, " h w k"]:
    """How many draws gave each class at each pixel."""
    counts = np.zeros((*labels.shape[1:], classes), dtype=np.int64)
    for one in labels:
        counts += np.eye(classes, dtype=np.int64)[one]
    return counts


def tests_by_pixel(
    hits: Int64[np.ndarray, " m"], *, n: int, tau: float
) -> Float64[np.ndarray, " m"]:
    """P-values of "the class has a probability of at most tau", one call of SciPy each."""
    return np.array([binomtest(int(k), n, tau, alternative="greater").pvalue for k in hits])


def step_down(p_values: Float64[np.ndarray, " m"], *, alpha: float) -> Bool[np.ndarray, " m"]:
    """Reject by Holm's procedure.

    Source:
        Holm (1979), Scand. J. Statist. 6(2):65-70.
    """
    order = np.argsort(p_values, kind="stable")
    passed = p_values[order] <= alpha / np.arange(len(p_values), 0, -1)
    rejected = np.zeros(len(p_values), dtype=bool)
    rejected[order] = np.logical_and.accumulate(passed)
    return rejected
