"""Near ties: labels that another order of additions could have changed.

The same network on the same noise gives scores that differ in their last bits between numbers of
threads, processors, devices and programs. A label can only change where the lead of the best score
over the second is within that error. A replay counts these labels; see docs/decisions/0014.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from segcert.models.protocol import SegmentationModel, WrappedModel
from segcert.models.resizing.averaging import Output
from segcert.models.resizing.upsample import best_two, lead, upsampled_strips

TOLERANCES = {  # lead, over the scale of the scores of a draw; docs/decisions/0014 has the reasons
    "float64": 1e-9,
    "float32": 1e-4,
    "float32 (tf32 convolutions)": 4e-3,
    "float16": 4e-3,
    "float16 autocast": 4e-3,
    "bfloat16": 3e-2,
    "bfloat16 autocast": 3e-2,
    "int8": 3e-2,
}


def tolerance_of(*arithmetic: str) -> float:
    """Tolerance of the coarsest of several arithmetics, as certificates name them.

    Weights of other types are computed with in float32.
    """
    return max(TOLERANCES.get(one, TOLERANCES["float32"]) for one in arithmetic)


def near_ties(
    segmenter: SegmentationModel, output: Output, components: tuple[int, ...], *, tolerance: float
) -> Bool[Tensor, " b *components"] | None:
    """Find the labels whose score leads the second best by at most a tolerance.

    Args:
        segmenter: What gave the output.
        output: Scores, or what is averaged.
        components: Shape of the components.
        tolerance: Over the scale of the scores, which is the mean size of the larger of the two
            best scores of a draw; of probabilities it is 1.

    Returns:
        Which they are; scores that are not finite tie with nothing. None if the model returns
        labels, which show no tie.
    """
    if isinstance(output, Tensor) and not output.is_floating_point():
        return None
    if isinstance(output, Tensor) and isinstance(segmenter, WrappedModel):
        return ties_of_scores(output, components, tolerance=tolerance)
    margins = segmenter.to_margins(output, components)
    if margins is None:
        return None
    invalid = segmenter.to_labels(output, components) < 0
    return (margins <= tolerance) & ~invalid


def ties_of_scores(
    scores: Float[Tensor, " b k *cells"], components: tuple[int, ...], *, tolerance: float
) -> Bool[Tensor, " b *components"]:
    """Find near ties, draw by draw; a single class ties with nothing."""
    if scores.shape[1] == 1:
        return torch.zeros((len(scores), *components), dtype=torch.bool, device=scores.device)
    scores = scores.float() if scores.element_size() < 4 else scores
    bounds = tolerance * scale_of_scores(scores)
    leads = [lead_of(one[None], components) for one in scores]
    return torch.stack([one <= bound for one, bound in zip(leads, bounds, strict=True)])


def scale_of_scores(scores: Float[Tensor, " b k *cells"]) -> Float[Tensor, " b"]:
    """Mean of the larger size of the two best scores, over what is finite.

    Not of the largest score: models give -1e9 to excluded classes.
    """
    first, second = best_two(scores.transpose(0, 1))
    larger = torch.maximum(first.abs(), second.abs()).flatten(1)
    return larger.where(torch.isfinite(larger), torch.nan).nanmean(1)


def lead_of(
    scores: Float[Tensor, " 1 k *cells"], components: tuple[int, ...]
) -> Float[Tensor, " *components"]:
    """Lead of the best score of one draw over the second, resized to the components."""
    if len(components) != 2:
        return lead(scores[0])
    found = torch.empty(components, dtype=scores.dtype, device=scores.device)
    for rows, wide in upsampled_strips(scores, (components[0], components[1])):
        found[rows] = lead(wide[0])
    return found
