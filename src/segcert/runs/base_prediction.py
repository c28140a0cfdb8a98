"""What the base model says without noise, for pages: shown beside a certificate, no part of it."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Int16, Shaped
from torch import Tensor

from segcert.attacks.attack import plain_labels
from segcert.errors import is_out_of_memory
from segcert.models.protocol import SegmentationModel

BaseLabels = Int16[np.ndarray, " *components"] | str
BasePrediction = Callable[[Tensor], BaseLabels]


def base_prediction(model: SegmentationModel, *, device: str = "auto") -> BasePrediction:
    """Prepare one pass of a model over an input without noise.

    Args:
        model: The model that was certified, with all that belongs to it.
        device: Where the pass is made.

    Returns:
        From the input to the label of each component, -1 where the scores are not finite;
        or to the reason in words if the model fails: a picture is not worth a certificate.
    """

    def labels(x: Shaped[Tensor, " *shape"]) -> BaseLabels:
        try:
            return plain_labels(model, x, device=device)
        except Exception as error:  # models raise anything
            if is_out_of_memory(error):
                raise
            return f"the model fails on the input without noise: {type(error).__name__}: {error}"

    return labels
