"""What a network can learn from noisy views: to segment them, or to take the noise away."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional

from segcert.errors import InputError
from segcert.inputs.labels import IGNORE
from segcert.models.identity.weights_hash import hash_weights
from segcert.training.objective import objective
from segcert.training.recipe import Recipe

Run = Callable[..., Tensor]

STRENGTH = 0.02  # puts the cross-entropy of a pixel beside its squared error in [0, 1] units


@runtime_checkable
class TrainingTask(Protocol):
    """What is learned: the loss of a step, and what is reported of an epoch."""

    @property
    def measure(self) -> str:
        """Name of what ``quality`` returns."""

    def words(self) -> dict[str, str]:
        """Say what tells this task from others, for the file of a run that was stopped."""

    def step(
        self, run: Run, noisy: Tensor, views: Tensor, truth: Tensor, recipe: Recipe
    ) -> tuple[Tensor, float, int]:
        """Compute the loss of a batch, and a sum over how many pixels or values.

        Args:
            run: The network in training.
            noisy: Noisy copies (m b, ...) of the views, in input units.
            views: The clean views: images (b, 3, h, w) in [0, 1], or clouds (b, n, c).
            truth: Class numbers (b, h, w) or (b, n) of the views.
            recipe: Every choice.
        """

    def quality(self, mean: float) -> float:
        """Turn the mean of an epoch into what is reported."""


@dataclass(frozen=True)
class Segmentation:
    """Classify the pixels of noisy views: what makes a model that certifies well."""

    measure: str = "accuracy on noisy views"

    def words(self) -> dict[str, str]:
        """Nothing: this is what runs do by default."""
        return {}

    def step(
        self,
        run: Run,
        noisy: Float[Tensor, " mb 3 h w"],
        views: Float[Tensor, " b 3 h w"],  # noqa: ARG002 (Task)
        truth: Int64[Tensor, " b h w"],
        recipe: Recipe,
    ) -> tuple[Float[Tensor, ""], float, int]:
        """Compute the cross-entropy, and count hits over labelled pixels."""
        scores = upsampled(run(normalise(noisy)), truth)
        right = scores.detach().argmax(1) == truth.repeat(recipe.copies, 1, 1)
        labelled = recipe.copies * int((truth != IGNORE).sum())
        return objective(scores, truth, recipe), int(right.sum()), labelled

    def quality(self, mean: float) -> float:
        """Return the accuracy."""
        return mean


@dataclass(frozen=True, eq=False)
class Denoising:
    """Take the noise away: the mean squared error to the clean view, and a frozen classifier.

    With a classifier, its cross-entropy on the denoised view is added; the labels are its own on
    the clean view, so no ground truth is used.

    Args:
        classifier: Network that shall understand the denoised views, from [-1, 1] to scores, in
            eval mode; its weights are frozen. None for the squared error alone.
        strength: Factor of its cross-entropy.

    Raises:
        InputError: If the factor is negative.

    Source:
        Salman, Sun, Yang, Kapoor, Kolter (2020), NeurIPS (the MSE and the stability objective);
        Zhang et al. (2017), IEEE TIP, eq. (1).
    """

    classifier: nn.Module | None = None
    strength: float = STRENGTH
    measure: str = "PSNR of denoised views in dB"

    def __post_init__(self) -> None:
        """Check what a user types, and freeze the classifier."""
        if not 0 <= self.strength < math.inf:
            raise InputError(f"weight of the stability must be >= 0, got {self.strength}")
        if self.classifier is not None:
            self.classifier.eval().requires_grad_(requires_grad=False)

    def words(self) -> dict[str, str]:
        """Name the task and what its loss is made of."""
        if self.classifier is None:
            return {"task": "denoising"}
        of_model = getattr(self.classifier, "sha256", None) or hash_weights(self.classifier)
        found = f"{self.strength:g} with the classifier {of_model}"
        return {"task": "denoising", "stability": found}

    def step(
        self,
        run: Run,
        noisy: Float[Tensor, " mb 3 h w"],
        views: Float[Tensor, " b 3 h w"],
        truth: Int64[Tensor, " b h w"],  # noqa: ARG002 (Task)
        recipe: Recipe,
    ) -> tuple[Float[Tensor, ""], float, int]:
        """Compute the loss, and sum the squared errors over all values."""
        clean = views.repeat(recipe.copies, 1, 1, 1)
        denoised = run(noisy.contiguous(memory_format=torch.channels_last))
        error = functional.mse_loss(denoised, clean)
        loss = error
        if self.classifier is not None:
            loss = error + self.strength * self.instability(self.classifier, denoised, clean)
        return loss, error.item() * clean.numel(), clean.numel()

    def instability(
        self,
        classifier: nn.Module,
        denoised: Float[Tensor, " b 3 h w"],
        clean: Float[Tensor, " b 3 h w"],
    ) -> Float[Tensor, ""]:
        """Cross-entropy of the classifier on denoised views against its labels of clean ones."""
        classifier = classifier.to(clean.device)
        with torch.no_grad():
            labels = classifier(normalise(clean)).argmax(1)
        return functional.cross_entropy(classifier(normalise(denoised)), labels)

    def quality(self, mean: float) -> float:
        """Return the peak signal-to-noise ratio, in dB, of values in [0, 1]."""
        return -10 * math.log10(max(mean, 1e-12))


def normalise(images: Tensor) -> Tensor:
    """Map [0, 1] to [-1, 1] and lay the batch out for fast convolutions."""
    return (2 * images - 1).contiguous(memory_format=torch.channels_last)


def upsampled(scores: Tensor, truth: Tensor) -> Tensor:
    """Resize scores to the size of the labels."""
    size = (truth.shape[-2], truth.shape[-1])
    return functional.interpolate(scores, size=size, mode="bilinear", align_corners=False)
