"""Labels of scores that are resized to the input, without ever holding them at full size."""

import torch
from jaxtyping import Float, Int16
from torch import Tensor
from torch.nn import functional

SCORES_AT_ONCE = (2**19, 2**27)  # numbers, on a CPU (cache) and on CUDA (few launches)


def labels_of_upsampled(
    scores: Float[Tensor, " b k h w"], size: tuple[int, int]
) -> Int16[Tensor, " b height width"]:
    """Resize scores bilinearly and take the class of the largest, some rows at a time.

    The rows of a strip are interpolated first, then its columns; the result is that of
    ``interpolate(mode="bilinear", align_corners=False)`` up to rounding.

    Args:
        scores: Class scores.
        size: Height and width of the labels, pixels.
    """
    height, width = size
    budget = SCORES_AT_ONCE[scores.device.type == "cuda"]
    rows = max(1, budget // (scores.shape[0] * scores.shape[1] * width))
    above, below, share = source_rows(scores.shape[2], height, scores.device)
    labels = torch.empty((len(scores), *size), dtype=torch.int16, device=scores.device)
    for start in range(0, height, rows):
        strip = slice(start, start + rows)
        part = share[strip, None].to(scores.dtype)
        tall = torch.lerp(scores[:, :, above[strip]], scores[:, :, below[strip]], part)
        wide = functional.interpolate(
            tall, size=(tall.shape[2], width), mode="bilinear", align_corners=False
        )
        labels[:, strip] = wide.max(1).indices
    return labels


def source_rows(source: int, target: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Find the source rows above and below each target row, and the share of the latter."""
    centre = (
        torch.arange(target, device=device, dtype=torch.float64) + 0.5
    ) * source / target - 0.5
    centre = centre.clamp(0, source - 1)
    above = centre.floor().long()
    return above, (above + 1).clamp(max=source - 1), (centre - above).float()
