"""Smoothing of one label, used for one pixel: ours after the paper, and ART's if it is installed.

Both certify one class of one pixel at ``alpha / N``, as one of N statements that shall all hold;
N pixels need N such runs, each with its own draws.

Source:
    Cohen, Rosenfeld, Kolter (2019), Algorithm CERTIFY.
"""

from importlib import import_module
from importlib.util import find_spec

import numpy as np
import torch
from jaxtyping import Float
from scipy.stats import beta, norm
from torch import Tensor, nn

from .setting import Found, Setting

ART = "art"  # the module of the Adversarial Robustness Toolbox


class OnePixel(nn.Module):
    """A classifier of images: the class of the pixel in their middle."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Float[Tensor, " b 3 h w"]) -> Float[Tensor, " b k"]:
        """Return class scores."""
        scores: Tensor = self.network(batch)
        return scores[:, :, scores.shape[2] // 2, scores.shape[3] // 2]


def certify_one(setting: Setting) -> Found:
    """Certify the pixel in the middle by Cohen's algorithm."""
    classifier, image = OnePixel(setting.network()), setting.pixels()
    with setting.part("draws"):
        pilot = class_counts(classifier, image, setting, setting.n0)
        counts = class_counts(classifier, image, setting, setting.n)
    with setting.part("statistics"):
        guess = int(pilot.argmax())
        bound = lower_bound(int(counts[guess]), setting.n, setting.alpha / setting.components)
        proved = bound > 0.5 and radius(bound, setting) > 0
    return Found(np.array([guess]), np.array([proved]))


def class_counts(
    classifier: nn.Module, image: Float[Tensor, " 3 h w"], setting: Setting, draws: int
) -> Tensor:
    """How many noisy copies get each class."""
    counts = torch.zeros(setting.classes, dtype=torch.int64)
    with torch.inference_mode():
        for begin in range(0, draws, setting.batch):
            copies = image.expand(min(setting.batch, draws - begin), *image.shape)
            labels = classifier(copies + setting.sigma * torch.randn(copies.shape)).argmax(1)
            counts += torch.bincount(labels, minlength=setting.classes)
    return counts


def lower_bound(hits: int, n: int, alpha: float) -> float:
    """Clopper-Pearson bound from below of a probability; wrong with at most ``alpha``."""
    return float(beta.ppf(alpha, hits, n - hits + 1)) if hits else 0.0


def radius(bound: float, setting: Setting) -> float:
    """Certified radius of a class whose probability is at least ``bound``."""
    return setting.sigma * float(norm.ppf(bound))


def art_is_installed() -> bool:
    """Whether the toolbox can be measured, too."""
    return find_spec(ART) is not None


def certify_by_art(setting: Setting) -> Found:
    """Certify the pixel in the middle by ``RandomizedSmoothing`` of the toolbox."""
    toolbox = import_module(f"{ART}.estimators.certification.randomized_smoothing")

    smoothed = toolbox.PyTorchRandomizedSmoothing(
        model=OnePixel(setting.network()),
        loss=nn.CrossEntropyLoss(),
        input_shape=(3, *setting.size),
        nb_classes=setting.classes,
        clip_values=None,
        scale=setting.sigma,
        sample_size=setting.n0,
        alpha=setting.alpha / setting.components,
        device_type="cpu",
    )
    with setting.part("draws"):
        labels, radii = smoothed.certify(
            setting.pixels()[None].numpy(), n=setting.n, batch_size=setting.batch
        )
    return Found(np.asarray(labels), np.asarray(radii) > 0)
