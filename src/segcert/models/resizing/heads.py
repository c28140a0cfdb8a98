"""Heads that are compared with thresholds, as scores of classes of which the largest wins.

So everything that is made for classes (resizing, attacks, margins) takes them as they are.
"""

import torch
from jaxtyping import Float, Int64, Shaped
from torch import Tensor
from torch.nn import functional

from segcert.errors import ModelError

IMAGE_AXES = 4


def binary_scores(
    found: Float[Tensor, " b *shape"], axes: int, *, threshold: float, name: str
) -> Float[Tensor, " b 2 *sides"]:
    """Score "above the threshold" against the rest; a tie is the rest, class 0.

    Args:
        found: One channel (b, 1, h, w), or none (b, h, w).
        axes: Of an output with an axis of classes.
        threshold: In units of the output: 0 for logits, a probability after a sigmoid.
        name: Of the model.

    Raises:
        ModelError: If there are several channels.
    """
    if found.ndim == axes - 1:
        found = found.unsqueeze(1)
    if found.ndim != axes or found.shape[1] != 1:
        raise ModelError(
            f"model {name} is said to be binary, and returned shape {tuple(found.shape)}: a binary "
            "head has one channel; leave binary out where there are two, or give regions, one "
            "threshold each, where several overlap"
        )
    return torch.cat([torch.zeros_like(found), found - threshold], 1)


def region_scores(
    found: Float[Tensor, " b k *shape"],
    sides: tuple[int, ...],
    *,
    thresholds: tuple[float, ...],
    name: str,
) -> Float[Tensor, " b k_and_one *sides"]:
    """Paint overlapping regions one after the other over a background: the last one wins.

    Class 0 is the background, where no channel is above its threshold; class i + 1 is channel i,
    where it is above and no later one is. Its score is by how much that holds: the smaller of its
    own lead over the threshold and of how far the later ones stay below theirs.

    Args:
        found: Scores of the channels; of images they are resized to the input first.
        sides: Of what the network saw.
        thresholds: One for each channel.
        name: Of the model.

    Raises:
        ModelError: If there are more or fewer channels.
    """
    if found.ndim != len(sides) + 2 or found.shape[1] != len(thresholds):
        raise ModelError(
            f"model {name} returned shape {tuple(found.shape)}, and regions has "
            f"{len(thresholds)} thresholds: give one for each channel"
        )
    if found.ndim == IMAGE_AXES and tuple(found.shape[2:]) != sides:
        found = functional.interpolate(found, size=sides, mode="bilinear", align_corners=False)
    lead = [found[:, i] - threshold for i, threshold in enumerate(thresholds)]
    below = torch.full_like(lead[0], torch.inf)  # how far all later channels stay below
    scores = []
    for one in reversed(lead):
        scores.append(torch.minimum(one, below))
        below = torch.minimum(below, -one)
    return torch.stack([below, *reversed(scores)], 1)


def whole_labels(found: Shaped[Tensor, " b *shape"]) -> Int64[Tensor, " b *shape"]:
    """Labels that come as floating-point numbers; -1, which is refused, where one is no integer."""
    if not found.is_floating_point():
        return found.long()
    return torch.where(found == found.round(), found, -1.0).long()
