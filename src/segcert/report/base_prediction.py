"""What the base model says without noise, for pages: shown beside a certificate, no part of it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Int16

from segcert.attacks.attack import plain_labels
from segcert.models.base import BaseModel
from segcert.runs.kinds import IMAGES, InputKind

BaseLabels = Int16[np.ndarray, " *components"] | str
BasePrediction = Callable[[Path], BaseLabels]


def base_prediction(
    model: BaseModel, *, kind: InputKind = IMAGES, device: str = "auto"
) -> BasePrediction:
    """Prepare one pass of a model over a file without noise.

    Args:
        model: The model that was certified, with all that belongs to it.
        kind: How its inputs are read.
        device: Where the pass is made.

    Returns:
        From the path of a file to the label of each component, -1 where the scores are not finite;
        or to the reason in words if the model fails: a picture is not worth a certificate.
    """

    def labels(path: Path) -> BaseLabels:
        x = kind.read(path)
        try:
            return plain_labels(model, x if x.is_floating_point() else x / 255, device=device)
        except Exception as error:  # models raise anything
            return f"the model fails on the input without noise: {type(error).__name__}: {error}"

    return labels
