"""Whether inputs and outputs are what was said of a network, seen on the first of them."""

import torch

from segcert.errors import InputError, ModelError
from segcert.models.resizing.averaging import Output
from segcert.models.resizing.conventions import BANDS, Convention


def check_bands(convention: Convention, bands: int, *, name: str) -> None:
    """Refuse inputs of other channels than were said; nothing was said of "rgb", the usual.

    Raises:
        InputError: If so.
    """
    wanted = BANDS[convention.channels]
    if convention.channels != "rgb" and bands not in wanted:
        raise InputError(
            f"model {name} is said to take channels {convention.channels}, of inputs with "
            f"{' or '.join(map(str, wanted))}, and this one has {bands}: give another input, or "
            "other channels"
        )


def check_logits(output: Output, *, name: str) -> None:
    """Refuse what looks like probabilities where a binary head is compared with 0 by default.

    Nobody has said the threshold, and 0 would put everything into class 1.

    Args:
        output: Scores (b, 2, ...) of a binary head; the second are those of the network.
        name: Of the model.

    Raises:
        ModelError: If all scores lie in [0, 1].
    """
    if not isinstance(output, torch.Tensor) or not output.is_floating_point():
        return
    scores = output[:, 1]
    if bool(((scores >= 0) & (scores <= 1)).all()):
        raise ModelError(
            f"model {name} is binary, and all its scores lie in [0, 1], as those after a sigmoid "
            "do, of which all are above 0: give the threshold, 0.5 of probabilities (--threshold "
            "0.5, threshold=), or 0 if they are logits all the same"
        )
