"""Labels and margins of scores resized to the input, without ever holding them at full size."""

from collections.abc import Iterator

import torch
from jaxtyping import Float, Float32, Int16
from torch import Tensor
from torch.nn import functional

from segcert.models.resizing.label_cells import labels_by_cells, largest

SCORES_AT_ONCE = (2**19, 2**27)  # numbers, on a CPU (cache) and on CUDA (few launches)


def labels_of_upsampled(
    scores: Float[Tensor, " b k h w"], size: tuple[int, int]
) -> Int16[Tensor, " b height width"]:
    """Resize scores bilinearly and take the class of the largest, some rows at a time.

    The rows of a strip are interpolated first, then its columns; the result is that of
    ``interpolate(mode="bilinear", align_corners=False)`` up to rounding. On a CPU, where few of
    the neighbouring scores disagree, only the pixels between those are interpolated.

    Args:
        scores: Class scores, finite.
        size: Height and width of the labels, pixels.
    """
    if scores.device.type != "cpu":
        return labels_with_invalid(scores, size, invalid=0)
    return torch.stack([labels_of_one(one, size) for one in scores])


def labels_of_one(
    scores: Float[Tensor, " k h w"], size: tuple[int, int]
) -> Int16[Tensor, " height width"]:
    """Label one image on the CPU."""
    found = labels_by_cells(scores, size)
    if found is not None:
        return found
    labels = torch.empty(size, dtype=torch.int16)
    for rows, wide in upsampled_strips(scores[None], size):
        labels[rows] = largest(wide[0])
    return labels


def labels_with_invalid(
    scores: Float[Tensor, " b k h w"], size: tuple[int, int], *, invalid: int
) -> Int16[Tensor, " b height width"]:
    """Label as `labels_of_upsampled` does, without asking the device whether all is finite.

    Args:
        scores: Class scores.
        size: Height and width of the labels, pixels.
        invalid: Label of the pixels that a score which is not finite touches.
    """
    bad = ~torch.isfinite(scores).all(1, keepdim=True)
    scores = scores.masked_fill(bad, torch.nan)
    labels = torch.empty((len(scores), *size), dtype=torch.int16, device=scores.device)
    for rows, wide in upsampled_strips(scores, size):
        best = wide.max(1)
        labels[:, rows] = best.indices.short().masked_fill_(best.values.isnan(), invalid)
    return labels


def margins_of_upsampled(
    scores: Float[Tensor, " b k h w"], size: tuple[int, int]
) -> Float32[Tensor, " b height width"]:
    """Resize scores and take the softmax of the best class minus that of the second, in [0, 1].

    Image by image: the last bit of a softmax depends on how many values are worked on at once, and
    the margins must not depend on the batch.

    Args:
        scores: Class scores.
        size: Height and width of the margins, pixels.

    Returns:
        The margins; 1 if there is one class only, NaN where a score is not finite.
    """
    margins = torch.ones((len(scores), *size), device=scores.device)
    if scores.shape[1] > 1:
        for image in range(len(scores)):
            for rows, wide in upsampled_strips(scores[image : image + 1], size):
                margins[image, rows] = lead(wide.float().softmax(1)[0])
    return margins


def lead(values: Float[Tensor, " k *shape"]) -> Float[Tensor, " *shape"]:
    """Largest value minus the second largest along the first axis; NaN where there is one."""
    first, second = best_two(values)
    return first - second


def best_two(
    values: Float[Tensor, " k *shape"],
) -> tuple[Float[Tensor, " *shape"], Float[Tensor, " *shape"]]:
    """Largest and second largest value along the first axis, of two or more; NaN where one is."""
    first, second = values[0].maximum(values[1]), values[0].minimum(values[1])
    for plane in values[2:]:
        second = torch.maximum(second, torch.minimum(first, plane))
        first = torch.maximum(first, plane)
    return first, second


def upsampled_strips(
    scores: Float[Tensor, " b k h w"], size: tuple[int, int]
) -> Iterator[tuple[slice, Float[Tensor, " b k rows width"]]]:
    """Resize scores bilinearly, some rows at a time; scores of that size are left as they are.

    Yields:
        Rows, and the scores there.
    """
    height, width = size
    budget = SCORES_AT_ONCE[scores.device.type == "cuda"]
    rows = max(1, budget // (scores.shape[0] * scores.shape[1] * width))
    above, below, share = source_rows(scores.shape[2], height, scores.device)
    for start in range(0, height, rows):
        strip = slice(start, start + rows)
        if scores.shape[2:] == size:  # with weight 0, a NaN would spread to its neighbours
            yield strip, scores[:, :, strip]
            continue
        part = share[strip, None].to(scores.dtype)
        tall = torch.lerp(scores[:, :, above[strip]], scores[:, :, below[strip]], part)
        yield (
            strip,
            functional.interpolate(
                tall, size=(tall.shape[2], width), mode="bilinear", align_corners=False
            ),
        )


def source_rows(source: int, target: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Find the source rows above and below each target row, and the share of the latter."""
    centre = (
        torch.arange(target, device=device, dtype=torch.float64) + 0.5
    ) * source / target - 0.5
    centre = centre.clamp(0, source - 1)
    above = centre.floor().long()
    return above, (above + 1).clamp(max=source - 1), (centre - above).float()
