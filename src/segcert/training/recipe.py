"""Every choice of a training run."""

import math
from dataclasses import asdict, dataclass, field

from segcert.errors import InputError
from segcert.training.augment import Views
from segcert.training.class_weights import check_class_weights
from segcert.training.consistency import Consistency
from segcert.training.point_views import PointViews
from segcert.training.sigmas import Sigmas, describe_sigmas


@dataclass(frozen=True)
class Recipe:
    """Every choice of a training run.

    Args:
        sigma: Standard deviation of the added noise, input units ([0, 1], or those of the cloud),
            or how each view draws its own; 0 trains without noise.
        epochs: Passes over the data.
        batch_size: Views per step.
        learning_rate: Peak of the schedule.
        weight_decay: Of AdamW.
        average: Decay per step of the moving average of the weights (the result).
        seed: Of the views, their order and the noise.
        views: How views of images or of clouds are drawn.
        consistency: Regularisation with several noisy copies of each view; None for one copy.
        class_weights: One weight per class in the cross-entropy; None for equal weights.
        mixed_precision: On CUDA, compute in 16 bits where that is safe.
        start: Name and hash of the weights it goes out from; "random" for none.
    """

    sigma: Sigmas = 0.25
    epochs: int = 80
    batch_size: int = 8
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    average: float = 0.998
    seed: int = 0
    views: Views | PointViews = field(default_factory=Views)
    consistency: Consistency | None = None
    class_weights: tuple[float, ...] | None = None
    mixed_precision: bool = True
    start: str = "random"

    def __post_init__(self) -> None:
        """Check the numbers that a user types."""
        if isinstance(self.sigma, int | float) and not 0 <= self.sigma < math.inf:
            raise InputError(f"sigma must be >= 0 (0 trains without noise), got {self.sigma}")
        if not 0 <= self.seed < 2**63:
            raise InputError(f"seed must be an integer in [0, 2^63), got {self.seed}")
        if self.epochs < 1 or self.batch_size < 2:
            raise InputError(
                f"epochs must be >= 1 and batch_size >= 2 (batch norm), "
                f"got {self.epochs} and {self.batch_size}"
            )
        if not 0 <= self.learning_rate < math.inf:
            raise InputError(f"learning_rate must be >= 0, got {self.learning_rate}")
        if self.class_weights is not None:
            check_class_weights(self.class_weights)

    @property
    def copies(self) -> int:
        """Noisy copies of each view."""
        return self.consistency.copies if self.consistency else 1


def choices(recipe: Recipe) -> dict[str, str]:
    """List every choice in words, by its name; what two recipes differ in can be read off."""
    flat = {}
    for name, value in asdict(recipe).items():
        if name == "sigma":
            flat[name] = describe_sigmas(recipe.sigma)
        elif isinstance(value, dict):
            flat |= {f"{name}.{part}": str(number) for part, number in value.items()}
        else:
            flat[name] = str(value)
    return flat


def unusual(recipe: Recipe) -> dict[str, str]:
    """List the choices that are not the default, apart from those with places of their own."""
    usual = choices(Recipe(epochs=recipe.epochs, seed=recipe.seed))
    if isinstance(recipe.sigma, int | float):
        usual["sigma"] = describe_sigmas(recipe.sigma)
    return {name: words for name, words in choices(recipe).items() if usual.get(name) != words}
