"""Labels of scores resized bilinearly, computed only where neighbouring scores disagree.

A cell is the square between four neighbouring scores. A pixel inside of it has a convex
combination of the four: the class that is the largest at all corners is the largest there too, and
no other one is, unless they tie. Only the pixels of cells whose corners disagree are interpolated.
Up to ties in rounding these are the labels of ``interpolate(mode="bilinear",
align_corners=False)``.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int16, Int64
from torch import Tensor

FEWEST_PIXELS = 2  # per score along each axis: below, finding the cells costs more than it saves
MOST_INTERPOLATED = 0.4  # share of the pixels: above, interpolating all is faster
SCORES_AT_ONCE = 2**17  # numbers; what is in flight stays in the cache


@dataclass(frozen=True, eq=False)
class Steps:
    """The pixels along one axis, by cell. Cell i lies between the scores i - 1 and i.

    The first and the last cell lie beyond the scores at the border, which count as both corners.

    Args:
        cell: Cell of each pixel.
        pixels: Pixels of each cell; the last one is repeated where a cell has fewer than others.
        share: How far each of these pixels is on the way from the first corner to the second.
    """

    cell: Int64[Tensor, " pixels"]
    pixels: Int64[Tensor, " most cells"]
    share: Float32[Tensor, " most cells"]


@lru_cache(maxsize=64)
def steps_along(scores: int, pixels: int) -> Steps:
    """Lay the pixels out along one axis with fewer scores than pixels."""
    centre = (torch.arange(pixels, dtype=torch.float64) + 0.5) * scores / pixels - 0.5
    cell = centre.floor().long() + 1
    counts = cell.bincount(minlength=scores + 1)
    place = torch.arange(int(counts.max())).minimum(counts[:, None] - 1)
    members = counts.cumsum(0)[:, None] - counts[:, None] + place
    share = centre[members] - (cell[members] - 1)
    return Steps(cell, members.T.contiguous(), share.float().T.contiguous())


def labels_by_cells(
    scores: Float[Tensor, " k h w"], size: tuple[int, int]
) -> Int16[Tensor, " height width"] | None:
    """Resize finite scores of one image bilinearly, and take the class of the largest.

    Args:
        scores: Class scores, on the CPU.
        size: Height and width of the labels, pixels.

    Returns:
        The labels; None where interpolating all pixels is faster.
    """
    _, height, width = scores.shape
    if size[0] < FEWEST_PIXELS * height or size[1] < FEWEST_PIXELS * width:
        return None
    rows, columns = steps_along(height, size[0]), steps_along(width, size[1])
    best = largest(scores)
    best = best.index_select(0, border(height)).index_select(1, border(width))
    cells = disagreeing(best).nonzero()
    interpolated = len(cells) * len(rows.share) * len(columns.share)
    if interpolated > MOST_INTERPOLATED * size[0] * size[1]:
        return None
    labels = best.index_select(1, columns.cell).index_select(0, rows.cell)
    at_once = max(1, SCORES_AT_ONCE * len(cells) // max(1, len(scores) * interpolated))
    for part in torch.split(cells, at_once):
        down, right = part.T.contiguous()
        pixels = rows.pixels[:, down][:, None] * size[1] + columns.pixels[:, right]
        wide = interpolate_cells(scores, down, right, rows.share[:, down], columns.share[:, right])
        labels.view(-1).scatter_(0, pixels.reshape(-1), largest(wide).reshape(-1))
    return labels


def border(scores: int) -> Int64[Tensor, " padded"]:
    """Repeat the scores at both borders."""
    return torch.arange(-1, scores + 1).clamp_(0, scores - 1)


def disagreeing(best: Int16[Tensor, " h w"]) -> Bool[Tensor, " h1 w1"]:
    """Find the cells whose four corners do not have one label."""
    first = best[:-1, :-1]
    return (best[:-1, 1:] != first) | (best[1:, :-1] != first) | (best[1:, 1:] != first)


def interpolate_cells(
    scores: Float[Tensor, " k h w"],
    down: Int64[Tensor, " cells"],
    right: Int64[Tensor, " cells"],
    lower: Float32[Tensor, " rows cells"],
    later: Float32[Tensor, " columns cells"],
) -> Float[Tensor, " k rows columns cells"]:
    """Interpolate scores at the pixels of cells.

    By separate sums and products, whose rounding does not depend on how many cells there are.

    Args:
        scores: Class scores.
        down: Number of each cell from top to bottom.
        right: Number of each cell from left to right.
        lower: How far each row of pixels is on the way down.
        later: How far each column of pixels is on the way right.
    """
    k, height, width = scores.shape
    flat = scores.reshape(k, height * width)
    flat = flat.float() if flat.element_size() < 4 else flat
    above, below = (down - 1).clamp(min=0) * width, down.clamp(max=height - 1) * width
    left, next_ = (right - 1).clamp(min=0), right.clamp(max=width - 1)
    sides = []
    for column in (left, next_):
        top, bottom = flat.index_select(1, above + column), flat.index_select(1, below + column)
        sides.append(top[:, None] + (bottom - top)[:, None] * lower)
    return sides[0][:, :, None] + (sides[1] - sides[0])[:, :, None] * later


def largest(scores: Float[Tensor, " k *shape"]) -> Int16[Tensor, " *shape"]:
    """Find the class of the largest score on the CPU, the first of those that tie; none is NaN.

    The maximum first, then where it is: both run through memory in order, unlike a search for the
    place of a maximum. In NumPy, which is quicker to compare few numbers.
    """
    scores = (scores.float() if scores.element_size() < 4 else scores).contiguous()
    best, planes, k = scores.amax(0).numpy(), scores.numpy(), len(scores)
    kind = np.uint8 if k <= np.iinfo(np.uint8).max else np.int16
    rank = np.zeros(best.shape, kind)  # k - label: the first class has the highest
    for label, plane in enumerate(planes):
        np.maximum(rank, np.equal(plane, best).view(np.uint8) * kind(k - label), out=rank)
    return torch.from_numpy(np.subtract(k, rank, dtype=np.int16))
